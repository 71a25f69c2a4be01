"""Sums over users, from which means and ratios are compared."""

from dataclasses import dataclass

from abtest_lib.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums of value x, denominator y and covariate c; NaN where a metric has none."""

    users: Floats
    x: Floats
    xx: Floats
    y: Floats
    yy: Floats
    xy: Floats
    c: Floats
    cc: Floats
    xc: Floats
    yc: Floats
