"""Some days of a judgement, with their comparisons: what the rows and sentences are made from."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.compare import Comparisons, compare_arms
from abtest_lib.verdict.compare_means import MeanComparisons, compare_arms_by_means
from abtest_lib.verdict.finding import Finding
from abtest_lib.verdict.judgement import Judgement

A = TypeVar("A", bound=np.generic)


@dataclass(frozen=True, eq=False)
class JudgedDays:
    """N days of a judgement.

    Attributes:
        judgement: The judgement.
        experiment: Index of each day's experiment, (N,).
        day: Index of the day, (N,).
    """

    judgement: Judgement
    experiment: npt.NDArray[np.intp]
    day: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """The number of days."""
        return self.experiment.size

    def select(self, values: npt.NDArray[A]) -> npt.NDArray[A]:
        """Return the values of these days, (N, ...), from an array (E, T, ...)."""
        return np.asarray(values[self.experiment, self.day])

    def dates(self, index: Ints) -> list[date | None]:
        """Return the dates of days, given by their index, of the experiments; None for -1."""
        found = self.judgement.panel.day[self.experiment, np.maximum(index, 0)]
        picked: list[date | None] = np.where(index >= 0, found, np.datetime64("NaT", "D")).tolist()
        return picked

    def arm_names(self, index: Ints) -> list[str | None]:
        """Return the names of arms, given by their index, one per day; None for -1."""
        rows = zip(self.experiment.tolist(), index.tolist(), strict=True)
        return [self.judgement.panel.arms[i][k] if k >= 0 else None for i, k in rows]

    @property
    def control_ids(self) -> list[str | None]:
        """The controls: a registered one always, any other from the first day that shows it."""
        panel = self.judgement.panel
        is_shown = self.select(panel.is_control_registered | panel.is_control_known).tolist()
        choices = (panel.controls[i] for i in self.experiment)
        return [choice.variant_id if shown else None for choice, shown in zip(choices, is_shown, strict=True)]

    def compare(self, users: Floats, purchases: Floats) -> Comparisons:
        """Compare the arms of these days by counts (E, T, K); stray arms take no part."""
        is_stray = self.select(self.judgement.panel.is_stray)
        users, purchases = (np.where(is_stray, 0.0, self.select(values)) for values in (users, purchases))
        return compare_arms(users, purchases, self.judgement.panel.control[self.experiment], self.judgement.rules.alpha)

    @cached_property
    def to_date(self) -> Comparisons:
        """The comparisons of all users to date."""
        return self.compare(self.judgement.panel.users, self.judgement.panel.purchases)

    @property
    def has_comparison(self) -> Bools:
        """Whether an arm can be compared, (N,)."""
        return np.asarray(self.to_date.is_compared.any(axis=1))

    @property
    def control_users(self) -> Floats:
        """Users of the control to date, (N,)."""
        return self.select(self.judgement.panel.of_control(self.judgement.panel.users))[:, 0]

    @property
    def control_purchases(self) -> Floats:
        """Users of the control who converted, (N,)."""
        return self.select(self.judgement.panel.of_control(self.judgement.panel.purchases))[:, 0]

    def compare_means(self, finding: Finding) -> MeanComparisons | None:
        """Compare the arms of these days by a metric of the catalogue; None for conversion."""
        if finding.means is None:
            return None
        result, is_compared = finding.means.of_days(self.select).result, self.select(finding.evidence.is_compared)
        return compare_arms_by_means(result, is_compared, self.judgement.rules.alpha)

    @cached_property
    def goal_comparisons(self) -> list[Comparisons | MeanComparisons | None]:
        """The comparisons to date by each metric that is a goal; None for others."""
        findings = self.judgement.scorecard.findings
        return [(self.compare_means(one) or self.to_date) if one.role.is_goal.any() else None for one in findings]

    @property
    def has_surprising_lift(self) -> Bools:
        """Whether a significant lift of a goal is too large to be likely, (N,)."""
        rules, surprising = self.judgement.rules, np.zeros(len(self), dtype=bool)
        for one, found in zip(self.judgement.scorecard.findings, self.goal_comparisons, strict=True):
            if found is not None:
                is_large = np.abs(np.nan_to_num(found.lift)) > rules.surprising_lift
                is_real = (is_large & (found.p_adjusted < rules.validity_alpha)).any(axis=1)
                surprising |= one.role.is_goal[self.experiment] & is_real
        return surprising

    @property
    def is_below_minimum_effect(self) -> Bools:
        """Whether the gain of the shipped arm is surely smaller than the registered minimum effect, (N,)."""
        declared = [None if item is None else item.minimum_effect for item in self.judgement.panel.declared]
        minimum = np.array([np.nan if effect is None else effect for effect in declared])[self.experiment]
        arm, goal = (self.select(values) for values in (self.judgement.decisions.arm, self.judgement.decisions.goal))
        most = np.full(len(self), np.nan)
        for index, found in enumerate(self.goal_comparisons):
            if found is not None:
                sign = self.judgement.scorecard.findings[index].sign
                largest = found.lift_upper if sign > 0 else -found.lift_lower
                most = np.where(goal == index, np.take_along_axis(largest, np.maximum(arm, 0)[:, None], 1)[:, 0], most)
        return np.asarray((arm >= 0) & (most < minimum))


def select_days(judgement: Judgement, wanted: Bools | None = None) -> JudgedDays:
    """Select the days of a judgement that are wanted, (E, T); all by default."""
    is_day = judgement.panel.is_day
    return JudgedDays(judgement, *np.nonzero(is_day if wanted is None else is_day & wanted))


def as_nullable(values: Floats) -> list[float | None]:
    """Return numbers for a table: None for NaN and infinity."""
    return [value if value - value == 0 else None for value in values.tolist()]
