"""Score intervals for the difference and the ratio of two conversions.

Both invert the score test of `proportions.score_statistic`: an interval excludes "no effect" exactly when the test
rejects at the same critical value. They are valid for small and for zero counts. Sources: Mee (1984), Biometrics 40,
1175-1176, which is Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226, without their factor N/(N-1);
Koopman (1984), Biometrics 40, 513-517.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Floats, as_floats, divide, find_roots

_MAX_LOG_RATIO = 60.0
_PAD_SHARE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Lower and upper ends, arrays of one shape; NaN where there is no interval."""

    lower: Floats
    upper: Floats


def difference_intervals(
    purchases: npt.ArrayLike,
    users: npt.ArrayLike,
    control_purchases: npt.ArrayLike,
    control_users: npt.ArrayLike,
    critical: npt.ArrayLike,
) -> Intervals:
    """Compute the score interval for conversion minus control's conversion.

    Args:
        purchases: Conversions of the arm.
        users: Users of the arm.
        control_purchases: Conversions of the control.
        control_users: Users of the control.
        critical: The |z| up to which a difference is kept; infinity keeps all of [-1, 1].

    Returns:
        Ends as differences of proportions within [-1, 1], broadcast over the inputs; NaN where an arm has no users or
        the critical value is NaN.

    Examples:
        >>> ends = difference_intervals(0, 100, 0, 100, 1.96)
        >>> round(float(ends.lower), 6), round(float(ends.upper), 6)
        (-0.036995, 0.036995)
    """
    inputs = as_floats(purchases, users, control_purchases, control_users, critical)
    return _both_ends(_lower_difference, inputs)


def ratio_intervals(
    purchases: npt.ArrayLike,
    users: npt.ArrayLike,
    control_purchases: npt.ArrayLike,
    control_users: npt.ArrayLike,
    critical: npt.ArrayLike,
) -> Intervals:
    """Compute the score interval for the arm's conversion over the control's.

    Args:
        purchases: As in `difference_intervals`.
        users: As in `difference_intervals`.
        control_purchases: As in `difference_intervals`.
        control_users: As in `difference_intervals`.
        critical: The |z| up to which a ratio is kept; finite.

    Returns:
        Ends as ratios (1 is no effect); NaN where an arm has no users or the control no conversions, as the
        upper end is then infinite.

    Examples:
        >>> ends = ratio_intervals(30, 100, 20, 100, 1.959964)
        >>> round(float(ends.lower), 4), round(float(ends.upper), 4)
        (0.9237, 2.458)
    """
    x, n, x0, n0, z = (
        values.ravel() for values in as_floats(purchases, users, control_purchases, control_users, critical)
    )
    shape = np.broadcast_shapes(*map(np.shape, (purchases, users, control_purchases, control_users, critical)))
    usable = (n > 0) & (n0 > 0) & (x0 > 0) & np.isfinite(z)
    ends = np.full((2, x.size), np.nan)
    for side, sign in enumerate((1.0, -1.0)):
        some = usable if sign < 0 else usable & (x > 0)
        ends[side, some] = _ratio_end(x[some], n[some], x0[some], n0[some], sign * z[some])
    ends[0, usable & (x == 0)] = 0.0
    return Intervals(ends[0].reshape(shape), ends[1].reshape(shape))


def _both_ends(lower_end: Callable[..., Floats], inputs: tuple[Floats, ...]) -> Intervals:
    shape = inputs[0].shape
    x, n, x0, n0, z = (values.ravel() for values in inputs)
    usable = (n > 0) & (n0 > 0) & ~np.isnan(z)
    lower, upper = np.full((2, x.size), np.nan)
    x, n, x0, n0, z = (values[usable] for values in (x, n, x0, n0, z))
    lower[usable] = lower_end(x, n, x0, n0, z)
    # Exchanging the arms mirrors the interval: one end is enough.
    upper[usable] = -lower_end(x0, n0, x, n, z)
    return Intervals(lower.reshape(shape), upper.reshape(shape))


def _lower_difference(x: Floats, n: Floats, x0: Floats, n0: Floats, z: Floats) -> Floats:
    # Where most convert, those who do not are counted, with the arms exchanged: the same interval, exact near 100 %.
    most = x + x0 > (n + n0) / 2
    x, n, x0, n0 = (np.where(most, *pair) for pair in ((n0 - x0, x), (n0, n), (n - x, x0), (n, n0)))
    p, p0 = x / n, x0 / n0
    estimate = p - p0
    at_zero = _difference_excess(np.zeros_like(x), p, n, p0, n0, z)
    # The bracket has zero as an end, so the interval and the test can never disagree by rounding.
    excludes_zero = at_zero > 0
    left = np.where(excludes_zero, 0.0, -1.0)
    right = np.where(excludes_zero, estimate, np.minimum(estimate, 0.0))
    guess = estimate - _wilson_reach(p, n, z, -1.0, p0, n0)
    pad = _PAD_SHARE * (estimate - guess) + 1e-12
    arguments = (p, n, p0, n0, z)
    left, right = _tighten(_difference_excess, left, right, guess - pad, arguments)
    left, right = _tighten(_difference_excess, left, right, guess + pad, arguments)
    return np.where(np.isinf(z) | (left >= right), left, find_roots(_difference_excess, left, right, arguments))


