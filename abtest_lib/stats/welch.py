"""Welch's t-test from sums over users."""

import numpy as np
from scipy.special import stdtr

from abtest_lib.stats.arrays import Floats, divide
from abtest_lib.stats.moments import linearise
from abtest_lib.stats.sums import Sums


def welch(arm: Sums, control: Sums) -> Floats:
    """Compute the two-sided p-value of Welch's t-test with the degrees of freedom of Welch and Satterthwaite.

    Args:
        arm: Sums of the arms; ratios are linearised, covariates are not used.
        control: Sums of the controls.

    Returns:
        p-values; NaN where there is no variance.

    Source: Welch (1947), Biometrika 34, 28-35.
    """
    parts = [divide(linearise(one).squares, one.users * (one.users - 1)) for one in (arm, control)]
    both = parts[0] + parts[1]
    terms = [divide(part**2, one.users - 1) for part, one in zip(parts, (arm, control), strict=True)]
    statistic = divide(arm.mean - control.mean, np.sqrt(both))
    return np.asarray(2 * stdtr(divide(both**2, terms[0] + terms[1]), -np.abs(statistic)))
