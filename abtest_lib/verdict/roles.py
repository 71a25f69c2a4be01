"""What each metric is for in each experiment, and the level at which it is tested."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abtest_lib.metrics import PURCHASE
from abtest_lib.registry import Experiment, Guardrail
from abtest_lib.stats.arrays import Bools, Floats, Ints

Declared = Sequence[Experiment | None]


def goals_of(item: Experiment | None) -> tuple[str, ...]:
    """Return the goals of an experiment; `purchase` without a declaration."""
    return (PURCHASE,) if item is None else item.goals


def guardrails_of(item: Experiment | None) -> tuple[Guardrail, ...]:
    """Return the guardrails of an experiment."""
    return () if item is None else item.guardrails


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """What one metric is for in each experiment.

    Attributes:
        is_goal: Whether it is a goal, (E,).
        is_guardrail: Whether it is a guardrail, (E,).
        level: Two-sided level over all arms and looks, (E,).
    """

    is_goal: Bools
    is_guardrail: Bools
    level: Floats

    @property
    def is_decisive(self) -> Bools:
        """Whether the decision depends on the metric, (E,)."""
        return np.asarray(self.is_goal | self.is_guardrail)


def role_of(declared: Declared, metric: str, alpha: float) -> Role:
    """Return the role of a metric.

    Goals share alpha, because one of them is enough to ship. A guardrail has all of it, because every guardrail must
    pass (an intersection-union test), and so has a metric that decides nothing.

    Source: Schultzberg, Ankargren and Frånberg (2024), arXiv 2402.11609; Berger (1982), Technometrics 24, 295-300.
    """
    number = [len(goals_of(item)) if metric in goals_of(item) else 1 for item in declared]
    return Role(
        is_goal=np.array([metric in goals_of(item) for item in declared], dtype=bool),
        is_guardrail=np.array([_guardrail(item, metric) is not None for item in declared], dtype=bool),
        level=np.asarray(alpha / np.array(number, dtype=np.float64)),
    )


def margin_of(declared: Declared, metric: str, control_value: Floats) -> Floats:
    """Return the largest loss that a guardrail accepts, in the metric's unit.

    Args:
        declared: The declarations, E.
        metric: The metric.
        control_value: The control's value, (E, T, 1).

    Returns:
        Shape (E, T, 1); NaN where the metric is no guardrail.
    """
    found = [_guardrail(item, metric) for item in declared]
    size = np.array([np.nan if guardrail is None else guardrail.margin for guardrail in found])[:, None, None]
    is_relative = np.array([guardrail is not None and guardrail.is_relative for guardrail in found])[:, None, None]
    return np.where(is_relative, size * np.abs(control_value), size)


def goal_order(declared: Declared, metrics: Sequence[str]) -> Ints:
    """Return the index of each goal among the metrics, (E, G), in the order of declaration; -1 where there is none."""
    index = {name: place for place, name in enumerate(metrics)}
    most = max((len(goals_of(item)) for item in declared), default=1)
    order = np.full((len(declared), most), -1)
    for row, item in enumerate(declared):
        known = [index[name] for name in goals_of(item) if name in index]
        order[row, : len(known)] = known
    return order


def _guardrail(item: Experiment | None, metric: str) -> Guardrail | None:
    return next((guardrail for guardrail in guardrails_of(item) if guardrail.metric == metric), None)
