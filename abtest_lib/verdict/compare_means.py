"""Comparisons of arms with the control on one day's sums: estimates, simultaneous intervals, p-values."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.means import MeanDifference, interval, lift_interval
from abtest_lib.stats.multiplicity import benjamini_hochberg, bonferroni, holm
from abtest_lib.stats.proportions import critical_value, two_sided_p_value


@dataclass(frozen=True, slots=True, eq=False)
class MeanComparisons:
    """Comparisons of N groups of K arms with a control each; NaN where there is no number.

    Attributes:
        difference: The arm's value minus the control's, adjusted by the covariate, (N, K) like all that follow.
        difference_lower: Lower end of its interval; simultaneous over the arms of a group at level 1 - alpha.
        difference_upper: Upper end of it.
        lift: The arm's value over the control's minus one, a ratio.
        lift_lower: Lower end of its interval, on the log scale where both values are above 0.
        lift_upper: Upper end of it.
        unadjusted_difference: The difference without the covariate.
        unadjusted_lower: Lower end of its interval.
        unadjusted_upper: Upper end of it.
        variance_reduction: Share of the variance that the covariate removes.
        statistic: z, the difference in standard errors.
        p_value: Two-sided, of the pair alone.
        p_adjusted: Bonferroni over the arms; below alpha exactly when the intervals exclude no difference.
        p_holm: Holm over the arms.
        p_benjamini_hochberg: Benjamini and Hochberg over the arms.
    """

    difference: Floats
    difference_lower: Floats
    difference_upper: Floats
    lift: Floats
    lift_lower: Floats
    lift_upper: Floats
    unadjusted_difference: Floats
    unadjusted_lower: Floats
    unadjusted_upper: Floats
    variance_reduction: Floats
    statistic: Floats
    p_value: Floats
    p_adjusted: Floats
    p_holm: Floats
    p_benjamini_hochberg: Floats


def compare_arms_by_means(result: MeanDifference, is_compared: Bools, alpha: float) -> MeanComparisons:
    """Compare the arms of many groups with their controls.

    Args:
        result: Differences and their standard errors, (N, K).
        is_compared: Which arms are compared, (N, K).
        alpha: Two-sided level of a group; an arm is compared at alpha/(arms-1).
    """
    number = np.maximum(is_compared.sum(axis=1, keepdims=True), 1)
    critical = np.broadcast_to(critical_value(alpha / number), is_compared.shape)
    error = np.where(is_compared, result.standard_error, np.nan)
    statistic = divide(result.difference, error)
    p_value = two_sided_p_value(statistic)
    ends, unadjusted = (
        interval(result.difference, error, critical),
        interval(result.unadjusted_difference, result.unadjusted_error, critical),
    )
    lifts = lift_interval(result, critical)
    return MeanComparisons(
        difference=result.difference,
        difference_lower=ends.lower,
        difference_upper=ends.upper,
        lift=result.lift,
        lift_lower=lifts.lower,
        lift_upper=lifts.upper,
        unadjusted_difference=result.unadjusted_difference,
        unadjusted_lower=unadjusted.lower,
        unadjusted_upper=unadjusted.upper,
        variance_reduction=result.variance_reduction,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=bonferroni(p_value, number),
        p_holm=holm(p_value),
        p_benjamini_hochberg=benjamini_hochberg(p_value),
    )
