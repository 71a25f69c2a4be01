"""Some days of a judgement, with their comparisons: what the rows and sentences are made from."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.compare import Comparisons, compare_arms
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

    @property
    def has_surprising_lift(self) -> Bools:
        """Whether a significant lift is too large to be likely, (N,)."""
        rules = self.judgement.rules
        is_large = np.abs(np.nan_to_num(self.to_date.lift)) > rules.surprising_lift
        return np.asarray((is_large & (self.to_date.p_adjusted < rules.validity_alpha)).any(axis=1))

    @property
    def is_below_minimum_effect(self) -> Bools:
        """Whether the lift of the shipped arm is surely smaller than the registered minimum effect, (N,)."""
        declared = [None if item is None else item.minimum_effect for item in self.judgement.panel.declared]
        minimum = np.array([np.nan if effect is None else effect for effect in declared])[self.experiment]
        arm = self.select(self.judgement.decisions.arm)
        most = np.take_along_axis(self.to_date.lift_upper, np.maximum(arm, 0)[:, None], 1)[:, 0]
        return np.asarray((arm >= 0) & (most < minimum))


def select_days(judgement: Judgement, wanted: Bools | None = None) -> JudgedDays:
    """Select the days of a judgement that are wanted, (E, T); all by default."""
    is_day = judgement.panel.is_day
    return JudgedDays(judgement, *np.nonzero(is_day if wanted is None else is_day & wanted))


def as_nullable(values: Floats) -> list[float | None]:
    """Return numbers for a table: None for NaN and infinity."""
    return [value if value - value == 0 else None for value in values.tolist()]
