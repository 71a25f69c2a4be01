"""The values of a metric's arms with their standard errors, from sums over users.

A value is the mean of x, or for a ratio Σx/Σy, with the standard error of the delta method. A covariate removes
θ·(c̄_v - c̄) from the value of arm v, with θ over the users of all arms together: as the comparisons do for pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abtest_lib.bayes.metric_groups import MetricArm
from abtest_lib.stats.arrays import Floats
from abtest_lib.stats.moments import adjusted_squares, adjustment_slope, linearise
from abtest_lib.stats.sums import Sums

_NAMES = ("x", "xx", "y", "yy", "xy", "c", "cc", "xc", "yc")


@dataclass(frozen=True, slots=True)
class ArmValues:
    """The values of the arms of one group, shape (arms,) each.

    Attributes:
        value: The metric, adjusted by the covariate where there is one.
        error: Its standard error.
        scale: The standard deviation of a user's (linearised, adjusted) value, pooled over the arms; a scalar.
    """

    value: Floats
    error: Floats
    scale: float

    @property
    def centre(self) -> float:
        """The mean of the values, weighted by their precision."""
        weight = 1.0 / np.square(self.error)
        return float((weight * self.value).sum() / weight.sum())


def arm_values(arms: Sequence[MetricArm]) -> ArmValues:
    """Compute values and standard errors.

    Args:
        arms: Arms without a `problem` or `gap`, all with the same kinds of sums.

    Returns:
        The values, in the order of the arms.

    Examples:
        >>> from abtest_lib.bayes.metric_groups import ArmSums
        >>> sums = ArmSums(sum_x=8.0, sum_xx=22.0), ArmSums(sum_x=2.0, sum_xx=4.0)
        >>> found = arm_values([MetricArm("A", 4, sums[0]), MetricArm("B", 2, sums[1])])
        >>> found.value.tolist(), np.square(found.error).round(6).tolist()
        ([2.0, 1.0], [0.5, 1.0])
    """
    columns = ([getattr(arm.sums, f"sum_{name}") for arm in arms] for name in _NAMES)
    sums = Sums(*(np.array(column, dtype=np.float64) for column in ([arm.users for arm in arms], *columns)))
    own, pooled = linearise(sums), linearise(sums.map(np.sum))
    slope = adjustment_slope(pooled)
    squares, degrees = adjusted_squares(own, slope), sums.users - 1.0
    return ArmValues(
        value=own.value - slope * (own.covariate - pooled.covariate),
        error=np.sqrt(squares / degrees / sums.users),
        scale=float(np.sqrt(squares.sum() / degrees.sum())),
    )
