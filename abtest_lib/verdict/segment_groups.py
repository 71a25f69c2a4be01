"""Segments of one metric as groups of arms: day × experiment × segment."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.stats.sums import Sums
from abtest_lib.verdict.judged_days import JudgedDays
from abtest_lib.verdict.metric_cells import SegmentRows
from abtest_lib.verdict.metric_rows import SUM_FIELDS
from abtest_lib.verdict.panel import Panel


@dataclass(frozen=True, slots=True, eq=False)
class SegmentGroups:
    """G groups of K arms.

    Attributes:
        names: The segment of each group, G.
        e: Index of its experiment, (G,).
        t: Index of its day, (G,).
        control: Index of its control among the arms, (G,).
        sums: Sums of the arms, (G, K); NaN where the segment has no such arm.
    """

    names: tuple[str, ...]
    e: Ints
    t: Ints
    control: Ints
    sums: Sums

    @property
    def is_control(self) -> Bools:
        """Whether an arm is the control, (G, K)."""
        return np.asarray(np.arange(self.sums.users.shape[1]) == self.control[:, None])

    @property
    def control_sums(self) -> Sums:
        """Sums of the control, (G, K): the same for all arms."""

        def of_control(values: Floats) -> Floats:
            return np.broadcast_to(np.take_along_axis(values, self.control[:, None], axis=1), values.shape)

        return self.sums.map(of_control)

    @property
    def is_shown(self) -> Bools:
        """Whether an arm other than the control has users, (G, K)."""
        return np.asarray((self.sums.users > 0) & ~self.is_control)

    @property
    def is_compared(self) -> Bools:
        """Whether an arm and the control have users, (G, K); never for the control."""
        return np.asarray(self.is_shown & (self.control_sums.users > 0))

    def over_segments(self, values: Floats, function: Callable[[Floats], Floats]) -> Floats:
        """Apply a function to the segments of each day, experiment and arm together.

        Args:
            values: Shape (G, K).
            function: Takes and returns an array whose last axis goes over segments; NaN marks "no segment".
        """
        return _together(np.stack([self.e, self.t]), values[..., None], lambda taken: function(taken[..., 0]))

    def over_segments_of_column(self, values: Floats, function: Callable[[Floats], Floats]) -> Floats:
        """Do the same to the segments of each column apart, with several values, (G, K, V)."""
        columns = [name.split("=", 1)[0] for name in self.names]
        number = np.unique(np.array(columns, dtype=str), return_inverse=True)[1]
        return _together(np.stack([self.e, self.t, number]), values, function)


def group_segments(days: JudgedDays, metric: str) -> SegmentGroups:
    """Group the segments of some days by one metric; stray arms take no part.

    Args:
        days: The days.
        metric: The metric.
    """
    panel, found = days.judgement.panel, days.judgement.panel.segments
    is_wanted = np.zeros(panel.day.shape, dtype=bool)
    is_wanted[days.experiment, days.day] = panel.is_control_known[days.experiment, days.day]
    has_control = panel.control[found.e] >= 0
    is_used = is_wanted[found.e, found.t] & has_control & ~panel.is_stray[found.e, found.t, found.k]
    return _grouped(panel, found, np.flatnonzero(is_used & found.rows.is_of(metric)))


def _grouped(panel: Panel, found: SegmentRows, entry: Ints) -> SegmentGroups:
    rows, e, t, k = found.rows, found.e[entry], found.t[entry], found.k[entry]
    keys, group = np.unique(np.stack([e, t, rows.segment[entry]]), axis=1, return_inverse=True)
    shape = (keys.shape[1], panel.users.shape[2])

    def spread(column: str, missing: float) -> Floats:
        values = np.full(shape, missing)
        values[group.reshape(-1), k] = rows.values[column][entry]
        return values

    return SegmentGroups(
        names=tuple(rows.segments[i] for i in keys[2]),
        e=keys[0],
        t=keys[1],
        control=panel.control[keys[0]],
        sums=Sums(users=spread("users", 0.0), **{name: spread(f"sum_{name}", np.nan) for name in SUM_FIELDS}),
    )


def _together(keys: Ints, values: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Put the groups of one key side by side, apply a function, and put the results back.

    Args:
        keys: Shape (any, G).
        values: Shape (G, K, V).
        function: Takes an array (families, K, groups of the family, V), and returns one without the last axis.
    """
    family = np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1)
    order = np.argsort(family, kind="stable")
    place = np.empty_like(family)
    place[order] = np.arange(family.size) - np.searchsorted(family[order], family[order])
    shape = (int(family.max()) + 1, values.shape[1], int(place.max()) + 1, values.shape[2])
    spread = np.full(shape, np.nan)
    spread[family, :, place] = values
    return np.asarray(function(spread)[family, :, place])