def _tighten(
    excess: Callable[..., Floats], left: Floats, right: Floats, point: Floats, arguments: tuple[Floats, ...]
) -> tuple[Floats, Floats]:
    """Replace the end of each bracket that has the same sign as the function at the point."""
    inside = (point > left) & (point < right)
    value = excess(np.where(inside, point, left), *arguments)
    return np.where(inside & (value > 0), point, left), np.where(inside & (value <= 0), point, right)


def _wilson_reach(p: Floats, n: Floats, z: Floats, sign: float, p0: Floats, n0: Floats) -> Floats:
    """Return how far Newcombe's hybrid interval reaches below the estimate: near the score interval, and closed."""
    z = np.minimum(z, 1e6)
    low = (p + sign * z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) + z**2 / (2 * n)) / (1 + z**2 / n)
    high = (p0 - sign * z * np.sqrt(p0 * (1 - p0) / n0 + z**2 / (4 * n0**2)) + z**2 / (2 * n0)) / (1 + z**2 / n0)
    return np.hypot(p - low, high - p0)


def _difference_excess(delta: Floats, p: Floats, n: Floats, p0: Floats, n0: Floats, z: Floats) -> Floats:
    """Compute the score minus z standard errors under a true difference `delta`; falls as delta grows."""
    q = _restricted_conversion(delta, p, n, p0, n0)
    q0 = np.clip(q - delta, 0.0, 1.0)
    error = np.sqrt(q * (1 - q) / n + q0 * (1 - q0) / n0)
    excess = p - p0 - delta - np.minimum(z, 1e6) * error
    # 0/0 where both conversions stand at a limit: the error shrinks slower than the gap, so the sign is the error's.
    return np.where((error > 0) | (excess != 0), excess, -1.0)


def _restricted_conversion(delta: Floats, p: Floats, n: Floats, p0: Floats, n0: Floats) -> Floats:
    """Find the arm's most likely conversion if the difference were `delta`.

    The middle root of the cubic of Farrington and Manning (1990), Statistics in Medicine 9, 1447-1454; one Newton step
    takes back what the trigonometric solution loses at conversions near zero.
    """
    theta = n0 / n
    a = 1 + theta
    b = -(1 + theta + p + theta * p0 + delta * (theta + 2))
    c = delta * (delta + 2 * p + theta + 1) + p + theta * p0
    d = -p * delta * (1 + delta)
    third = b / (3 * a)
    v = third**3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.copysign(np.sqrt(np.maximum(third**2 - c / (3 * a), 0.0)), v)
    cube = u**3
    ratio = np.clip(np.divide(v, cube, out=np.ones_like(v), where=cube != 0), -1.0, 1.0)
    root = 2 * u * np.cos((np.pi + np.arccos(ratio)) / 3) - third
    low, high = np.maximum(delta, 0.0), np.minimum(1 + delta, 1.0)
    root = np.clip(root, low, high)
    slope = (3 * a * root + 2 * b) * root + c
    value = ((a * root + b) * root + c) * root + d
    newton = root - np.divide(value, slope, out=np.zeros_like(v), where=slope < 0)
    return np.asarray(np.clip(newton, low, high))


def _ratio_end(x: Floats, n: Floats, x0: Floats, n0: Floats, z: Floats) -> Floats:
    """Find the ratio at which the score is z (signed): the lower end for positive z, the upper for negative."""
    centre = np.log((x + 0.5) / (n + 1)) - np.log((x0 + 0.5) / (n0 + 1))
    reach = np.abs(z) * np.sqrt(1 / (x + 0.5) + 1 / (x0 + 0.5))
    guess = np.clip(centre - np.sign(z) * reach, -_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    at_one = _ratio_excess(np.zeros_like(x), x, n, x0, n0, z)
    left = np.where(at_one > 0, 0.0, -_MAX_LOG_RATIO)
    right = np.where(at_one > 0, _MAX_LOG_RATIO, 0.0)
    arguments = (x, n, x0, n0, z)
    for step in (-0.2, 0.2):
        left, right = _tighten(_ratio_excess, left, right, guess + step * (reach + 0.01), arguments)
    return np.exp(find_roots(_ratio_excess, left, right, arguments))


def _ratio_excess(log_ratio: Floats, x: Floats, n: Floats, x0: Floats, n0: Floats, z: Floats) -> Floats:
    """Compute the score minus z under a true ratio; falls as the ratio grows."""
    ratio = np.exp(log_ratio)
    events = x + x0
    linear = ratio * (n + x0) + x + n0
    root = np.sqrt(np.maximum(linear**2 - 4 * ratio * (n + n0) * events, 0.0))
    q0 = np.minimum(2 * events / (linear + root), 1.0)
    q = np.minimum(ratio * q0, 1.0)
    error = np.sqrt(q * (1 - q) / n + ratio**2 * q0 * (1 - q0) / n0)
    # Everybody converted: at a ratio of 1 the score is 0/0, and its limit 0.
    return np.nan_to_num(divide(x / n - ratio * x0 / n0, error)) - z
