"""May the numbers be believed? One flag per reason, for every day of every experiment."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.chi_square import balance, constancy, sample_ratio
from abtest_lib.verdict.control import ControlSource
from abtest_lib.verdict.panel import Panel, accumulate_within
from abtest_lib.verdict.rules import Rules

_FEWEST_ARMS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Validity:
    """What was found about the experiment itself, before anything is said about an effect.

    Attributes:
        flags: Reason code to whether it holds, (E, T).
        ratio_p_value: The sample-ratio test, the smaller p where it is made before and after exclusion, (E, T); NaN
            where none is made.
        is_mismatch: Whether the ratio does not fit the expected shares, (E, T).
        cross_exposed_share: Users who saw several arms, of all, (E, T); NaN without users.
    """

    flags: dict[str, Bools]
    ratio_p_value: Floats
    is_mismatch: Bools
    cross_exposed_share: Floats


def check_validity(panel: Panel, rules: Rules) -> Validity:
    """Test every day of every experiment, knowing nothing that came later.

    Args:
        panel: The histories.
        rules: The levels and limits.

    Returns:
        The findings.
    """
    before, after = panel.with_first_policy("users"), panel.users
    p_after, p_before = (sample_ratio(users, panel.shares).p_value for users in (after, before))
    mismatch_after, mismatch_before = p_after < rules.validity_alpha, p_before < rules.validity_alpha
    is_mismatch = mismatch_after | mismatch_before
    share = _cross_exposed_share(panel)
    uneven = balance(np.where(before > 0, panel.cross_exposed_users, 0.0), before).p_value < rules.validity_alpha
    flags = {
        "too_few_arms": panel.is_active.sum(axis=2) < _FEWEST_ARMS,
        "control_missing": _control_missing(panel),
        "undeclared_arm": panel.is_declared & (panel.is_active & (panel.shares == 0)).any(axis=2),
        "sample_ratio_mismatch": panel.is_declared & mismatch_after,
        "sample_ratio_mismatch_before_exclusion": panel.is_declared & mismatch_before & ~mismatch_after,
        "cross_exposure_imbalanced": uneven,
        "cross_exposure_too_high": share > rules.cross_exposed_limit,
        "not_started": panel.is_before_start,
        "allocation_undeclared": ~panel.is_declared & is_mismatch,
        "allocation_changed": _allocation_changed(panel, before, rules),
        "arm_started_late": _arm_started_late(panel, before, rules),
        **_warnings(panel, share, rules),
    }
    return Validity(
        {code: flag & panel.is_day for code, flag in flags.items()}, np.fmin(p_after, p_before), is_mismatch, share
    )


def _control_missing(panel: Panel) -> Bools:
    """A registered control is missing while it has no users, any other once the registry gives it no share either."""
    registered = np.array([choice.source is ControlSource.REGISTERED for choice in panel.controls])
    is_over = panel.is_control_known & panel.is_declared & (panel.of_control(panel.shares)[:, :, 0] <= 0)
    return np.asarray((registered[:, None] | is_over) & (panel.of_control(panel.users)[:, :, 0] <= 0))


def _cross_exposed_share(panel: Panel) -> Floats:
    """Of the people in the period's arms; those who saw a fallback variant alone are not among them."""
    crossed, users = panel.cross_exposed_users.sum(axis=2), panel.with_first_policy("users").sum(axis=2)
    if panel.policy is CrossExposed.INCLUDE:  # they count in each arm they saw: two, as a rule
        crossed, users = crossed / 2, users - crossed / 2
    return divide(crossed, users)


def _allocation_changed(panel: Panel, users: Floats, rules: Rules) -> Bools:
    before = np.zeros_like(users)
    before[:, 1:] = np.where(panel.is_first[:, 1:, None], 0.0, users[:, :-1])
    test = constancy(np.where(panel.is_day[:, :, None], users - before, 0.0), panel.is_first)
    return np.asarray(test.p_value < rules.validity_alpha)


def _arm_started_late(panel: Panel, users: Floats, rules: Rules) -> Bools:
    """Whether so many users came before an arm's first that its share would have sent it some."""
    has_users = users > 0
    earlier, total = np.zeros_like(has_users), np.zeros(panel.day.shape)
    earlier[:, 1:] = has_users[:, :-1] & ~panel.is_first[:, 1:, None]
    total[:, 1:] = np.where(panel.is_first[:, 1:], 0.0, users[:, :-1].sum(axis=2))
    chance = (1 - np.clip(panel.shares, 0.0, 1.0)) ** total[:, :, None]
    is_late = has_users & ~earlier & (panel.shares > 0) & (chance < rules.validity_alpha)
    return accumulate_within(np.asarray(is_late.any(axis=2)), panel.is_first, np.logical_or)


def _warnings(panel: Panel, share: Floats, rules: Rules) -> dict[str, Bools]:
    active = panel.is_active
    arms, everybody = active.sum(axis=2), panel.users.sum(axis=2) + panel.fallback_users
    smallest = np.where(active, panel.users, np.inf).min(axis=2)
    assumed = np.array([choice.source is ControlSource.ASSUMED for choice in panel.controls])
    registered = np.array([item is not None for item in panel.declared])
    return {
        "cross_exposed_users": (share > rules.cross_exposed_warning) & (share <= rules.cross_exposed_limit),
        "fallback_share_high": divide(panel.fallback_users, everybody) > rules.fallback_warning,
        "quarantined_rows": panel.quarantined_share > rules.quarantine_warning,
        "days_missing": _days_missing(panel),
        "arm_without_users": panel.is_declared & ((panel.shares > 0) & ~active).any(axis=2),
        "stray_users": panel.is_stray.any(axis=2),
        "few_users": (smallest < rules.few_users) & (arms > 0),
        "less_than_a_week": panel.elapsed_days < rules.full_days,
        "stray_days": panel.has_strays,
        "windows_open": _windows_open(panel),
        "control_assumed": assumed[:, None] & panel.is_control_known,
        "many_arms": arms > rules.many_arms,
        "not_registered": np.broadcast_to(~registered[:, None], active.shape[:2]),
    }


def _days_missing(panel: Panel) -> Bools:
    """Whether days between the start of the period and the last day with exposures have none."""
    is_exposed = panel.is_day & (panel.day >= panel.start) & (panel.day <= panel.calendar)
    if np.isfinite(panel.day_users).any():  # rows on which nobody was exposed stand for conversions and ends
        is_exposed &= (np.nan_to_num(panel.day_users) > 0).any(axis=2)
    number = accumulate_within(is_exposed.astype(np.float64), panel.is_first, np.add)
    last = accumulate_within(np.where(is_exposed, panel.day, np.datetime64("NaT")), panel.is_first, np.fmax)
    return np.asarray((last - panel.start).astype(np.float64) + 1 > number)


def _windows_open(panel: Panel) -> Bools:
    """Whether users entered so lately that their attribution window has not closed by the end of the day."""
    everybody = panel.with_first_policy("users").sum(axis=2)
    entered = np.diff(everybody, axis=1, prepend=0.0)
    entered = np.where(panel.is_first, everybody, entered)
    last = accumulate_within(np.where(entered > 0, panel.day, np.datetime64("NaT")), panel.is_first, np.fmax)
    return np.asarray(np.isfinite(panel.window_days) & ((panel.day - last).astype(np.float64) < panel.window_days))
