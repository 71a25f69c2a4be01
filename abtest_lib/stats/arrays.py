"""Array types, and the vectorised root finder of the intervals."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_MAX_STEPS = 80
_SMALLEST = 1e-13


def as_floats(*values: npt.ArrayLike) -> tuple[Floats, ...]:
    """Broadcast numbers against each other as float64 arrays."""
    return tuple(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Divide element by element; NaN where the denominator is zero, without a warning."""
    nan = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=nan, where=denominator != 0))


def find_roots(
    function: Callable[..., Floats],
    left: Floats,
    right: Floats,
    arguments: tuple[Floats, ...],
    tolerance: float = 1e-10,
) -> Floats:
    """Find the root of a function in every bracket at once.

    Args:
        function: Takes points and the arguments that belong to them, element by element; continuous.
        left: One end of each bracket, shape (n,).
        right: The other end, shape (n,); where the function has the same sign at both ends, the end that is nearer
            to zero is returned.
        arguments: Arrays of shape (n,) that are passed on.
        tolerance: Stops an element whose bracket is narrower than this, relative to the root.

    Returns:
        The roots, shape (n,), each within its bracket.

    Source: Chandrupatla (1997), Advances in Engineering Software 28, 145-149; elements that are done leave the batch.

    Examples:
        >>> find_roots(lambda x, a: x * x - a, np.zeros(2), np.full(2, 9.0), (np.array([4.0, 2.0]),)).round(6)
        array([2.      , 1.414214])
    """
    root = np.empty_like(left)
    index = np.arange(left.size)
    b, a = left.copy(), right.copy()
    fb, fa = function(b, *arguments), function(a, *arguments)
    c, fc = a.copy(), fa.copy()
    step = np.full(left.size, 0.5)
    for _ in range(_MAX_STEPS):
        best = np.where(np.abs(fb) < np.abs(fa), b, a)
        width = np.abs(b - a)
        done = (fa * fb >= 0) | (width <= tolerance * np.abs(best) + _SMALLEST)
        root[index[done]] = best[done]
        keep = ~done
        if not keep.any():
            return root
        if not keep.all():
            index = index[keep]
            a, b, c, fa, fb, fc, step = (values[keep] for values in (a, b, c, fa, fb, fc, step))
            arguments = tuple(values[keep] for values in arguments)
        # A step never gets closer to an end than this, so that the bracket closes from both sides.
        nearest = np.minimum(0.5, 0.5 * (tolerance * np.abs(best[keep]) + _SMALLEST) / np.abs(b - a))
        point = a + np.clip(step, nearest, 1 - nearest) * (b - a)
        value = function(point, *arguments)
        same = np.sign(value) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = point, value
        step = _next_step(a, b, c, fa, fb, fc)
    root[index] = np.where(np.abs(fb) < np.abs(fa), b, a)
    return root


def _next_step(a: Floats, b: Floats, c: Floats, fa: Floats, fb: Floats, fc: Floats) -> Floats:
    """Interpolate inversely where that is safe, else take the middle; as a share of the way from a to b."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        is_safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(is_safe & np.isfinite(quadratic), quadratic, 0.5)
