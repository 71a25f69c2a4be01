"""Tests of whether the numbers of an experiment can be trusted, for every day of every experiment."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.chi_square import balance, constancy, sample_ratio
from abtest_lib.verdict.metric_validity import covariate_balance_p, is_metric_missing
from abtest_lib.verdict.panel import Panel, accumulate_within
from abtest_lib.verdict.rules import Rules


@dataclass(frozen=True, slots=True, eq=False)
class Validity:
    """Measurements and tests of the experiment itself, before any effect is estimated; `reasons` judges them.

    Attributes:
        panel: The histories.
        rules: The levels and limits.
        active_arms: Arms that have users and take part, (E, T).
        smallest_arm: Users of the smallest of them, (E, T); infinite where there is none.
        is_control_missing: Whether the control has no users and should have some, (E, T).
        ratio_p_after: p-value of the sample-ratio test, (E, T), of the users who are counted; a p-value is NaN where
            no test was made.
        ratio_p_before: The same before users who saw several arms were excluded.
        cross_exposure_p: p-value of the test that users who saw several arms are spread evenly over the arms, (E, T).
        daily_split_p: p-value of the test that new users were split in the same way on all days so far, (E, T).
        late_arm_p: Probability that chance alone kept the users before an arm's first away from it, (E, T), the
            smallest of the period so far.
        cross_exposed_share: Users who saw several arms, a proportion of all, (E, T); NaN without users.
        fallback_share: Users of fallback variants, a proportion of all, (E, T); NaN without users.
        days_missing: Days without exposures between the start of the period and its last exposure, (E, T).
        is_window_open: Whether purchases to come can still count for the latest users, (E, T).
        is_metric_missing: Whether a goal or guardrail has no sums, (E, T).
        covariate_p: p-value of the test that users of all arms were alike before their first exposure, (E, T).
    """

    panel: Panel
    rules: Rules
    active_arms: Floats
    smallest_arm: Floats
    is_control_missing: Bools
    ratio_p_after: Floats
    ratio_p_before: Floats
    cross_exposure_p: Floats
    daily_split_p: Floats
    late_arm_p: Floats
    cross_exposed_share: Floats
    fallback_share: Floats
    days_missing: Floats
    is_window_open: Bools
    is_metric_missing: Bools
    covariate_p: Floats

    @property
    def has_undeclared_arm(self) -> Bools:
        """Whether users saw an arm without a share, (E, T)."""
        return np.asarray((self.panel.is_active & self.panel.has_no_share).any(axis=2))

    @property
    def has_empty_arm(self) -> Bools:
        """Whether an arm with a declared share has no users, (E, T)."""
        is_empty = (self.panel.shares > 0) & ~self.panel.is_active
        return np.asarray(self.panel.is_declared & is_empty.any(axis=2))

    @property
    def ratio_p_value(self) -> Floats:
        """The smaller p-value of the two sample-ratio tests, (E, T)."""
        return np.fmin(self.ratio_p_after, self.ratio_p_before)

    @property
    def is_mismatch(self) -> Bools:
        """Whether the users do not fit the expected shares, (E, T)."""
        return np.asarray(self.ratio_p_value < self.rules.validity_alpha)


def check_validity(panel: Panel, rules: Rules) -> Validity:
    """Test every day of every experiment, using nothing that came later.

    Args:
        panel: The histories.
        rules: The levels and limits.

    Returns:
        The measurements and tests.
    """
    before = panel.with_first_policy("users")
    everybody = panel.users.sum(axis=2) + panel.fallback_users
    return Validity(
        panel=panel,
        rules=rules,
        active_arms=panel.is_active.sum(axis=2),
        smallest_arm=np.where(panel.is_active, panel.users, np.inf).min(axis=2),
        is_control_missing=_is_control_missing(panel),
        ratio_p_after=sample_ratio(panel.users, panel.shares).p_value,
        ratio_p_before=sample_ratio(before, panel.shares).p_value,
        cross_exposure_p=_cross_exposure_p(panel, before),
        daily_split_p=_daily_split_p(panel, before),
        late_arm_p=_late_arm_p(panel, before),
        cross_exposed_share=_cross_exposed_share(panel, before),
        fallback_share=divide(panel.fallback_users, everybody),
        days_missing=_days_missing(panel),
        is_window_open=_is_window_open(panel),
        is_metric_missing=is_metric_missing(panel),
        covariate_p=covariate_balance_p(panel),
    )


def _is_control_missing(panel: Panel) -> Bools:
    """Check for a control without users that is registered, or that the registry no longer gives a share."""
    is_over = panel.is_control_known & panel.is_declared & (panel.of_control(panel.shares)[:, :, 0] <= 0)
    has_users = panel.of_control(panel.users)[:, :, 0] > 0
    return np.asarray((panel.is_control_registered | is_over) & ~has_users)


def _cross_exposure_p(panel: Panel, users: Floats) -> Floats:
    takes_part = (users > 0) & ~panel.is_stray_before_exclusion
    crossed, users = (np.where(takes_part, values, 0.0) for values in (panel.cross_exposed_users, users))
    return balance(crossed, users).p_value


def _cross_exposed_share(panel: Panel, users: Floats) -> Floats:
    """Return the share among users of the period's arms, without stray arms and fallback variants."""
    takes_part = ~panel.is_stray_before_exclusion
    crossed, users = (values.sum(axis=2, where=takes_part) for values in (panel.cross_exposed_users, users))
    if panel.policy is CrossExposed.INCLUDE:  # each of them counts in every arm seen: two, as a rule
        crossed, users = crossed / 2, users - crossed / 2
    return divide(crossed, users)


