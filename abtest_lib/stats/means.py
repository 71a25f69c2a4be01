"""Two means or two ratios compared, from sums over users: estimates and their errors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.intervals import Intervals
from abtest_lib.stats.moments import Moments, adjusted_squares, adjustment_slope, linearise
from abtest_lib.stats.sums import Sums

MINIMUM_EFFECTIVE_VALUES = 10.0
"""No test while (Σx)²/Σx² is smaller than this in an arm."""

VALUES_OF_IMBALANCE = 800.0
"""Times the squared imbalance of the arms: no test while (Σx)²/Σx² is smaller than this either."""

_ROUNDING = 1e-12
"""Rounding must not reject an exact minimum."""

_FEWEST_USERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class MeanDifference:
    """Arms compared with their controls, arrays of one shape; NaN where there is no number.

    Attributes:
        value: The arm's mean per user, or its ratio, in the metric's unit.
        control_value: The control's.
        difference: The arm's value minus the control's, adjusted by the covariate where there is one.
        standard_error: Its standard error.
        unadjusted_difference: The difference without the covariate; NaN if the metric has none, like the next two.
        unadjusted_error: Its standard error.
        variance_reduction: Share of the variance of the difference that the covariate removes.
        pooled_variance: Variance of a user's adjusted linearised value within the arms, in the unit squared.
        lift: The adjusted value of the arm over the control's, minus one; a ratio.
        lift_log_error: Standard error of the logarithm of 1 + lift; NaN unless both values are above 0.
        lift_delta_error: Standard error of the lift by the delta method.
        relative: μ²/σ², the pooled value squared over the pooled variance: 1/variance of a user's relative value.
    """

    value: Floats
    control_value: Floats
    difference: Floats
    standard_error: Floats
    unadjusted_difference: Floats
    unadjusted_error: Floats
    variance_reduction: Floats
    pooled_variance: Floats
    lift: Floats
    lift_log_error: Floats
    lift_delta_error: Floats
    relative: Floats


def compare_means(arm: Sums, control: Sums, *, is_proportion: bool = False) -> MeanDifference:
    """Compare means or ratios, by the normal approximation, adjusted by the covariate where there is one.

    Ratios are linearised with the ratio of each arm. The slope of the covariate comes from the users of both arms
    together, linearised with their pooled ratio, so that it does not depend on which arm is which.

    Args:
        arm: Sums of the arms, of any shape.
        control: Sums of their controls, same shape.
        is_proportion: A user's value is 0 or 1; the variance is then that of both arms together, as in the score test.

    Returns:
        The comparisons; NaN where an arm has fewer than two users, or no user differs from another.

    Examples:
        >>> none = np.array(np.nan)
        >>> def sums(users, x, xx):
        ...     return Sums(np.array(users), np.array(x), np.array(xx), *[none] * 7)
        >>> result = compare_means(sums(200.0, 6791.09, 583193.7285), sums(200.0, 4591.34, 238815.3418))
        >>> float(result.difference.round(5)), float(result.standard_error.round(6))
        (10.99875, 3.494477)
    """
    pooled, first, second = linearise(arm + control), linearise(arm), linearise(control)
    slope = adjustment_slope(pooled)
    variances = _variances(arm, control, (first, second, pooled), slope, is_proportion=is_proportion)
    unadjusted = _variances(arm, control, (first, second, pooled), np.zeros_like(slope), is_proportion=is_proportion)
    adjusted = [one.value - slope * (one.covariate - pooled.covariate) for one in (first, second)]
    error, plain_error = _error(arm, control, variances), _error(arm, control, unadjusted)
    is_known = (arm.users >= _FEWEST_USERS) & (control.users >= _FEWEST_USERS) & (error > 0)
    within = divide(variances[0] * (arm.users - 1) + variances[1] * (control.users - 1), arm.users + control.users - 2)

    def known(values: Floats) -> Floats:
        return np.where(is_known, values, np.nan)

    def of_covariate(values: Floats) -> Floats:
        return np.where(is_known & ~np.isnan(arm.c), values, np.nan)

    return MeanDifference(
        value=first.value,
        control_value=second.value,
        difference=known(adjusted[0] - adjusted[1]),
        standard_error=known(error),
        unadjusted_difference=of_covariate(first.value - second.value),
        unadjusted_error=of_covariate(plain_error),
        variance_reduction=of_covariate(1 - divide(error, plain_error) ** 2),
        pooled_variance=known(within),
        lift=known(divide(adjusted[0], adjusted[1]) - 1),
        lift_log_error=known(_log_error(arm, control, adjusted, variances)),
        lift_delta_error=known(_delta_error(arm, control, adjusted, variances)),
        relative=known(divide(pooled.value**2, within)),
    )


def interval(difference: npt.ArrayLike, error: npt.ArrayLike, critical: npt.ArrayLike) -> Intervals:
    """Return difference ± critical·error; critical is a |z|.

    Examples:
        >>> ends = interval(1.0, 0.5, 2.0)
        >>> float(ends.lower), float(ends.upper)
        (0.0, 2.0)
    """
    middle, reach = np.asarray(difference, dtype=np.float64), np.asarray(critical) * np.asarray(error)
    return Intervals(np.asarray(middle - reach), np.asarray(middle + reach))


def lift_interval(result: MeanDifference, critical: npt.ArrayLike) -> Intervals:
    """Return the interval of the lift: on the log scale where both values are above 0, else by the delta method."""
    delta = lift_delta_interval(result, critical)
    logs = interval(np.log1p(np.where(result.lift > -1, result.lift, np.nan)), result.lift_log_error, critical)
    on_log = ~np.isnan(result.lift_log_error)
    return Intervals(
        np.where(on_log, np.expm1(logs.lower), delta.lower), np.where(on_log, np.expm1(logs.upper), delta.upper)
    )


def lift_delta_interval(result: MeanDifference, critical: npt.ArrayLike) -> Intervals:
    """Return the interval of the lift by the delta method, symmetric about it."""
    return interval(result.lift, result.lift_delta_error, critical)


def non_inferiority(lower: npt.ArrayLike, margin: npt.ArrayLike) -> Bools:
    """Check that an effect is proven not to be worse than its margin.

    Args:
        lower: The worse end of the interval of the effect, positive where the arm is better.
        margin: The largest loss that is accepted, above 0, in the same unit.

    Examples:
        >>> non_inferiority([-0.01, -0.03, np.nan], 0.02).tolist()
        [True, False, False]
    """
    return np.asarray(np.asarray(lower, dtype=np.float64) > -np.asarray(margin, dtype=np.float64))


def may_test(
    arm: Sums, control: Sums, minimum: float = MINIMUM_EFFECTIVE_VALUES, *, is_proportion: bool = False
) -> Bools:
    """Check that a pair can be tested: both arms have enough effective values, (Σx)²/Σx².

    This counts the users with a value where all values are equal, and fewer where they are skewed. Skewness cancels
    between arms of equal size and does not between unequal ones: these need 800·((n - n₀)/(n + n₀))² values at least,
    which is 89 for 2:1 and 512 for 9:1. The score test of proportions does without that.

    Args:
        arm: Sums of the arms.
        control: Sums of the controls.
        minimum: The effective number that any pair needs.
        is_proportion: A user's value is 0 or 1; the rarer of both is counted.

    Source: the effective sample size of Kish (1965), Survey Sampling; the numbers are measured in
    benchmarks/calibration/metrics.
    """
    if is_proportion:
        share = np.nan_to_num((arm + control).mean)
        number = np.minimum(arm.users, control.users) * np.minimum(share, 1 - share)
        return np.asarray(np.nan_to_num(number) >= minimum * (1 - _ROUNDING))
    numbers = [divide(one.x**2, one.xx) for one in (arm, control)]
    numbers += [np.where(np.isnan(one.y), np.inf, divide(one.y**2, one.yy)) for one in (arm, control)]
    imbalance = np.nan_to_num(divide(arm.users - control.users, arm.users + control.users))
    needed = np.maximum(minimum, VALUES_OF_IMBALANCE * imbalance**2)
    return np.asarray(np.min(np.nan_to_num(numbers, posinf=np.inf), axis=0) >= needed * (1 - _ROUNDING))


def interaction_p_value(difference: npt.ArrayLike, error: npt.ArrayLike) -> Floats:
    """Test that the differences along the last axis are equal, by Cochran's Q.

    Args:
        difference: Differences of independent segments, shape (..., segments); NaN entries are left out.
        error: Their standard errors, same shape.

    Returns:
        p-values of shape (...); NaN with fewer than two segments.

    Source: Cochran (1954), Biometrics 10, 101-129.

    Examples:
        >>> round(float(interaction_p_value([1.0, 3.0], [1.0, 1.0])), 6)
        0.157299
    """
    effect, deviation = np.asarray(difference, dtype=np.float64), np.asarray(error, dtype=np.float64)
    is_known = np.isfinite(effect) & (deviation > 0)
    weight = np.where(is_known, np.nan_to_num(divide(np.ones_like(deviation), deviation**2)), 0.0)
    effect = np.where(is_known, effect, 0.0)
    mean = divide((weight * effect).sum(axis=-1), weight.sum(axis=-1))
    statistic = (weight * (effect - np.nan_to_num(mean)[..., None]) ** 2).sum(axis=-1)
    degrees = is_known.sum(axis=-1) - 1
    return np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), statistic), np.nan)


def _variances(
    arm: Sums, control: Sums, moments: tuple[Moments, Moments, Moments], slope: Floats, *, is_proportion: bool
) -> tuple[Floats, Floats]:
    """Return the variance of a user's adjusted value in the arm and in the control."""
    first, second, pooled = (adjusted_squares(one, slope) for one in moments)
    if is_proportion:
        both = divide(pooled, arm.users + control.users)
        return both, both
    return divide(first, arm.users - 1), divide(second, control.users - 1)


def _error(arm: Sums, control: Sums, variances: tuple[Floats, Floats]) -> Floats:
    return np.sqrt(divide(variances[0], arm.users) + divide(variances[1], control.users))


def _log_error(arm: Sums, control: Sums, values: list[Floats], variances: tuple[Floats, Floats]) -> Floats:
    parts = [divide(v, one.users * m**2) for v, one, m in zip(variances, (arm, control), values, strict=True)]
    return np.where((values[0] > 0) & (values[1] > 0), np.sqrt(parts[0] + parts[1]), np.nan)


def _delta_error(arm: Sums, control: Sums, values: list[Floats], variances: tuple[Floats, Floats]) -> Floats:
    ratio = divide(values[0], values[1])
    numerator = divide(variances[0], arm.users) + ratio**2 * divide(variances[1], control.users)
    return np.sqrt(divide(numerator, values[1] ** 2))
