"""Group-sequential boundaries: an O'Brien-Fleming-type spending function and the joint law of the looks.

Sources: Lan and DeMets (1983), Biometrika 70, 659-663, for spending; Armitage, McPherson and Rowe (1969), JRSS A 132,
235-244, for the recursion; here many schedules are followed at once.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from abtest_lib.stats.arrays import Bools, Floats

SMALLEST_SPEND = 1e-7
"""A look that would spend less is not made: its boundary lies beyond |z| = 5.3."""

LARGEST_RATIO = 0.99
"""A look is made when the information has grown by 1 % since the last; the last look is always made."""

_FARTHEST = 8.0
_SMALLEST_ALPHA = 1e-12
_DRIFT_NODES = 120
_NEWTON_STEPS = 12
_TOLERANCE = 1e-5  # of the last step; Newton's error after it is of the order of its square
_REACH = 8.0
_CHUNK = 512


def obrien_fleming_spending(fraction: npt.ArrayLike, alpha: npt.ArrayLike) -> Floats:
    """The two-sided error probability that may be spent by an information fraction.

    Args:
        fraction: Between 0 and 1.
        alpha: The whole two-sided level, above 0.

    Returns:
        4·(1 - Φ(z_{1-α/4}/√f)), broadcast: nothing at 0, alpha at 1. Each side spends half, as in the published tables.

    Examples:
        >>> obrien_fleming_spending([0.5, 1.0], 0.05).round(6).tolist()
        [0.003051, 0.05]
    """
    f, level = np.broadcast_arrays(np.asarray(fraction, dtype=np.float64), np.asarray(alpha, dtype=np.float64))
    root = np.sqrt(np.clip(f, 1e-12, 1.0))
    return np.asarray(np.where(f >= 1, level, 4 * ndtr(ndtri(level / 4) / root)))


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """The looks of many schedules.

    Attributes:
        is_look: Whether a test is made, shape (schedules, days).
        has_ended: Whether the plan's last look lies on the day or before it, same shape.
        boundary: The |z| that rejects at a look, same shape; NaN where no test is made.
        spent: The error probability spent by the end of each day, same shape.
    """

    is_look: Bools
    has_ended: Bools
    boundary: Floats
    spent: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Users and conversions of both arms together, (schedules, days): what a delay of conversions can be read from."""

    users: Floats
    events: Floats


def plan_looks(
    information: Floats, fraction: Floats, alpha: Floats, may_test: Bools, counts: Counts | None = None
) -> Looks:
    """Choose the days on which a test is made, and their boundaries.

    Args:
        information: Information of every day, shape (schedules, days), above 0 where a test may be made. It never
            falls: a day on which it would is given the highest so far.
        fraction: Share of the plan that has passed, same shape. The first testable day at 1 spends the rest and is
            the last look.
        alpha: Two-sided level of each schedule, shape (schedules, days) or broadcastable to it; it may fall when arms
            are added, and must not rise.
        may_test: Whether there are conversions enough, same shape as information.
        counts: With them the correlation of two looks is the smallest that any delay of conversions leaves; without
            them conversions come at once.

    Returns:
        The looks.

    Examples:
        Five equal looks; the boundaries are those of the published table for this spending function.

        >>> days = np.arange(1, 6)[None, :] / 5
        >>> looks = plan_looks(100 * days, days, np.array([[0.05]]), np.ones((1, 5), dtype=bool))
        >>> looks.boundary.round(3).tolist()
        [[4.877, 3.357, 2.68, 2.29, 2.031]]
    """
    growing = np.maximum.accumulate(np.where(may_test, information, 0.0), axis=1)
    reached: Bools = np.asarray(may_test & (fraction >= 1))
    is_last = reached & (np.cumsum(reached, axis=1) == 1)
    is_over = np.asarray(np.cumsum(is_last, axis=1) - is_last > 0)
    target = obrien_fleming_spending(np.maximum.accumulate(fraction, axis=1), np.maximum(alpha, _SMALLEST_ALPHA))
    looks, spent = np.zeros_like(may_test), np.zeros_like(growing)
    before, last_spent = np.zeros((2, len(growing)))
    for day in range(growing.shape[1]):
        has_grown = before <= LARGEST_RATIO * growing[:, day]
        worth = target[:, day] - last_spent >= SMALLEST_SPEND
        look = may_test[:, day] & ~is_over[:, day] & worth & (has_grown | is_last[:, day])
        before = np.where(look, growing[:, day], before)
        last_spent = np.where(look, target[:, day], last_spent)
        looks[:, day], spent[:, day] = look, last_spent
    return Looks(looks, np.cumsum(reached, axis=1) > 0, _boundaries(growing, spent, looks, counts), spent)


