"""Group-sequential boundaries: an O'Brien-Fleming-type spending function, and which days are looks.

Source: Lan and DeMets (1983), Biometrika 70, 659-663.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.joint_law import joint_boundaries

SMALLEST_SPEND = 1e-7
"""A look that would spend less is not made; its boundary lies beyond |z| = 5.3."""

LARGEST_RATIO = 0.99
"""A look is made when the information has grown by 1 % since the last; the last look is always made."""

_SMALLEST_ALPHA = 1e-12


def obrien_fleming_spending(fraction: npt.ArrayLike, alpha: npt.ArrayLike) -> Floats:
    """Return the two-sided error probability that can be spent by an information fraction.

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
    """Users and conversions of both arms together, (schedules, days); they show how late conversions come."""

    users: Floats
    events: Floats


def plan_looks(
    information: Floats, fraction: Floats, alpha: Floats, may_test: Bools, counts: Counts | None = None
) -> Looks:
    """Choose the days on which a test is made, and their boundaries.

    Args:
        information: Information of every day, shape (schedules, days), above 0 where a test can be made. A day on
            which it would fall gets the highest so far.
        fraction: Share of the plan that has passed, same shape. The first testable day at 1 spends the rest and is
            the last look.
        alpha: Two-sided level of each schedule, shape (schedules, days) or broadcastable to it; it can fall when arms
            are added, and must not rise.
        may_test: Whether there are enough conversions, same shape as information.
        counts: With counts, the correlation of two looks is the smallest that any delay of conversions allows; without
            them, conversions come at once.

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


def _boundaries(information: Floats, spent: Floats, looks: Bools, counts: Counts | None) -> Floats:
    """Remove the days without a look, compute each distinct schedule once, and put the boundaries back."""
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
    result[rows, days] = _CACHE.boundaries(ratios, spends)[rows, columns]
    return result


def _least_retained(users: Floats, events: Floats) -> Floats:
    """Return the factor by which the squared correlation of consecutive looks can be smaller than I_s/I_t.

    Cov(Z_s, Z_t) holds 1 - q, with q the share of the earlier users who have converted by the later look. Where
    conversions come at once, q is the conversion of all and I_s/I_t is exact; where they come late, earlier users are
    ahead of the others. At most all conversions are theirs.
    """
    conversion = events[:, 1:] / users[:, 1:]
    most = np.clip(events[:, 1:] / users[:, :-1], conversion, 1.0)
    kept = np.divide(1 - most, 1 - conversion, out=np.ones_like(most), where=conversion < 1)
    return np.asarray(np.square(kept))


@dataclass(slots=True)
class _BoundaryCache:
    """A cache of boundaries by schedule; the oldest are dropped when there are too many."""

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


_CACHE = _BoundaryCache()
