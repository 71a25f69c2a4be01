"""Plan experiments: the users that an effect needs, and the effect that a number of users can find."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from abtest_lib.errors import StatisticsError
from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.joint_law import crossing_probability
from abtest_lib.stats.proportions import MINIMUM_EXPECTED_EVENTS
from abtest_lib.stats.spending import plan_looks

_LARGEST_USERS = 1e12
_RARE = 1e-6
"""The closest to 0 or 1 that a rate can come; beyond it double precision is not enough."""
_MOST_ARMS, _MOST_LOOKS = 1_000, 3_650
_LARGEST_LIFT_STEP = 1e-9
_ROUNDING = 1e-9
"""Users by which a computed number can exceed a whole one."""


class Rule(StrEnum):
    """When an experiment is judged."""

    FIXED = "fixed"
    PLANNED = "planned"
    UNPLANNED = "unplanned"


@dataclass(frozen=True, slots=True)
class Design:
    """The effect that an experiment should find.

    Attributes:
        baseline: The control's conversion, a proportion.
        arms: Arms, the control among them; equally many users in each.
        power: The probability of finding the effect.
        alpha: The two-sided level of the whole experiment; each arm is tested at alpha/(arms-1).
        rule: Judged once at the end, or daily by the planned or the unplanned rule.
        looks: Daily looks until the end, evenly spaced; the fixed rule has one.
    """

    baseline: float
    arms: int = 2
    power: float = 0.8
    alpha: float = 0.05
    rule: Rule = Rule.FIXED
    looks: int = 28

    def __post_init__(self) -> None:
        """Reject impossible numbers."""
        for name, value in (("baseline", self.baseline), ("power", self.power), ("alpha", self.alpha)):
            if not _RARE <= value <= 1 - _RARE:
                raise StatisticsError(f"{name} is {value}: must be between {_RARE:.6f} and {1 - _RARE:.6f}")
        for name, number, least, most in (("arms", self.arms, 2, _MOST_ARMS), ("looks", self.looks, 1, _MOST_LOOKS)):
            if not least <= number <= most:
                raise StatisticsError(f"{name} is {number}: must be between {least} and {most:,}")
        if self.power <= self.alpha:
            raise StatisticsError(f"power is {self.power}: must be above alpha, {self.alpha}")

    @property
    def arm_alpha(self) -> float:
        """The two-sided level of one arm against the control."""
        return self.alpha / (self.arms - 1)


def find_power(design: Design, lift: float, users: float) -> float:
    """Compute the probability that one arm is found to differ, on the right side, by the end.

    Args:
        design: The experiment; its power is not used.
        lift: The true relative lift of the arm, a ratio.
        users: Users of each arm at the end.

    Raises:
        StatisticsError: The lift leads outside of (0, 1).

    Examples:
        >>> round(find_power(Design(baseline=0.05), lift=0.1, users=31_234), 4)
        0.8
    """
    p, q = _conversions(design, lift)
    error, pooled_error = _errors(p, q, users)
    information, boundary = _looks(design, p, q, users)
    if information.size == 0:  # so few users that no look has anything to spend
        return 0.0
    return crossing_probability(information, boundary * pooled_error / error, abs(q - p) / error)


def users_per_arm(design: Design, lift: float) -> int:
    """Compute the users that each arm needs.

    Args:
        design: The experiment.
        lift: The relative lift to be found, a ratio; not 0.

    Returns:
        The smallest number that reaches the design's power and of which a test is made: with p̄ the mean of both
        conversions, 10 / min(p̄, 1 - p̄) users expect ten who convert and ten who do not.

    Raises:
        StatisticsError: The lift is 0, leads outside of (0, 1), or needs more than 10¹² users.

    Source: Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 4.2, without correction.

    Examples:
        >>> users_per_arm(Design(baseline=0.05), lift=0.1)
        31234
        >>> users_per_arm(Design(baseline=0.01), lift=5)
        286
    """
    p, q = _conversions(design, lift)
    if p == q:
        raise StatisticsError(f"the effect is {lift}: must not be 0, as no number of users can find it")
    wanted = max(_fixed_users(design, p, q), _tested_users(p, q))
    fixed = float(_checked(math.ceil(wanted - _ROUNDING), lift))
    if design.rule is Rule.FIXED:
        return int(fixed)
    most = fixed
    while find_power(design, lift, most) < design.power:
        most = float(_checked(2 * most, lift))
    if most == fixed:
        return math.ceil(fixed)
    return math.ceil(brentq(lambda n: find_power(design, lift, n) - design.power, most / 2, most, xtol=1e-3))


def detectable_lift(design: Design, users: float) -> float | None:
    """Compute the smallest positive lift that so many users find with the design's power.

    Args:
        design: The experiment.
        users: Users of each arm at the end.

    Returns:
        A ratio; None when no lift up to a conversion of 100 % would be found. As in `users_per_arm`, only where a
        test is made.

    Raises:
        StatisticsError: There are no users.

    Examples:
        >>> round(detectable_lift(Design(baseline=0.05), users=31_234), 4)
        0.1
    """
    if not 1 <= users <= _LARGEST_USERS:
        raise StatisticsError(f"users per arm is {users}: must be between 1 and {_LARGEST_USERS:.0g}")
    first, last = _tested_lifts(design, users)
    least = max(_LARGEST_LIFT_STEP, first)
    most = min((1 - design.baseline) / design.baseline * (1 - _LARGEST_LIFT_STEP), last)
    if most < least or find_power(design, most, users) < design.power:
        return None
    if find_power(design, least, users) >= design.power:
        return least
    return float(brentq(lambda lift: find_power(design, lift, users) - design.power, least, most, xtol=1e-10))


def _conversions(design: Design, lift: float) -> tuple[float, float]:
    other = design.baseline * (1 + lift)
    if not (0 < other < 1):
        raise StatisticsError(
            f"a lift of {lift} turns {design.baseline} into {other:.6g}: must stay above 0 and below 1"
        )
    return design.baseline, other


def _errors(p: float, q: float, users: float) -> tuple[float, float]:
    """Compute the standard errors of the difference, with the true conversions and with the pooled one."""
    pooled = (p + q) / 2
    return math.sqrt((p * (1 - p) + q * (1 - q)) / users), math.sqrt(2 * pooled * (1 - pooled) / users)


def _fixed_users(design: Design, p: float, q: float) -> float:
    error, pooled_error = _errors(p, q, 1.0)
    z_alpha, z_power = -ndtri(design.arm_alpha / 2), ndtri(design.power)
    return float(((z_alpha * pooled_error + z_power * error) / (q - p)) ** 2)


def _tested_users(p: float, q: float) -> float:
    """Return the users of each arm below which the rules make no test."""
    pooled = (p + q) / 2
    return MINIMUM_EXPECTED_EVENTS / min(pooled, 1 - pooled)


def _tested_lifts(design: Design, users: float) -> tuple[float, float]:
    """Return the lifts between which so many users are enough for a test."""
    least = MINIMUM_EXPECTED_EVENTS / users
    return 2 * least / design.baseline - 2, 2 * (1 - least) / design.baseline - 2


def _looks(design: Design, p: float, q: float, users: float) -> tuple[Floats, Floats]:
    """Return information and critical |z| of every look, users entering evenly."""
    if design.rule is Rule.FIXED:
        return np.ones(1), np.array([-ndtri(design.arm_alpha / 2)])
    passed = np.arange(1, design.looks + 1) / design.looks
    pooled = (p + q) / 2
    information = passed * users / 2 * pooled / (1 - pooled)
    if design.rule is Rule.UNPLANNED:
        return information, mixture_boundary(information, design.arm_alpha)
    is_look, boundary = planned_path(design.looks, design.arm_alpha)
    return information[is_look], boundary


@lru_cache(maxsize=1_024)
def planned_path(looks: int, alpha: float) -> tuple[Bools, Floats]:
    """Find the evenly spaced looks and their boundaries; only ratios of information matter, not users."""
    passed = np.arange(1, looks + 1) / looks
    found = plan_looks(passed[None], passed[None], np.array([[alpha]]), np.ones((1, looks), dtype=bool))
    return found.is_look[0], found.boundary[found.is_look]


def _checked(users: float, lift: float) -> int:
    if users > _LARGEST_USERS:
        raise StatisticsError(
            f"an effect of {lift} needs more than {_LARGEST_USERS:.0g} users per arm: ask for a larger one"
        )
    return int(users)
