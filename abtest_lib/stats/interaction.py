"""Whether an effect differs between segments."""

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from abtest_lib.stats.arrays import Floats, divide


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