def joint_boundaries(ratios: Floats, spends: Floats) -> Floats:
    """The boundaries of looks at which Z has Corr(Z_s, Z_t) = √(I_s/I_t), so that each look spends what it may.

    Args:
        ratios: Information of the look before over that of the look, shape (schedules, looks), at most 0.99; the
            first column is not used.
        spends: Error probability that each look spends, same shape, above 0; NaN after a schedule's last look.

    Returns:
        The |z| of each look, same shape, NaN after the last.

    Raises:
        Nothing; a spend too small for a boundary below 8 is spent against the marginal law, which is no more.
    """
    boundaries = np.full_like(spends, np.nan)
    nodes = _nodes_needed(ratios)
    # Schedules of one size at a time: what a schedule gives must not hang on those beside it.
    for size in np.unique(nodes):
        rows = np.flatnonzero(nodes == size)
        for start in range(0, rows.size, _CHUNK):
            part = rows[start : start + _CHUNK]
            boundaries[part] = _follow(ratios[part], spends[part], int(size))
    return boundaries


def crossing_probability(information: Floats, boundary: Floats, drift: float) -> float:
    """The probability that Z, whose mean at the last look is `drift`, ever reaches the upper boundary.

    Args:
        information: Information of the looks, shape (looks,), rising.
        boundary: The |z| that ends the experiment at each look, on either side, shape (looks,).
        drift: Mean of Z at the last look; at an earlier one it is smaller by the root of the information's ratio.

    Examples:
        >>> two = crossing_probability(np.array([1.0, 2.0]), np.array([2.9626, 1.9686]), 0.0)
        >>> round(2 * two, 4)
        0.05
    """
    points, weights = np.polynomial.legendre.leggauss(_DRIFT_NODES)
    means, mass, root, probability = np.zeros(1), np.ones(1), np.sqrt(information / information[-1]), 0.0
    for look, edge in enumerate(np.minimum(boundary, _FARTHEST + abs(drift))):
        slope = root[look - 1] / root[look] if look else 0.0
        spread = np.sqrt(1 - slope**2)
        shifted = slope * means + drift * (root[look] - slope * root[max(look - 1, 0)])
        probability += float(mass @ ndtr((shifted - edge) / spread))
        means = edge * points
        mass = edge * weights * (_normal((means[:, None] - shifted) / spread) @ mass) / spread
    return probability


def _boundaries(information: Floats, spent: Floats, looks: Bools, counts: Counts | None) -> Floats:
    """Squeeze the days without a look out, follow each distinct schedule once, and put the boundaries back."""
    number = looks.sum(axis=1)
    width = int(number.max(initial=0))
    result = np.full(information.shape, np.nan)
    if width == 0:
        return result
    position = np.cumsum(looks, axis=1) - 1
    rows, days = np.nonzero(looks)
    columns = position[rows, days]

    def pack(values: Floats) -> Floats:
        packed = np.full((len(looks), width), np.nan)
        packed[rows, columns] = values[rows, days]
        return packed

    packed_information, packed_spent = pack(information), pack(spent)
    ratios = np.zeros_like(packed_information)
    ratios[:, 1:] = packed_information[:, :-1] / packed_information[:, 1:]
    if counts is not None:
        ratios[:, 1:] *= _least_retained(pack(counts.users), pack(counts.events))
    ratios = np.minimum(ratios, LARGEST_RATIO)
    spends = np.diff(packed_spent, axis=1, prepend=0.0)
    result[rows, days] = _PATHS.boundaries(ratios, spends)[rows, columns]
    return result


