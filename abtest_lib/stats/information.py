"""What a pair of arms knows about a mean or a ratio: the scales on which looks are planned."""

import numpy as np

from abtest_lib.stats.arrays import Floats, divide
from abtest_lib.stats.means import MeanDifference
from abtest_lib.stats.sums import Sums


def look_information(result: MeanDifference, arm: Sums, control: Sums) -> Floats:
    """Return J = n_h·σ², which gives looks the correlation √(J_s/J_t).

    While σ² stays the same, J is proportional to the information of the estimate. Where totals per user go on growing
    after a look, σ² grows too, and the correlation of looks is lower than that of their users. For a ratio σ² is the
    variance of x - R·y, not that of the ratio, whose denominators go on growing.

    Args:
        result: The comparisons.
        arm: Sums of the arms.
        control: Sums of their controls.
    """
    both = arm + control
    denominator = np.where(np.isnan(both.y), 1.0, divide(both.y, both.users))
    return np.asarray(_harmonic_users(arm, control) * result.pooled_variance * denominator**2)


def mixture_information(result: MeanDifference, arm: Sums, control: Sums) -> Floats:
    """Return I = n_h·μ²/σ², the precision of the relative effect, for `always_valid.mixture_boundary`.

    For a proportion it is n_h·p/(1-p), events, as in `proportions.pair_information`.

    Args:
        result: The comparisons.
        arm: Sums of the arms.
        control: Sums of their controls.
    """
    return _harmonic_users(arm, control) * result.relative


def _harmonic_users(arm: Sums, control: Sums) -> Floats:
    """Return n_h with 1/n_h = 1/n_v + 1/n_c; NaN without users."""
    return divide(arm.users * control.users, arm.users + control.users)
