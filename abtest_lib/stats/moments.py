"""Means and covariances of users' values, with ratios turned into means by linearisation."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Floats, divide
from abtest_lib.stats.sums import Sums, centred_product


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """One number per user and its covariate, in many cells.

    Attributes:
        value: The mean per user, or the ratio.
        covariate: The mean of the covariate; 0 where there is none.
        squares: Σ(l - l̄)² of the linearised value l, in the unit of the value squared.
        products: Σ(l - l̄)(c - c̄); 0 without a covariate.
        covariate_squares: Σ(c - c̄)²; 0 without a covariate.
    """

    value: Floats
    covariate: Floats
    squares: Floats
    products: Floats
    covariate_squares: Floats


def linearise(sums: Sums) -> Moments:
    """Compute the moments of the linearised value: l = (x - R·y)/ȳ, with R the ratio of the cell; l = x for means.

    The mean of l varies as the ratio does, to first order, which is the delta method.

    Args:
        sums: The sums.

    Returns:
        Moments of the same shape; NaN without users.

    Source: Deng, Knoblich and Lu (2018), Applying the delta method in metric analytics, KDD.
    """
    n, is_ratio = sums.users, ~np.isnan(sums.y)
    ratio, scale = np.where(is_ratio, sums.mean, 0.0), np.where(is_ratio, divide(sums.y, n), 1.0)
    y, yy, xy, c, cc, xc, yc = map(np.nan_to_num, (sums.y, sums.yy, sums.xy, sums.c, sums.cc, sums.xc, sums.yc))
    squares = (
        centred_product(sums.xx, sums.x, sums.x, n)
        - 2 * ratio * centred_product(xy, sums.x, y, n)
        + ratio**2 * centred_product(yy, y, y, n)
    )
    products = centred_product(xc, sums.x, c, n) - ratio * centred_product(yc, y, c, n)
    return Moments(
        sums.mean,
        divide(c, n),
        np.maximum(divide(squares, scale**2), 0.0),
        divide(products, scale),
        np.maximum(centred_product(cc, c, c, n), 0.0),
    )


def adjustment_slope(pooled: Moments) -> Floats:
    """Return θ = Cov(l, c)/Var(c) over the users of both arms; 0 where there is no covariate or it does not vary.

    Source: Deng, Xu, Kohavi and Walker (2013), Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data (CUPED), WSDM.
    """
    return np.nan_to_num(divide(pooled.products, pooled.covariate_squares))


def adjusted_squares(moments: Moments, slope: Floats) -> Floats:
    """Return the centred sum of squares of l - θ·c."""
    left = moments.squares - 2 * slope * moments.products + slope**2 * moments.covariate_squares
    # A perfect covariate leaves nothing but rounding.
    return np.asarray(np.where(left > 1e-12 * moments.squares, left, 0.0))