def _least_retained(users: Floats, events: Floats) -> Floats:
    """How much smaller than I_s/I_t the squared correlation of consecutive looks may be.

    Cov(Z_s, Z_t) holds 1 - q, with q the share of the earlier users who have converted by the later look. Where
    conversions come at once, q is the conversion of all and I_s/I_t is exact; where they come late, earlier users are
    ahead of the others. At most all conversions are theirs.
    """
    conversion = events[:, 1:] / users[:, 1:]
    most = np.clip(events[:, 1:] / users[:, :-1], conversion, 1.0)
    kept = np.divide(1 - most, 1 - conversion, out=np.ones_like(most), where=conversion < 1)
    return np.asarray(np.square(kept))


@dataclass(slots=True)
class _Paths:
    """Boundary paths that were computed before, by schedule; the oldest leave when there are too many."""

    limit: int = 50_000
    known: OrderedDict[bytes, Floats] = field(default_factory=OrderedDict)

    def boundaries(self, ratios: Floats, spends: Floats) -> Floats:
        keys = [r[: np.isfinite(s).sum()].tobytes() + s.tobytes() for r, s in zip(ratios, spends, strict=True)]
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self.known}
        found = {key: self.known[key] for key in keys if key in self.known}
        rows = sorted(first.values(), key=lambda row: int(np.isfinite(spends[row]).sum()))
        if rows:
            followed = joint_boundaries(ratios[rows], spends[rows])
            found |= {keys[row]: path for row, path in zip(rows, followed, strict=True)}
            self.known.update((keys[row], found[keys[row]]) for row in rows)
            while len(self.known) > self.limit:
                self.known.popitem(last=False)
        return np.stack([found[key] for key in keys])


_PATHS = _Paths()


def _follow(ratios: Floats, spends: Floats, size: int) -> Floats:
    """The recursion: the density of Z among schedules not yet stopped, on nodes of the half line, look by look."""
    unit_nodes, unit_weights = _half_line_rule(size)
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
        mass = edge * unit_weights * _move(slope * nodes, mass, spread, new)
        nodes = new
    return boundaries


def _nodes_needed(ratios: Floats) -> npt.NDArray[np.int64]:
    """How many nodes the narrowest step of each schedule needs, in steps of eight."""
    largest = np.nanmax(ratios, axis=1, initial=0.0)
    return np.asarray(8 * np.ceil(np.clip(4 + 2.5 / np.sqrt(1 - largest), 16, 40) / 8), dtype=np.int64)


def _half_line_rule(size: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(size)
    return (points + 1) / 2, weights / 2


def _normal(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _move(means: Floats, mass: Floats, spread: Floats, points: Floats) -> Floats:
    """The density at the new points; by symmetry a node stands for its mirror image too."""
    # Single precision is enough for the kernel, and three times as fast: it errs by 1e-7 of the density.
    scaled = (means / spread).astype(np.float32)[:, None, :]
    target = (points / spread).astype(np.float32)[:, :, None]
    kernel = np.exp(np.float32(-0.5) * np.square(target - scaled))
    kernel += np.exp(np.float32(-0.5) * np.square(target + scaled))
    moved = np.matmul(kernel, mass.astype(np.float32)[:, :, None])[:, :, 0]
    return np.asarray(moved / (np.sqrt(2 * np.pi) * spread))


def _solve_boundary(means: Floats, mass: Floats, spread: Floats, spend: Floats, start: Floats) -> Floats:
    """Newton on the logarithm of the crossing probability, which falls and is concave in the boundary.

    So the first step may pass the root, and all others approach it from above. No boundary lies above the one of the
    marginal law.
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
    """The probability of reaching the boundary on either side, and how fast it falls."""
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
