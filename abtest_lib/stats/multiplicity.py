"""Corrections for several arms compared with one control, along the last axis; NaN marks "no comparison"."""

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Floats


def bonferroni(p_values: npt.ArrayLike, comparisons: npt.ArrayLike | None = None) -> Floats:
    """Adjust p-values by Bonferroni's correction, which the verdict's intervals use too.

    Args:
        p_values: Shape (..., arms); NaN entries are no comparisons and do not count.
        comparisons: How many there are, broadcastable to p_values; counted by default.

    Returns:
        Adjusted p-values, same shape, NaN where the input is.

    Examples:
        >>> bonferroni([0.01, 0.04, np.nan]).tolist()
        [0.02, 0.08, nan]
    """
    p = np.asarray(p_values, dtype=np.float64)
    count = _count(p) if comparisons is None else np.asarray(comparisons, dtype=np.float64)
    return np.minimum(p * count, 1.0)


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values by Holm's step-down method; arguments and result as for `bonferroni`.

    Examples:
        >>> holm([0.01, 0.04, 0.03, 0.005, 0.55, 0.6]).round(9).tolist()
        [0.05, 0.12, 0.12, 0.03, 1.0, 1.0]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=-1)  # NaN goes last
    factors = _count(p) - np.arange(p.shape[-1])
    steps = np.maximum.accumulate(np.take_along_axis(p, order, -1) * factors, axis=-1)
    return _put_back(np.minimum(steps, 1.0), order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values by Benjamini and Hochberg (1995); arguments and result as for `bonferroni`.

    Examples:
        >>> benjamini_hochberg([0.01, 0.02, 0.03]).round(9).tolist()
        [0.03, 0.03, 0.03]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=-1)
    scaled = np.take_along_axis(p, order, -1) * _count(p) / np.arange(1, p.shape[-1] + 1)
    from_above = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    steps = np.where(np.isnan(scaled), np.nan, np.minimum(from_above, 1.0))
    return _put_back(steps, order)


def _count(p: Floats) -> Floats:
    return np.asarray((~np.isnan(p)).sum(axis=-1, keepdims=True), dtype=np.float64)


def _put_back(values: Floats, order: npt.NDArray[np.intp]) -> Floats:
    result = np.empty_like(values)
    np.put_along_axis(result, order, values, -1)
    return result
