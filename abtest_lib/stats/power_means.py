"""Users that experiments on means and ratios need."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from abtest_lib.errors import StatisticsError
from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.joint_law import crossing_probability
from abtest_lib.stats.moments import adjusted_squares, adjustment_slope, linearise
from abtest_lib.stats.power import Rule, planned_path
from abtest_lib.stats.sums import Sums

_LARGEST_USERS = 1e12


@dataclass(frozen=True, slots=True)
class UserValues:
    """What is known of the values of users.

    Attributes:
        mean: The mean per user, or the ratio; not 0.
        sd: Standard deviation of a user's linearised value, in the same unit.
        correlation: Correlation of the value and the covariate; 0 without one.
    """

    mean: float
    sd: float
    correlation: float = 0.0

    def __post_init__(self) -> None:
        """Reject impossible numbers."""
        if self.mean == 0 or not math.isfinite(self.mean):
            raise StatisticsError(f"mean is {self.mean}: must not be 0, as a relative effect needs a mean")
        if not 0 < self.sd < math.inf:
            raise StatisticsError(f"sd is {self.sd}: must be above 0")
        if not -1 < self.correlation < 1:
            raise StatisticsError(f"correlation is {self.correlation}: must be between -1 and 1")

    @property
    def information(self) -> float:
        """What one user adds to the precision of the relative mean: mean²/variance, after adjustment."""
        return self.mean**2 / (self.sd**2 * (1 - self.correlation**2))


@dataclass(frozen=True, slots=True)
class Test:
    """How a metric is tested.

    Attributes:
        arms: Arms, the control among them; equally many users in each.
        power: The probability of finding the effect.
        alpha: The two-sided level of the metric; each arm is tested at alpha/(arms-1).
        rule: Judged once at the end, or daily by the planned or the unplanned rule.
        looks: Daily looks until the end, evenly spaced.
    """

    __test__ = False

    arms: int = 2
    power: float = 0.8
    alpha: float = 0.05
    rule: Rule = Rule.FIXED
    looks: int = 28

    def __post_init__(self) -> None:
        """Reject impossible numbers."""
        if not 0 < self.alpha < self.power < 1:
            raise StatisticsError(f"alpha is {self.alpha} and power {self.power}: 0 < alpha < power < 1 is needed")
        if self.arms < 2:  # noqa: PLR2004  a comparison is between two
            raise StatisticsError(f"arms is {self.arms}: must be at least 2")


def measure_values(sums: Sums) -> UserValues:
    """Compute mean, standard deviation and correlation from sums over users, each a single number.

    Raises:
        StatisticsError: There are fewer than two users, or their values do not differ.
    """
    if not float(sums.users) > 1:
        raise StatisticsError(f"users is {float(sums.users):g}: two are needed for a variance")
    moments = linearise(sums)
    left = float(adjusted_squares(moments, adjustment_slope(moments)))
    total = float(moments.squares)
    share = 1 - left / total if total > 0 else 0.0
    return UserValues(
        float(moments.value), math.sqrt(total / (float(sums.users) - 1)), math.sqrt(min(max(share, 0.0), 1 - 1e-9))
    )


def users_for_lift(values: UserValues, test: Test, lift: float) -> int:
    """Compute the users that each arm needs to find a relative effect; for a guardrail, the margin.

    Args:
        values: The values of users, the same in all arms but for the effect.
        test: How the metric is tested.
        lift: The relative effect or the relative margin, a ratio; not 0.

    Returns:
        The smallest number of users per arm.

    Raises:
        StatisticsError: The lift is 0, or needs more than 10¹² users.

    Examples:
        16·sd²/effect², by the well-known rule of thumb:

        >>> users_for_lift(UserValues(mean=10.0, sd=20.0), Test(), 0.05)
        25117
        >>> users_for_lift(UserValues(mean=10.0, sd=20.0, correlation=0.7), Test(), 0.05)
        12810
    """
    if lift == 0 or not math.isfinite(lift):
        raise StatisticsError(f"the effect is {lift}: must not be 0, as no number of users can find it")
    users = 2 * _needed_information(test, abs(lift)) / values.information
    if users > _LARGEST_USERS:
        raise StatisticsError(f"an effect of {lift} needs more than {_LARGEST_USERS:.0g} users per arm")
    return max(2, math.ceil(users - 1e-9))


def guardrail_test(test: Test, guardrails: int) -> Test:
    """Return how each of several guardrails is tested so that all of them pass with the test's power.

    All must pass, so they share the false negatives, and none of the false positives.

    Source: Schultzberg, Ankargren and Frånberg (2024), Risk-aware product decisions in A/B tests with multiple metrics.

    Examples:
        >>> round(guardrail_test(Test(power=0.8), 2).power, 6)
        0.9
    """
    return replace(test, power=1 - (1 - test.power) / max(guardrails, 1))


def _needed_information(test: Test, lift: float) -> float:
    """Return the precision of the relative effect, of both arms together, that gives the power."""
    alpha = test.alpha / (test.arms - 1)
    fixed = float((ndtri(test.power) - ndtri(alpha / 2)) / lift) ** 2
    if test.rule is Rule.FIXED:
        return fixed

    def missing(information: float) -> float:
        return _power(test, alpha, lift, information) - test.power

    most = fixed
    while missing(most) < 0:
        most *= 2
    return most if most == fixed else float(brentq(missing, most / 2, most, rtol=1e-9))


def _power(test: Test, alpha: float, lift: float, information: float) -> float:
    passed = np.arange(1, test.looks + 1) / test.looks
    if test.rule is Rule.UNPLANNED:
        reached = passed * information
        return crossing_probability(reached, mixture_boundary(reached, alpha), lift * math.sqrt(information))
    is_look, boundary = planned_path(test.looks, alpha)
    return crossing_probability(passed[is_look], boundary, lift * math.sqrt(information))
