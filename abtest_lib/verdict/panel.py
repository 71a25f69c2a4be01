"""Many experiments as padded arrays, experiment × day × arm, so that few operations judge a hundred thousand."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.metrics import Catalogue
from abtest_lib.registry import Experiment, Registry
from abtest_lib.stats.arrays import Bools, Floats, Ints, divide
from abtest_lib.stats.calendar import first_real_day
from abtest_lib.verdict.control import ControlChoice, ControlSource
from abtest_lib.verdict.metric_cells import MetricCells, SegmentRows
from abtest_lib.verdict.rules import FEWEST_ARMS, most_stray_users

A = TypeVar("A", bound=np.generic)
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Context:
    """The settings and declarations of a lake.

    Attributes:
        registry: The declared experiments.
        control_names: Variants that are a control wherever they appear.
        fallback_variants: Variants that mean "not assigned" in every experiment.
        policy: How users who saw several arms were counted.
        window_days: How long after the first exposure a purchase counts; infinite without a limit.
        catalogue: The declared metrics.
    """

    registry: Registry
    control_names: tuple[str, ...] = ()
    fallback_variants: tuple[str, ...] = ()
    policy: CrossExposed = CrossExposed.FIRST
    window_days: float = math.inf
    catalogue: Catalogue = field(default_factory=Catalogue)


@dataclass(frozen=True, eq=False)
class Panel:
    """Histories of E experiments, padded to T days and K arms.

    Attributes:
        names: The experiments, E.
        arms: Their arms in order of id, E tuples of up to K; fallback variants are no arms.
        controls: Their controls, E.
        declared: The registry's declarations, E; None where there is none.
        policy: The cross-exposure policy of the counts.
        window_days: How long after the first exposure a purchase counts; infinite without a limit.
        day: The as-of day, (E, T); later days follow earlier ones, padding is NaT.
        is_day: Whether there is such a day, (E, T).
        period_start: First day of the period that the counts cover, (E, T).
        is_first: Whether the day is the first of its period, (E, T).
        is_seen: Whether the arm has a row on the day, (E, T, K).
        users: Users to date, (E, T, K); 0 where there are none, as in the next three.
        purchases: Those who converted.
        cross_exposed_users: Users of the arm who saw a second arm.
        cross_exposed_purchases: Those of them who converted.
        probability_best: Posterior probability of being best, (E, T, K); NaN where unknown, as in all that follows.
        probability_beats_control: Posterior probability of beating the control, (E, T, K).
        day_users: Users of the day itself, (E, T, K).
        day_purchases: Those who converted, (E, T, K).
        fallback_users: Users of fallback variants to date, (E, T), 0 where there are none.
        quarantined_share: Share of the day's rows that were rejected, (E, T).
        calendar: The last day so far that holds a real share of the lake's users, (E, T); NaT in the padding.
        shares: Expected share of each arm, (E, T, K); 0 where an arm is not expected.
        is_declared: Whether the shares are registered, (E, T); else equal shares of the arms with users are assumed.
        control: Index of the control among the arms, (E,); -1 without one.
        metrics: The metrics that the catalogue declares, of all users.
        segments: The metrics of segments.
    """

    names: tuple[str, ...]
    arms: tuple[tuple[str, ...], ...]
    controls: tuple[ControlChoice, ...]
    declared: tuple[Experiment | None, ...]
    policy: CrossExposed
    window_days: float
    day: Days
    is_day: Bools
    period_start: Days
    is_first: Bools
    is_seen: Bools
    users: Floats
    purchases: Floats
    cross_exposed_users: Floats
    cross_exposed_purchases: Floats
    probability_best: Floats
    probability_beats_control: Floats
    day_users: Floats
    day_purchases: Floats
    fallback_users: Floats
    quarantined_share: Floats
    calendar: Days
    shares: Floats
    is_declared: Bools
    control: Ints
    metrics: tuple[MetricCells, ...] = ()
    segments: SegmentRows = field(default_factory=SegmentRows)

    @cached_property
    def is_active(self) -> Bools:
        """Whether an arm has users to date and takes part, (E, T, K)."""
        return np.asarray((self.users > 0) & ~self.is_stray)

    @cached_property
    def is_stray(self) -> Bools:
        """Whether an arm without a share has only a few users, usually testers, (E, T, K)."""
        return self.is_stray_among(self.users)

    @property
    def has_stray_arm(self) -> Bools:
        """Whether an arm is stray, (E, T)."""
        return np.asarray(self.is_stray.any(axis=2))

    @cached_property
    def is_stray_before_exclusion(self) -> Bools:
        """Whether an arm is stray with or without the users whom the policy excludes, (E, T, K)."""
        return self.is_stray | self.is_stray_among(self.with_first_policy("users"))

    def is_stray_among(self, users: Floats) -> Bools:
        """Whether an arm without a share has only a few of these users, (E, T, K)."""
        everybody = users.sum(axis=2, keepdims=True)
        return np.asarray(self.has_no_share & (users > 0) & (users <= most_stray_users(everybody)))

    @property
    def has_no_share(self) -> Bools:
        """Whether the registry declares a split and gives the arm no share, (E, T, K)."""
        return np.asarray(self.is_declared[:, :, None] & (self.shares == 0))

    @property
    def is_registered(self) -> Bools:
        """Whether the registry names the experiment, (E, T)."""
        return self._by_experiment([item is not None for item in self.declared])

    @property
    def is_control_assumed(self) -> Bools:
        """Whether the control is a guess, (E, T)."""
        return self._by_experiment([choice.source is ControlSource.ASSUMED for choice in self.controls])

    @property
    def is_control_registered(self) -> Bools:
        """Whether the registry names the control, (E, T)."""
        return self._by_experiment([choice.source is ControlSource.REGISTERED for choice in self.controls])

    def _by_experiment(self, values: list[bool]) -> Bools:
        return np.broadcast_to(np.array(values, dtype=bool)[:, None], self.day.shape)

    @cached_property
    def start(self) -> Days:
        """The first day of the period, as of each day, that holds a real share of the experiment's users, (E, T)."""
        users = np.where(self.is_day, self.day_users.sum(axis=2, where=~np.isnan(self.day_users)), 0.0)
        return np.take_along_axis(self.day, first_real_day(users, self.is_first), axis=1)

    @property
    def first_day(self) -> Days:
        """The first day of the period that has a row, (E, T)."""
        first = np.where(self.is_first, self.day, np.datetime64("NaT"))
        return accumulate_within(first, self.is_first, np.fmax)

    @property
    def has_strays(self) -> Bools:
        """Whether some days so far have too few users to count: before the start, or after the calendar, (E, T)."""
        return np.asarray((self.start > self.first_day) | (self.calendar < self.day))

    def stray_days(self, experiment: int, day: int) -> list[date]:
        """Return the days of one experiment, as of one day, that have too few users to count."""
        so_far = self.day[experiment, : day + 1]
        start, last = self.start[experiment, day], self.calendar[experiment, day]
        is_stray = (so_far >= self.first_day[experiment, day]) & ((so_far < start) | (so_far > last))
        strays: list[date] = so_far[is_stray].tolist()
        return strays

    @property
    def elapsed_days(self) -> Floats:
        """Days from the start of the period to the last real day, (E, T)."""
        begun = np.where(self.start > self.first_day, self.start, self.period_start)
        return np.asarray((self.calendar - begun).astype(np.float64) + 1)

    @property
    def is_before_start(self) -> Bools:
        """Whether a day lies before the registered start, (E, T)."""
        starts = [None if item is None else item.start for item in self.declared]
        start = np.array([np.datetime64("NaT" if day is None else day, "D") for day in starts])
        return np.asarray(self.day < start[:, None])

    @property
    def is_control(self) -> Bools:
        """Whether an arm is the control, (E, 1, K)."""
        return np.asarray(np.arange(self.users.shape[2]) == self.control[:, None, None])

    @property
    def is_control_known(self) -> Bools:
        """Whether two arms have been seen by the day, including the control, (E, T); before that it is a guess."""
        is_pair = self.is_seen.sum(axis=2) >= FEWEST_ARMS
        has_control = (self.is_seen & self.is_control).any(axis=2)
        known = np.logical_or.accumulate(is_pair, axis=1) & np.logical_or.accumulate(has_control, axis=1)
        return np.asarray(known)

    def of_control(self, values: Floats) -> Floats:
        """Return the control's values of an (E, T, K) array, as (E, T, 1); 0 without a control."""
        index = np.maximum(self.control, 0)[:, None, None]
        taken = np.take_along_axis(values, np.broadcast_to(index, (*values.shape[:2], 1)), axis=2)
        return np.where(self.control[:, None, None] >= 0, taken, 0.0)

    def difference(self, users: Floats, purchases: Floats) -> Floats:
        """Compute conversion minus that of the control, a proportion, (E, T, K); NaN without users."""
        return divide(purchases, users) - divide(self.of_control(purchases), self.of_control(users))

    def with_first_policy(self, name: str) -> Floats:
        """Return `users` or `purchases` as if nobody had been excluded, (E, T, K)."""
        moved = getattr(self, f"cross_exposed_{name}") if self.policy is CrossExposed.EXCLUDE else 0.0
        return np.asarray(getattr(self, name) + moved)

    def with_other_policy(self, name: str) -> Floats:
        """Return counts under the policy with which the verdict must agree: `exclude`, or `first` for `exclude`."""
        if self.policy is CrossExposed.EXCLUDE:
            return self.with_first_policy(name)
        return np.asarray(np.maximum(getattr(self, name) - getattr(self, f"cross_exposed_{name}"), 0.0))


def accumulate_within(
    values: npt.NDArray[A], restarts: Bools, combine: Callable[..., npt.NDArray[A]]
) -> npt.NDArray[A]:
    """Accumulate along days and start again at every restart.

    Args:
        values: Shape (E, T, ...).
        restarts: Shape (E, T).
        combine: A function of two arrays, e.g. `np.fmax`.

    Returns:
        The accumulated values, same shape.
    """
    result = values.copy()
    tail = (1,) * (values.ndim - 2)
    for day in range(1, values.shape[1]):
        fresh = restarts[:, day].reshape(-1, *tail)
        result[:, day] = np.where(fresh, values[:, day], combine(result[:, day - 1], values[:, day]))
    return result
