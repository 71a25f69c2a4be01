"""Sums over users: all that is known of a metric's values."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from abtest_lib.stats.arrays import Floats, divide

_SPLIT = 134_217_729.0
"""2²⁷ + 1, which cuts a double into two halves of 26 bits (Dekker 1971)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over the users of many cells, arrays of one shape; NaN where a metric has no such value.

    Attributes:
        users: Users.
        x: Sum of x, the value of a user in the metric's unit; of a ratio, the numerator.
        xx: Sum of x².
        y: Sum of y, the denominator of a ratio.
        yy: Sum of y².
        xy: Sum of x·y.
        c: Sum of c, the covariate.
        cc: Sum of c².
        xc: Sum of x·c.
        yc: Sum of y·c.
    """

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

    def select(self, index: Any) -> "Sums":  # noqa: ANN401  whatever indexes an array
        """Return the cells at an index."""
        return self.map(lambda values: np.asarray(values[index]))

    def map(self, function: Callable[[Floats], Floats]) -> "Sums":
        """Apply a function to every array."""
        return Sums(*(function(np.asarray(getattr(self, item.name), dtype=np.float64)) for item in fields(self)))

    def __add__(self, other: "Sums") -> "Sums":
        """Pool the users of two groups."""
        return Sums(*(np.asarray(getattr(self, item.name) + getattr(other, item.name)) for item in fields(self)))

    @property
    def mean(self) -> Floats:
        """The mean per user, or the ratio; NaN without users or without a denominator."""
        x, y, users = (np.asarray(values, dtype=np.float64) for values in (self.x, self.y, self.users))
        return divide(x, np.where(np.isnan(y), users, y))


def centred_product(products: Floats, left: Floats, right: Floats, users: Floats) -> Floats:
    """Compute Σ(a - ā)·(b - b̄) from sums, without the cancellation of Σab - Σa·Σb/n.

    Args:
        products: Σab.
        left: Σa.
        right: Σb.
        users: The number of users.

    Returns:
        The centred sum, in the units of a·b; NaN without users.

    Source: the difference of products with exact rounding errors of Dekker (1971), Numerische Mathematik 18, 224-242.

    Examples:
        Three users, 49,999,999 to 50,000,001.

        >>> float(centred_product(np.array(7.5e15 + 2), np.array(1.5e8), np.array(1.5e8), np.array(3.0)))
        2.0
    """
    first, first_error = _multiply(products, users)
    second, second_error = _multiply(left, right)
    return divide((first - second) + (first_error - second_error), users)


def _multiply(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the rounded product and its rounding error."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(a: Floats) -> tuple[Floats, Floats]:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high
