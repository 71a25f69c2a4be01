"""What the looks prove so far: boundaries, and intervals intersected over looks."""

from dataclasses import dataclass, fields

import numpy as np

from abtest_lib.metrics import PURCHASE
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.intervals import difference_intervals
from abtest_lib.stats.proportions import has_enough_conversions, pair_information
from abtest_lib.verdict.boundaries import Pairs, find_boundaries
from abtest_lib.verdict.panel import Panel, accumulate_within
from abtest_lib.verdict.plan import plan_fraction
from abtest_lib.verdict.roles import Role, role_of
from abtest_lib.verdict.rules import Rules


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The looks at every arm against the control, on every day of a panel.

    Attributes:
        fraction: Share of the plan that has passed, (E, T); NaN without a plan.
        is_compared: Whether arm and control have users, (E, T, K); never for the control.
        may_test: Whether the pair has conversions enough, (E, T, K).
        has_ended: Whether the pair's last planned look has been made, (E, T, K).
        is_repeated: Whether the last look was made on an earlier day, (E, T).
        is_spent: Whether earlier periods have spent the whole level, so that no look is left, (E, T).
        information: Information of the pair in events, (E, T, K); NaN without a pair.
        boundary: Critical |z| of that day's look, (E, T, K); NaN where no look is made.
    """

    fraction: Floats
    is_compared: Bools
    may_test: Bools
    has_ended: Bools
    is_repeated: Bools
    is_spent: Bools
    information: Floats
    boundary: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Evidence(Schedule):
    """The looks, and what they prove so far.

    Attributes:
        lower: Lower end of the interval for the difference, intersected over the period's looks, (E, T, K); NaN
            before the first look.
        upper: Upper end of it.
    """

    lower: Floats
    upper: Floats


def schedule_looks(panel: Panel, rules: Rules) -> Schedule:
    """Find the looks at conversion and their boundaries on every day, using nothing that came later.

    Args:
        panel: The histories.
        rules: The levels.

    Returns:
        The looks.
    """
    x, n, x0, n0 = _pairs(panel)
    is_compared = find_pairs(panel)
    may_test = is_compared & has_enough_conversions(x, n, x0, n0, rules.minimum_conversions)
    information = np.where(is_compared, pair_information(x, n, x0, n0), np.nan)
    pairs = Pairs(is_compared, may_test, information, information, (n + n0, x + x0))
    role = role_of(panel.declared, PURCHASE, rules.alpha)
    return schedule_pairs(panel, pairs, role, plan_fraction(panel))


def find_pairs(panel: Panel) -> Bools:
    """Find the arms that can be compared: they and the control have users, (E, T, K)."""
    return np.asarray(panel.is_active & ~panel.is_control & (panel.of_control(panel.users) > 0))


def schedule_pairs(panel: Panel, pairs: Pairs, role: Role, fraction: Floats) -> Schedule:
    """Find the looks and boundaries of any metric.

    Args:
        panel: The histories.
        pairs: The metric's arms and controls.
        role: What the metric is for.
        fraction: Share of the plan that has passed, (E, T).

    Returns:
        The looks.
    """
    boundary, has_ended, is_spent = find_boundaries(panel, pairs, role, fraction)
    ended_before = np.zeros_like(has_ended)
    ended_before[:, 1:] = has_ended[:, :-1] & ~panel.is_first[:, 1:, None]
    return Schedule(
        fraction=fraction,
        is_compared=pairs.is_compared,
        may_test=pairs.may_test,
        has_ended=has_ended,
        is_repeated=_all_pairs(ended_before, pairs.is_compared),
        is_spent=is_spent,
        information=np.where(np.isfinite(pairs.information), pairs.information, np.nan),
        boundary=boundary,
    )


def gather_evidence(panel: Panel, rules: Rules) -> Evidence:
    """Find the looks of every experiment, and intersect their intervals.

    Args:
        panel: The histories.
        rules: The levels.

    Returns:
        The evidence.
    """
    schedule = schedule_looks(panel, rules)
    x, n, x0, n0 = _pairs(panel)
    is_look = np.isfinite(schedule.boundary)
    ends = difference_intervals(x[is_look], n[is_look], x0[is_look], n0[is_look], schedule.boundary[is_look])
    lower, upper = np.full((2, *is_look.shape), np.nan)
    lower[is_look], upper[is_look] = ends.lower, ends.upper
    return Evidence(
        **{item.name: getattr(schedule, item.name) for item in fields(Schedule)},
        lower=accumulate_within(lower, panel.is_first, np.fmax),
        upper=accumulate_within(upper, panel.is_first, np.fmin),
    )


def _pairs(panel: Panel) -> tuple[Floats, ...]:
    control = (panel.of_control(panel.purchases), panel.of_control(panel.users))
    return tuple(np.broadcast_arrays(panel.purchases, panel.users, *control))


def _all_pairs(flags: Bools, is_compared: Bools) -> Bools:
    return np.asarray((flags | ~is_compared).all(axis=2) & is_compared.any(axis=2))