def _daily_split_p(panel: Panel, users: Floats) -> Floats:
    """Test the split without stray arms, on all days so far: an arm can be stray today and not on its first day."""
    p_value = _constancy_p(panel, np.where(panel.has_no_share, 0.0, users))
    is_undeclared = (panel.has_no_share & (users > 0) & ~panel.is_stray_before_exclusion).any(axis=2)
    return np.where(is_undeclared, _constancy_p(panel, users), p_value) if is_undeclared.any() else p_value


def _constancy_p(panel: Panel, users: Floats) -> Floats:
    new_users = np.where(panel.is_day[:, :, None], users - _day_before(panel, users), 0.0)
    return constancy(new_users, panel.is_first).p_value


def _day_before(panel: Panel, values: Floats) -> Floats:
    """Return the values of the day before; 0 on the first day of a period."""
    before = np.zeros_like(values)
    before[:, 1:] = np.where(panel.is_first[:, 1:, None], 0.0, values[:, :-1])
    return before


def _late_arm_p(panel: Panel, users: Floats) -> Floats:
    before = _day_before(panel, users)
    total = before.sum(axis=2, where=~panel.is_stray_before_exclusion)
    chance = (1 - np.clip(panel.shares, 0.0, 1.0)) ** total[:, :, None]
    starts = (users > 0) & (before <= 0) & (panel.shares > 0)
    return accumulate_within(np.where(starts, chance, 1.0).min(axis=2), panel.is_first, np.fmin)


def _days_missing(panel: Panel) -> Floats:
    is_exposed = panel.is_day & (panel.day >= panel.start) & (panel.day <= panel.calendar)
    if np.isfinite(panel.day_users).any():  # some rows are there only for a conversion or a registered end
        is_exposed &= (np.nan_to_num(panel.day_users) > 0).any(axis=2)
    number = accumulate_within(is_exposed.astype(np.float64), panel.is_first, np.add)
    last = accumulate_within(np.where(is_exposed, panel.day, np.datetime64("NaT")), panel.is_first, np.fmax)
    return np.asarray((last - panel.start).astype(np.float64) + 1 - number)


def _is_window_open(panel: Panel) -> Bools:
    everybody = panel.with_first_policy("users").sum(axis=2)
    entered = np.where(panel.is_first, everybody, np.diff(everybody, axis=1, prepend=0.0))
    last = accumulate_within(np.where(entered > 0, panel.day, np.datetime64("NaT")), panel.is_first, np.fmax)
    return np.asarray(np.isfinite(panel.window_days) & ((panel.day - last).astype(np.float64) < panel.window_days))
