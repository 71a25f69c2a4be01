"""Differences of means and ratios from sums over users."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.intervals import Intervals
from abtest_lib.stats.sums import Sums

_FEWEST_USERS = 2
_FEWEST_VALUES = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class MeanDifference:
    """Arms compared with their controls; NaN where there is no number."""

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


def _linearised(sums: Sums, ratio: Floats) -> tuple[Floats, Floats, Floats]:
    is_ratio = ~np.isnan(sums.y)
    r, y = np.where(is_ratio, ratio, 0.0), np.nan_to_num(sums.y)
    squares = sums.xx - 2 * r * np.nan_to_num(sums.xy) + r * r * np.nan_to_num(sums.yy)
    return sums.x - r * y, squares, sums.xc - r * np.nan_to_num(sums.yc)


def _variance(n: Floats, total: Floats, squares: Floats) -> Floats:
    return np.maximum(divide(squares - divide(total * total, n), n - 1), 0.0)


def compare_means(arm: Sums, control: Sums, *, is_proportion: bool = False) -> MeanDifference:  # noqa: ARG001  as means
    """Compare means or ratios, adjusted by the covariate where there is one."""
    n, n0, is_ratio = arm.users, control.users, ~np.isnan(arm.y)
    value, control_value = (divide(s.x, np.where(is_ratio, s.y, s.users)) for s in (arm, control))
    ratio = divide(arm.x + control.x, np.where(is_ratio, arm.y + control.y, n + n0))
    (z, zz, zc), (z0, zz0, zc0) = _linearised(arm, ratio), _linearised(control, ratio)
    scale = np.where(is_ratio, divide(arm.y + control.y, n + n0), 1.0)
    error = np.sqrt(divide(_variance(n, z, zz), n) + divide(_variance(n0, z0, zz0), n0)) / scale
    products = zc - divide(z * arm.c, n) + zc0 - divide(z0 * control.c, n0)
    spread = arm.cc - divide(arm.c**2, n) + control.cc - divide(control.c**2, n0)
    theta = np.where(spread > 0, np.nan_to_num(divide(products, spread)), 0.0)
    c, cc, xc, c0, cc0, xc0 = map(np.nan_to_num, (arm.c, arm.cc, zc, control.c, control.cc, zc0))
    variance = _variance(n, z - theta * c, zz - 2 * theta * xc + theta**2 * cc)
    variance0 = _variance(n0, z0 - theta * c0, zz0 - 2 * theta * xc0 + theta**2 * cc0)
    adjusted = np.sqrt(divide(variance, n) + divide(variance0, n0)) / scale
    is_known = (n >= _FEWEST_USERS) & (n0 >= _FEWEST_USERS) & (adjusted > 0)
    difference = value - control_value - theta * (divide(c, n) - divide(c0, n0)) / scale
    pooled = divide(variance * (n - 1) + variance0 * (n0 - 1), n + n0 - 2) / scale**2

    def known(values: Floats) -> Floats:
        return np.where(is_known, values, np.nan)

    return MeanDifference(
        value,
        control_value,
        known(difference),
        known(adjusted),
        known(value - control_value),
        known(error),
        known(1 - divide(adjusted, error) ** 2),
        known(pooled),
        known(divide(difference, control_value)),
        known(divide(adjusted, control_value)),
        known(divide(adjusted, control_value)),
        known(divide(ratio**2, pooled)),
    )


def may_test(arm: Sums, control: Sums) -> Bools:
    """Check that both arms have users enough with a value."""
    fewest = np.fmin(divide(arm.x**2, arm.xx), divide(control.x**2, control.xx))
    return np.asarray(np.nan_to_num(fewest) >= _FEWEST_VALUES)


def interval(difference: Floats, error: Floats, critical: Floats) -> Intervals:
    """Return difference ± critical · error."""
    return Intervals(difference - critical * error, difference + critical * error)


def lift_interval(result: MeanDifference, critical: Floats) -> Intervals:
    """Return the interval of the relative difference, on the log scale."""
    log = np.log(np.where(result.lift > -1, 1 + result.lift, np.nan))
    reach = critical * result.lift_log_error
    return Intervals(np.exp(log - reach) - 1, np.exp(log + reach) - 1)


def interaction_p_value(difference: Floats, error: Floats) -> Floats:
    """Test that differences are equal along the last axis, by Cochran's Q."""
    weight = np.nan_to_num(divide(np.ones_like(error), error**2))
    effect = np.nan_to_num(difference)
    mean = divide((weight * effect).sum(axis=-1), weight.sum(axis=-1))
    q = (weight * (effect - mean[..., None]) ** 2).sum(axis=-1)
    degrees = (weight > 0).sum(axis=-1) - 1
    return np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), q), np.nan)
