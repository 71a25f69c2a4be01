"""What the looks prove so far: boundaries, and intervals intersected over looks."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from abtest_lib.registry import Experiment
from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.intervals import difference_intervals
from abtest_lib.stats.proportions import has_enough_conversions, pair_information
from abtest_lib.stats.spending import SMALLEST_SPEND, Counts, plan_looks
from abtest_lib.verdict.panel import A, Days, Panel, accumulate_within
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

    @property
    def is_gain(self) -> Bools:
        """Whether an arm is proven better than the control, (E, T, K)."""
        return np.asarray((self.lower > 0) & self.is_compared)

    @property
    def has_gain(self) -> Bools:
        """Whether any arm is proven better than the control, (E, T)."""
        return np.asarray(self.is_gain.any(axis=2))


def schedule_looks(panel: Panel, rules: Rules) -> Schedule:
    """Find the looks and boundaries of every day, using nothing that came later.

    Args:
        panel: The histories.
        rules: The levels.

    Returns:
        The looks.
    """
    x, n, x0, n0 = _pairs(panel)
    is_compared = panel.is_active & ~panel.is_control & (n0 > 0)
    may_test = is_compared & has_enough_conversions(x, n, x0, n0, rules.minimum_conversions)
    information = np.where(is_compared, pair_information(x, n, x0, n0), np.nan)
    fraction = plan_fraction(panel)
    known = np.nan_to_num(information, posinf=0.0)
    boundary, has_ended, is_spent = _boundaries(panel, rules, fraction, may_test, known, (n + n0, x + x0))
    ended_before = np.zeros_like(has_ended)
    ended_before[:, 1:] = has_ended[:, :-1] & ~panel.is_first[:, 1:, None]
    return Schedule(
        fraction=fraction,
        is_compared=is_compared,
        may_test=may_test,
        has_ended=has_ended,
        is_repeated=_all_pairs(ended_before, is_compared),
        is_spent=is_spent,
        information=np.where(np.isfinite(information), information, np.nan),
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


def plan_fraction(panel: Panel) -> Floats:
    """Return the share of the plan that has passed, by users or by days; 1 from the registered end on.

    Returns:
        Shape (E, T), between 0 and 1; NaN without a plan.
    """
    fraction = np.full(panel.day.shape, np.nan)
    users = panel.users.sum(axis=2)
    for row, item in enumerate(panel.declared):
        if item is not None and item.is_planned:
            first = _first_planned_day(item)
            begun = panel.start[row] if first is None else np.full(panel.day.shape[1], first)
            fraction[row] = _fraction_of(item, panel.calendar[row], users[row], begun)
    return np.where(panel.is_day, fraction, np.nan)


def _first_planned_day(item: Experiment) -> np.datetime64 | None:
    declared = item.start or (item.allocations[0].starts if item.allocations else None)
    return None if declared is None else np.datetime64(declared, "D")


def _fraction_of(item: Experiment, day: Days, users: Floats, first: Days) -> Floats:
    """Return the share of one plan that has passed by each calendar day."""
    fraction = np.zeros(day.shape)
    if item.planned_users is not None:
        fraction = users / item.planned_users
    if item.end is not None:
        end, one_day = np.datetime64(item.end, "D"), np.timedelta64(1, "D")
        passed = (day - first + one_day) / np.maximum(end - first + one_day, one_day)
        fraction = np.where(day >= end, 1.0, passed if item.planned_users is None else fraction)
    return np.asarray(np.clip(fraction, 0.0, 1.0))


def _boundaries(
    panel: Panel, rules: Rules, fraction: Floats, may_test: Bools, information: Floats, counts: tuple[Floats, Floats]
) -> tuple[Floats, Bools, Bools]:
    boundary, has_ended = np.full(may_test.shape, np.nan), np.zeros_like(may_test)
    is_spent = np.zeros(panel.day.shape, dtype=bool)
    alpha = rules.alpha / np.maximum(_number_of_arms(panel) - 1, 1)
    planned = np.array([item is not None and item.is_planned for item in panel.declared])
    periods = np.array([_periods(item) for item in panel.declared])
    always = mixture_boundary(information, alpha[:, :, None] / periods[:, None, None])
    boundary[~planned] = np.where(may_test, always, np.nan)[~planned]
    if planned.any():
        boundary[planned], has_ended[planned], is_spent[planned] = _planned_boundaries(
            panel.is_first[planned],
            fraction[planned],
            alpha[planned],
            (may_test & ~panel.is_before_start[:, :, None])[planned],
            information[planned],
            (counts[0][planned], counts[1][planned]),
            rules.alpha,
        )
    return boundary, has_ended, is_spent


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
    counts: tuple[Floats, Floats],
    level: float,
) -> tuple[Floats, Bools, Bools]:
    """Return the boundaries of planned experiments; a period has only the level that earlier ones have left."""
    arms = may_test.shape[2]
    period = np.cumsum(is_first, axis=1)

    def by_pair(values: npt.NDArray[A]) -> npt.NDArray[A]:
        spread = np.broadcast_to(values if values.ndim > 2 else values[:, :, None], may_test.shape)  # noqa: PLR2004  (E, T)
        return np.swapaxes(spread, 1, 2).reshape(-1, may_test.shape[1])

    boundary, has_ended = np.full(by_pair(information).shape, np.nan), by_pair(np.zeros_like(may_test))
    is_spent = np.zeros_like(is_first)
    spent, together = np.zeros((len(may_test), 1)), Counts(by_pair(counts[0]), by_pair(counts[1]))
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
