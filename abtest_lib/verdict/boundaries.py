"""The critical values of the looks at every arm against the control."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abtest_lib.registry import Experiment
from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.spending import SMALLEST_SPEND, Counts, plan_looks
from abtest_lib.verdict.panel import A, Panel, accumulate_within
from abtest_lib.verdict.roles import Role


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the looks at one metric need to know of every arm and the control.

    Attributes:
        is_compared: Whether arm and control have users, (E, T, K); never for the control.
        may_test: Whether there are data enough for a test, (E, T, K).
        information: Information in events, (E, T, K), for the rule without a plan; NaN without a pair.
        growth: Information whose ratio is the squared correlation of two looks, (E, T, K), for the rule with a plan.
        counts: Users and conversions of both arms, (E, T, K) each, where they bound the correlation further.
    """

    is_compared: Bools
    may_test: Bools
    information: Floats
    growth: Floats
    counts: tuple[Floats, Floats] | None = None


def find_boundaries(panel: Panel, pairs: Pairs, role: Role, fraction: Floats) -> tuple[Floats, Bools, Bools]:
    """Find the boundary of every day.

    A plan is for the metrics that decide; any other has the rule without a plan, which costs little to compute.

    Args:
        panel: The histories.
        pairs: The arms and controls.
        role: What the metric is for.
        fraction: Share of the plan that has passed, (E, T).

    Returns:
        The critical |z|, (E, T, K), NaN where no look is made; whether the pair's last planned look has been made,
        (E, T, K); whether earlier periods have spent the whole level, (E, T).
    """
    may_test, declared = pairs.may_test, panel.declared
    boundary, has_ended = np.full(may_test.shape, np.nan), np.zeros_like(may_test)
    is_spent = np.zeros(panel.day.shape, dtype=bool)
    alpha = role.level[:, None] / np.maximum(_number_of_arms(panel) - 1, 1)
    planned = np.array([item is not None and item.is_planned for item in declared]) & role.is_decisive
    periods = np.array([_periods(item) for item in declared])
    always = mixture_boundary(_known(pairs.information), alpha[:, :, None] / periods[:, None, None])
    boundary[~planned] = np.where(may_test, always, np.nan)[~planned]
    if planned.any():
        counts = None if pairs.counts is None else (pairs.counts[0][planned], pairs.counts[1][planned])
        boundary[planned], has_ended[planned], is_spent[planned] = _planned_boundaries(
            panel.is_first[planned],
            fraction[planned],
            alpha[planned],
            (may_test & ~panel.is_before_start[:, :, None])[planned],
            _known(pairs.growth)[planned],
            counts,
            role.level[planned, None],
        )
    return boundary, has_ended, is_spent


def _known(information: Floats) -> Floats:
    return np.nan_to_num(information, posinf=0.0)


def _number_of_arms(panel: Panel) -> Floats:
    """Count the arms with a share or users, (E, T), which share the level; within a period the number never falls."""
    number = ((panel.shares > 0) | panel.is_active).sum(axis=2).astype(np.float64)
    return accumulate_within(number, panel.is_first, np.maximum)


def _periods(item: Experiment | None) -> int:
    """Count the periods among which the unplanned rule divides its level."""
    return 1 if item is None else 1 + sum(day != item.start for day in item.period_starts)


def _planned_boundaries(
    is_first: Bools,
    fraction: Floats,
    alpha: Floats,
    may_test: Bools,
    information: Floats,
    counts: tuple[Floats, Floats] | None,
    level: Floats,
) -> tuple[Floats, Bools, Bools]:
    """Return the boundaries of planned experiments; a period has only the level that earlier ones have left."""
    arms = may_test.shape[2]
    period = np.cumsum(is_first, axis=1)

    def by_pair(values: npt.NDArray[A]) -> npt.NDArray[A]:
        spread = np.broadcast_to(values if values.ndim > 2 else values[:, :, None], may_test.shape)  # noqa: PLR2004  (E, T)
        return np.swapaxes(spread, 1, 2).reshape(-1, may_test.shape[1])

    boundary, has_ended = np.full(by_pair(information).shape, np.nan), by_pair(np.zeros_like(may_test))
    is_spent = np.zeros_like(is_first)
    spent = np.zeros((len(may_test), 1))
    together = None if counts is None else Counts(by_pair(counts[0]), by_pair(counts[1]))
    for number in range(1, int(period.max(initial=0)) + 1):
        within = by_pair(np.asarray(period == number))
        left = alpha * (1.0 - np.minimum(spent / level, 1.0))
        is_spent |= (period == number) & (left < SMALLEST_SPEND)
        looks = plan_looks(
            np.where(within, by_pair(information), 0.0),
            np.where(within, by_pair(fraction), 0.0),
            by_pair(left),
            within & by_pair(may_test),
            together,
        )
        boundary = np.where(looks.is_look, looks.boundary, boundary)
        has_ended = np.where(within, looks.has_ended, has_ended)
        spent = spent + looks.spent[:, -1].reshape(-1, arms).sum(axis=1, keepdims=True)
    shape = (-1, arms, may_test.shape[1])
    return np.swapaxes(boundary.reshape(shape), 1, 2), np.swapaxes(has_ended.reshape(shape), 1, 2), is_spent
