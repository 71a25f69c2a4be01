"""The always-valid rule: a boundary for any number of looks on any days."""

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Floats

TAU = 75.0
"""The mixture's tuning, in events: the boundary is tightest for pairs with about ten times this information."""


def mixture_boundary(information: npt.ArrayLike, alpha: npt.ArrayLike, tau: float = TAU) -> Floats:
    """Return the |z| that rejects at a given information, whenever one looks.

    Args:
        information: Information of the pair in events; above 0.
        alpha: The pair's two-sided level over all looks.
        tau: The precision of the normal mixture over effects, in events.

    Returns:
        √((I+τ)/I · ln((I+τ)/(τ·α²))), broadcast; infinite where there is no information, and where it is infinite.

    Source: Robbins (1970), Annals of Mathematical Statistics 41, 1397-1409; the mixture sequential probability ratio
    test of Johari et al. (2022), Operations Research 70, 1806-1821.

    Examples:
        >>> mixture_boundary([75, 750], 0.05).round(4).tolist()
        [3.6564, 3.0378]
    """
    i, level = np.broadcast_arrays(np.asarray(information, dtype=np.float64), np.asarray(alpha, dtype=np.float64))
    usable = (i > 0) & np.isfinite(i)
    safe = np.where(usable, i, 1.0)
    boundary = np.sqrt((safe + tau) / safe * np.log((safe + tau) / (tau * level**2)))
    return np.asarray(np.where(usable, boundary, np.inf))
