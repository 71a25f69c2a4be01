"""Comparisons of arms with the control on one day's counts: estimates, simultaneous intervals, p-values."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, Ints, divide
from abtest_lib.stats.chi_square import independence
from abtest_lib.stats.intervals import difference_intervals, ratio_intervals
from abtest_lib.stats.multiplicity import benjamini_hochberg, bonferroni, holm
from abtest_lib.stats.proportions import critical_value, score_statistic, two_sided_p_value


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Comparisons of N groups of K arms with a control each; NaN where there is no number.

    Attributes:
        is_compared: Whether arm and control have users, (N, K); never for the control.
        difference: Conversion minus control's, a proportion, (N, K) like all that follow.
        difference_lower: Lower end of its score interval; simultaneous over the arms of a group at level 1 - alpha.
        difference_upper: Upper end of it.
        lift: Conversion over control's minus one, a ratio; NaN when the control has no conversions.
        lift_lower: Lower end of its interval.
        lift_upper: Upper end of it.
        statistic: Score z; NaN when nobody or everybody converted.
        p_value: Two-sided, of the pair alone.
        p_adjusted: Bonferroni; below alpha exactly when the intervals exclude no effect.
        p_holm: Holm.
        p_benjamini_hochberg: Benjamini and Hochberg.
        chi_square: Omnibus statistic over all arms, (N,); NaN when skipped.
        chi_square_dof: Its degrees of freedom, (N,); 0 when skipped.
        chi_square_p_value: Its p-value, (N,).
    """

    is_compared: Bools
    difference: Floats
    difference_lower: Floats
    difference_upper: Floats
    lift: Floats
    lift_lower: Floats
    lift_upper: Floats
    statistic: Floats
    p_value: Floats
    p_adjusted: Floats
    p_holm: Floats
    p_benjamini_hochberg: Floats
    chi_square: Floats
    chi_square_dof: Ints
    chi_square_p_value: Floats


def compare_arms(users: Floats, purchases: Floats, control: Ints, alpha: float = 0.05) -> Comparisons:
    """Compare the arms of many groups with their controls.

    Args:
        users: Users, (N, K); 0 where there is no such arm.
        purchases: Those who converted, (N, K).
        control: Index of each group's control, (N,); -1 without one.
        alpha: Two-sided level of a group; an arm is compared at alpha/(arms-1).

    Returns:
        The comparisons.

    Examples:
        >>> result = compare_arms(np.array([[47.0, 53.0]]), np.array([[13.0, 19.0]]), np.array([0]))
        >>> result.p_value.round(6).tolist()
        [[nan, 0.38091]]
    """
    index = np.maximum(control, 0)[:, None]
    has_control = (control >= 0)[:, None] & (np.take_along_axis(users, index, 1) > 0)
    is_control = np.arange(users.shape[1]) == control[:, None]
    is_compared = np.asarray((users > 0) & has_control & ~is_control)
    number = np.maximum(is_compared.sum(axis=1, keepdims=True), 1)
    reference = (np.take_along_axis(purchases, index, 1), np.take_along_axis(users, index, 1))
    x, n, x0, n0 = (np.where(is_compared, values, np.nan) for values in (purchases, users, *reference))
    critical = np.broadcast_to(critical_value(alpha / number), users.shape)
    p, p0 = divide(x, n), divide(x0, n0)
    differences, ratios = difference_intervals(x, n, x0, n0, critical), ratio_intervals(x, n, x0, n0, critical)
    statistic = score_statistic(x, n, x0, n0)
    p_value = two_sided_p_value(statistic)
    omnibus = independence(purchases, users)
    return Comparisons(
        is_compared=is_compared,
        difference=p - p0,
        difference_lower=differences.lower,
        difference_upper=differences.upper,
        lift=divide(p, p0) - 1,
        lift_lower=ratios.lower - 1,
        lift_upper=ratios.upper - 1,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=bonferroni(p_value, number),
        p_holm=holm(p_value),
        p_benjamini_hochberg=benjamini_hochberg(p_value),
        chi_square=omnibus.statistic,
        chi_square_dof=omnibus.degrees,
        chi_square_p_value=omnibus.p_value,
    )
