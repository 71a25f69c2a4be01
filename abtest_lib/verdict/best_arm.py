"""The arm to ship, if any: among those that guardrails and the other goals let pass, the one with the largest gain."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.judgement import BestArm
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.scorecard import Scorecard

A = TypeVar("A", bound=np.generic)


def find_best_arm(card: Scorecard, rules: Rules) -> BestArm:
    """Find the arm with the largest gain in the first goal that ships one, else in the first that proves one.

    Args:
        card: What is known about every metric.
        rules: The level of the posterior.
    """
    by_goal = [_best_by_goal(card, card.goals[:, place]) for place in range(card.goals.shape[1])]
    if len(by_goal) == 1:
        return by_goal[0]
    ships = np.stack([best.ships(rules.ship_probability) for best in by_goal])
    is_proven = np.stack([best.is_proven for best in by_goal])
    choice = np.where(ships.any(axis=0), ships.argmax(axis=0), is_proven.argmax(axis=0))
    return BestArm(*(_choose([getattr(best, item.name) for best in by_goal], choice) for item in fields(BestArm)))


def _choose(values: Sequence[npt.NDArray[A]], choice: Ints) -> npt.NDArray[A]:
    return np.asarray(np.take_along_axis(np.stack(values), choice[None], axis=0)[0])


def _best_by_goal(card: Scorecard, goal: Ints) -> BestArm:
    """Find the arm with the largest gain in a goal; where no arm passes the others, among all that are compared."""
    passes = card.is_cleared & ~card.of_goal(goal, card.is_harmful_elsewhere)
    is_eligible = card.is_compared & passes
    among = np.where(is_eligible.any(axis=2, keepdims=True), is_eligible, card.is_compared)
    rank = card.of_goal(goal, lambda one: one.rank)
    unknown = np.finfo(np.float64).min  # an arm without a value comes after the others, but before the control
    index = np.argmax(np.where(among, np.nan_to_num(rank, nan=unknown), -np.inf), axis=2)
    index = np.where(card.is_compared.any(axis=2), index, -1)

    def is_above_zero(values: Floats) -> Bools:
        return np.asarray(_at(values, index) > 0) & (goal >= 0)[:, None]

    return BestArm(
        index=index,
        goal=np.broadcast_to(np.maximum(goal, 0)[:, None], index.shape),
        is_proven=is_above_zero(card.of_goal(goal, lambda one: one.least_gain)),
        is_cleared=_at(passes.astype(np.float64), index) > 0,
        probability=_at(card.of_goal(goal, lambda one: one.probability_beats_control), index),
        leads=is_above_zero(card.of_goal(goal, lambda one: one.sign * one.difference)),
        leads_under_other_policy=is_above_zero(card.of_goal(goal, lambda one: one.sign * one.other_difference)),
    )


def _at(values: Floats, index: Ints) -> Floats:
    """Return the values of one arm per day; NaN where there is none."""
    taken = np.take_along_axis(values, np.maximum(index, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(index >= 0, taken, np.nan)
