"""Highest-density intervals of many quantities at once."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def highest_density_interval(sorted_draws: Floats, mass: float = 0.95) -> tuple[Floats, Floats]:
    """Find the narrowest interval that holds a share of the draws (Hyndman 1996; ArviZ gives the same).

    Args:
        sorted_draws: Shape (quantities, draws), ascending.
        mass: The share of draws to hold, a proportion.

    Returns:
        Lower and upper ends, shape (quantities,).

    Examples:
        >>> low, high = highest_density_interval(np.array([[0.0, 5.0, 6.0, 7.0, 20.0]]), mass=0.5)
        >>> float(low[0]), float(high[0])
        (5.0, 7.0)
    """
    inside = int(np.floor(mass * sorted_draws.shape[1]))
    widths = sorted_draws[:, inside:] - sorted_draws[:, : sorted_draws.shape[1] - inside]
    first = widths.argmin(axis=1)
    rows = np.arange(len(sorted_draws))
    return sorted_draws[rows, first], sorted_draws[rows, first + inside]
