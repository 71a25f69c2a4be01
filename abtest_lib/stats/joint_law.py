"""The joint law of Z at successive looks, by numerical integration.

Source: Armitage, McPherson and Rowe (1969), JRSS A 132, 235-244; here for many schedules at once.
"""

from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from abtest_lib.stats.arrays import Floats

_FARTHEST = 8.0
_DRIFT_NODES = 120
_NEWTON_STEPS = 12
_TOLERANCE = 1e-5  # of the last step; Newton's error after it is of the order of its square
_REACH = 8.0
_CHUNK = 512
_NODES = 64
"""The same for every schedule: otherwise earlier boundaries would depend on later looks."""


def joint_boundaries(ratios: Floats, spends: Floats) -> Floats:
    """Find boundaries that spend the given errors at looks with Corr(Z_s, Z_t) = √(I_s/I_t).

    Args:
        ratios: Information of the look before over that of the look, shape (schedules, looks), at most 0.99; the
            first column is not used.
        spends: Error probability that each look spends, same shape, above 0; NaN after a schedule's last look.

    Returns:
        The |z| of each look, same shape, NaN after the last.

    Raises:
        Nothing; a spend too small for a boundary below 8 is spent against the marginal law, which is no more.
    """
    parts = [slice(start, start + _CHUNK) for start in range(0, len(spends), _CHUNK)]
    return np.concatenate([_boundaries(ratios[part], spends[part]) for part in parts]) if parts else spends.copy()


def crossing_probability(information: Floats, boundary: Floats, drift: float) -> float:
    """Compute the probability that Z, with mean `drift` at the last look, ever reaches the upper boundary.

    Args:
        information: Information of the looks, shape (looks,), rising.
        boundary: The |z| that ends the experiment at each look, on either side, shape (looks,).
        drift: Mean of Z at the last look; at an earlier one it is smaller by the root of the information's ratio.

    Examples:
        >>> two = crossing_probability(np.array([1.0, 2.0]), np.array([2.9626, 1.9686]), 0.0)
        >>> round(2 * two, 4)
        0.05
    """
    points, weights = _legendre(_DRIFT_NODES)
    means, mass, root, probability = np.zeros(1), np.ones(1), np.sqrt(information / information[-1]), 0.0
    for look, edge in enumerate(np.minimum(boundary, _FARTHEST + abs(drift))):
        slope = root[look - 1] / root[look] if look else 0.0
        spread = np.sqrt(1 - slope**2)
        shifted = slope * means + drift * (root[look] - slope * root[max(look - 1, 0)])
        probability += float(mass @ ndtr((shifted - edge) / spread))
        means = edge * points
        mass = edge * weights * (_normal((means[:, None] - shifted) / spread) @ mass) / spread
    return probability


def _boundaries(ratios: Floats, spends: Floats) -> Floats:
    """Compute look by look the density of Z, if not yet stopped, on nodes of the half line, and the boundaries."""
    unit_nodes, unit_weights = _half_line_rule(_NODES)
    boundaries = np.full_like(spends, np.nan)
    active = np.flatnonzero(np.isfinite(spends[:, 0]))
    boundary = -ndtri(spends[active, 0] / 2)
    boundaries[active, 0] = boundary
    edge = np.minimum(boundary, _FARTHEST)[:, None]
    nodes, mass = edge * unit_nodes, edge * unit_weights * _normal(edge * unit_nodes)
    for look in range(1, spends.shape[1]):
        going = np.isfinite(spends[active, look])
        active, nodes, mass, boundary = active[going], nodes[going], mass[going], boundary[going]
        if active.size == 0:
            break
        slope = np.sqrt(ratios[active, look])[:, None]
        spread = np.sqrt(1 - ratios[active, look])[:, None]
        boundary = _solve_boundary(slope * nodes, mass, spread, spends[active, look], boundary)
        boundaries[active, look] = boundary
        edge = np.minimum(boundary, _FARTHEST)[:, None]
        new = edge * unit_nodes
        mass = edge * unit_weights * _propagate(slope * nodes, mass, spread, new)
        nodes = new
    return boundaries


def _half_line_rule(size: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on (0, 1)."""
    points, weights = _legendre(size)
    return (points + 1) / 2, weights / 2


@cache
def _legendre(size: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights on (-1, 1); cached, as finding them takes longer than using them."""
    points, weights = np.polynomial.legendre.leggauss(size)
    return points, weights


def _normal(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _propagate(means: Floats, mass: Floats, spread: Floats, points: Floats) -> Floats:
    """Compute the density at the new points; by symmetry a node counts for its mirror image too."""
    # Single precision is enough for the kernel, and three times as fast: it errs by 1e-7 of the density.
    scaled = (means / spread).astype(np.float32)[:, None, :]
    target = (points / spread).astype(np.float32)[:, :, None]
    kernel = np.exp(np.float32(-0.5) * np.square(target - scaled))
    kernel += np.exp(np.float32(-0.5) * np.square(target + scaled))
    moved = np.matmul(kernel, mass.astype(np.float32)[:, :, None])[:, :, 0]
    return np.asarray(moved / (np.sqrt(2 * np.pi) * spread))


def _solve_boundary(means: Floats, mass: Floats, spread: Floats, spend: Floats, start: Floats) -> Floats:
    """Find boundaries by Newton's method on the logarithm of the crossing probability.

    It falls and is concave in the boundary: the first step can pass the root, and all others approach it from above.
    No boundary lies above the one of the marginal law.
    """
    highest = -ndtri(spend / 2)
    boundary = np.minimum(start, highest)
    is_done = np.zeros(boundary.shape, dtype=bool)
    for _ in range(_NEWTON_STEPS):
        crossing, density = _crossing(means, mass, spread, boundary)
        usable = (crossing > 0) & (density > 0)
        relative = np.log(np.where(usable, crossing / spend, 1.0))
        step = relative * np.divide(crossing, density, out=np.zeros_like(spend), where=usable)
        moved = np.where(usable, np.minimum(boundary + step, highest), highest)
        boundary = np.where(is_done, boundary, moved)
        is_done |= np.abs(step) < _TOLERANCE
        if is_done.all():
            break
    return boundary


def _crossing(means: Floats, mass: Floats, spread: Floats, boundary: Floats) -> tuple[Floats, Floats]:
    """Compute the probability of reaching the boundary on either side, and how fast it falls."""
    above = (boundary[:, None] - means) / spread
    probability, density = mass * ndtr(-above), mass * _normal(above)
    crossing, slope = probability.sum(axis=1), density.sum(axis=1)
    # From the other side of zero nothing reaches the boundary in a narrow step.
    is_wide = boundary < _REACH * spread[:, 0]
    if is_wide.any():
        below = (boundary[is_wide, None] + means[is_wide]) / spread[is_wide]
        crossing[is_wide] += (mass[is_wide] * ndtr(-below)).sum(axis=1)
        slope[is_wide] += (mass[is_wide] * _normal(below)).sum(axis=1)
    return 2 * crossing, 2 * slope / spread[:, 0]
