"""Two conversions compared: the score test and the information that it rests on."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from abtest_lib.stats.arrays import Bools, Floats, as_floats, divide

MINIMUM_EXPECTED_EVENTS = 10.0
"""No test while the smaller arm expects fewer conversions (or non-conversions) than this."""


def pooled_conversion(
    purchases: npt.ArrayLike, users: npt.ArrayLike, control_purchases: npt.ArrayLike, control_users: npt.ArrayLike
) -> Floats:
    """Compute the conversion of both arms together, a proportion; NaN without users."""
    x, n, x0, n0 = as_floats(purchases, users, control_purchases, control_users)
    return divide(x + x0, n + n0)


def score_statistic(
    purchases: npt.ArrayLike, users: npt.ArrayLike, control_purchases: npt.ArrayLike, control_users: npt.ArrayLike
) -> Floats:
    """Compute the two-sample score z statistic with pooled variance, without continuity correction.

    Args:
        purchases: Conversions of the arm.
        users: Users of the arm.
        control_purchases: Conversions of the control.
        control_users: Users of the control.

    Returns:
        z, positive where the arm converts better, broadcast over the inputs; NaN where an arm has no users, or where
        nobody or everybody converted. Its square is Pearson's chi-square.

    Examples:
        >>> round(float(two_sided_p_value(score_statistic(19, 53, 13, 47))), 10)
        0.3809096823
    """
    x, n, x0, n0 = as_floats(purchases, users, control_purchases, control_users)
    pooled = pooled_conversion(x, n, x0, n0)
    harmonic = divide(n * n0, n + n0)
    return divide((divide(x, n) - divide(x0, n0)) * np.sqrt(harmonic), np.sqrt(pooled * (1 - pooled)))


def two_sided_p_value(statistic: npt.ArrayLike) -> Floats:
    """Compute the two-sided p-value of a z statistic; NaN stays NaN."""
    return np.asarray(2 * ndtr(-np.abs(np.asarray(statistic, dtype=np.float64))))


def critical_value(alpha: npt.ArrayLike) -> Floats:
    """Return the |z| at which a two-sided test at level `alpha` rejects.

    Examples:
        >>> round(float(critical_value(0.05)), 6)
        1.959964
    """
    return np.asarray(-ndtri(np.asarray(alpha, dtype=np.float64) / 2))


def pair_information(
    purchases: npt.ArrayLike, users: npt.ArrayLike, control_purchases: npt.ArrayLike, control_users: npt.ArrayLike
) -> Floats:
    """Compute the information of a pair in events, n_h·p/(1-p) with 1/n_h = 1/n_v + 1/n_c and p pooled.

    Returns:
        The information, 0 without conversions or users; infinite where everybody converted.

    Examples:
        >>> float(pair_information(50, 1000, 50, 1000).round(4))
        26.3158
    """
    x, n, x0, n0 = as_floats(purchases, users, control_purchases, control_users)
    events, others = x + x0, n - x + n0 - x0
    harmonic = np.nan_to_num(divide(n * n0, n + n0))
    odds = np.where(others > 0, np.nan_to_num(divide(events, others)), np.where(events > 0, np.inf, 0.0))
    return np.where(harmonic > 0, harmonic, 0.0) * np.where(harmonic > 0, odds, 0.0)


def has_enough_conversions(
    purchases: npt.ArrayLike,
    users: npt.ArrayLike,
    control_purchases: npt.ArrayLike,
    control_users: npt.ArrayLike,
    minimum: float = MINIMUM_EXPECTED_EVENTS,
) -> Bools:
    """Check that a pair can be tested: n·min(p, 1-p) reaches the minimum in the smaller arm, with p pooled.

    Examples:
        >>> has_enough_conversions([10, 9], 200, [10, 10], 200).tolist()
        [True, False]
    """
    x, n, x0, n0 = as_floats(purchases, users, control_purchases, control_users)
    pooled = np.nan_to_num(pooled_conversion(x, n, x0, n0))
    # Rounding must not reject an exact minimum.
    return np.asarray(np.minimum(n, n0) * np.minimum(pooled, 1 - pooled) >= minimum * (1 - 1e-12))
