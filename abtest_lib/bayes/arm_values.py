"""The values of a metric's arms with their standard errors, from sums over users.

A value is the mean of x, or for a ratio Σx/Σy. Its standard error comes from the users' linearised values
l = (x - R·y) / ȳ + R with the arm's own ratio R (delta method; for a mean l = x). A covariate c removes θ·(c̄_v - c̄)
from the value of arm v, with θ = Cov(l, c) / Var(c) over the users of all arms (CUPED: Deng, Xu, Kohavi and Walker
2013).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.metric_groups import MetricArm

Floats = NDArray[np.float64]


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
    users = np.array([arm.users for arm in arms], dtype=np.float64)
    mean = {name: _sums(arms, name) / users for name in ("x", "xx", "y", "yy", "xy", "c", "cc", "xc", "yc")}
    is_ratio, has_covariate = arms[0].sums.sum_y is not None, arms[0].sums.sum_c is not None
    value, spread = _ratio(mean) if is_ratio else (mean["x"], mean["xx"] - np.square(mean["x"]))
    if has_covariate:
        covariance = mean["xc"] - mean["x"] * mean["c"]
        if is_ratio:
            covariance = (covariance - value * (mean["yc"] - mean["y"] * mean["c"])) / mean["y"]
        value, spread = _adjust(users, value, spread, covariance, mean)
    spread = np.maximum(spread, 0.0)
    squares, degrees = users * spread, users - 1.0
    return ArmValues(value, np.sqrt(spread / degrees), float(np.sqrt(squares.sum() / degrees.sum())))


def _sums(arms: Sequence[MetricArm], name: str) -> Floats:
    return np.array([getattr(arm.sums, f"sum_{name}") for arm in arms], dtype=np.float64)


def _ratio(mean: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return the ratios, and the mean squares of their linearised values around them."""
    ratio = mean["x"] / mean["y"]
    squares = mean["xx"] - 2.0 * ratio * mean["xy"] + np.square(ratio) * mean["yy"]
    return ratio, squares / np.square(mean["y"])


def _adjust(
    users: Floats, value: Floats, spread: Floats, covariance: Floats, mean: dict[str, Floats]
) -> tuple[Floats, Floats]:
    """Return values and mean squares after the covariate's part is removed; nothing if the covariate is constant."""
    share = users / users.sum()
    pooled_value, pooled_covariate = (share * value).sum(), (share * mean["c"]).sum()
    apart_value, apart = value - pooled_value, mean["c"] - pooled_covariate
    within = mean["cc"] - np.square(mean["c"])
    variance = (share * (within + np.square(apart))).sum()
    if not variance > 1e-12 * (share * mean["cc"]).sum():
        return value, spread
    theta = (share * (covariance + apart_value * apart)).sum() / variance
    return value - theta * apart, spread - 2.0 * theta * covariance + theta**2 * within
