"""What a pair of arms knows about a mean: the scales on which looks are planned."""

from abtest_lib.stats.arrays import Floats, divide
from abtest_lib.stats.means import MeanDifference
from abtest_lib.stats.sums import Sums


def harmonic_users(arm: Sums, control: Sums) -> Floats:
    """Return n_h with 1/n_h = 1/n_v + 1/n_c; NaN without users."""
    return divide(arm.users * control.users, arm.users + control.users)


def look_information(result: MeanDifference, users: Floats) -> Floats:
    """Return J = n_h·σ², which gives looks the correlation √(J_s/J_t).

    While σ² stays the same, J is proportional to the information of the estimate. Where totals per user go on growing
    after a look, σ² grows too, and the correlation of looks is lower than that of their users.

    Args:
        result: The comparisons.
        users: Harmonic users of the pairs, n_h.
    """
    return users * result.pooled_variance


def mixture_information(result: MeanDifference, users: Floats) -> Floats:
    """Return I = n_h·μ²/σ², the precision of the relative effect, for `always_valid.mixture_boundary`.

    For a proportion it is n_h·p/(1-p), events, as in `proportions.pair_information`.

    Args:
        result: The comparisons.
        users: Harmonic users of the pairs, n_h.
    """
    return users * result.relative
