"""From rows of many experiments to panels of similar shape."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abtest_lib.registry import Experiment
from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.control import ControlChoice, ControlSource, choose_control, declared_first
from abtest_lib.verdict.metric_cells import MetricCells, Places, SegmentRows, metric_cells, segment_rows
from abtest_lib.verdict.metric_rows import MetricRows
from abtest_lib.verdict.panel import Context, Days, Panel
from abtest_lib.verdict.panel_layout import Layout, batches, lay_out
from abtest_lib.verdict.rules import FEWEST_ARMS

_COUNT_COLUMNS = ("users", "purchases", "cross_exposed_users", "cross_exposed_purchases")
ARM_COLUMNS = (*_COUNT_COLUMNS, "probability_best", "probability_beats_control", "day_users", "day_purchases")
DAY_COLUMNS = ("quarantined_share",)


def build_panels(
    columns: Mapping[str, npt.ArrayLike], context: Context, metrics: MetricRows | None = None
) -> Iterator[Panel]:
    """Put rows of many experiments into panels.

    Args:
        columns: experiment_name, variant_id, day, period_start and calendar_day (dates as datetime64[D]) and any of
            ARM_COLUMNS (one value per day × experiment × variant) and DAY_COLUMNS (the same on all rows of a day);
            every row of an experiment's history. users and purchases are required; a missing column counts as unknown,
            or 0, and a missing calendar_day as the day itself.
        context: What is declared.
        metrics: The metrics of the rows; only those of the catalogue, and segments, are used.

    Yields:
        Panels of experiments with similar numbers of days and arms; every experiment is in one of them.
    """
    layout, rows = lay_out(columns, context), metrics or MetricRows()
    of_all, of_segments = rows.take(rows.is_of_everybody), rows.take(~rows.is_of_everybody)
    for members in batches(layout):
        cells = _cells(layout, members)
        measured = tuple(metric_cells(of_all, context.catalogue.own, cells)), segment_rows(of_segments, cells)
        yield _build_panel(columns, layout, members, context, cells, measured)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells(Places):
    """Rows of one panel and their cells."""

    def by_arm(self, values: npt.ArrayLike | None, missing: float) -> Floats:
        """Put one value per row into an array (E, T, K)."""
        result, is_arm = np.full(self.shape, missing), self.k >= 0
        if values is not None:
            taken = np.asarray(values, dtype=np.float64)[self.rows[is_arm]]
            result[self.e[is_arm], self.t[is_arm], self.k[is_arm]] = taken
        return result

    def by_day(self, values: npt.ArrayLike | None) -> Floats:
        """Put the value that a day's rows share into an array (E, T); NaN where there is none."""
        result = np.full(self.shape[:2], np.nan)
        if values is not None:
            result[self.e, self.t] = np.asarray(values, dtype=np.float64)[self.rows]
        return result

    def dates(self, values: npt.ArrayLike) -> Days:
        """Put the date that a day's rows share into an array (E, T); NaT where there is none."""
        result = np.full(self.shape[:2], np.datetime64("NaT"), dtype="datetime64[D]")
        result[self.e, self.t] = np.asarray(values, dtype="datetime64[D]")[self.rows]
        return result

    def fallback_sum(self, values: npt.ArrayLike) -> Floats:
        """Add up the values of fallback variants, (E, T)."""
        result, is_fallback = np.zeros(self.shape[:2]), self.k < 0
        taken = np.asarray(values, dtype=np.float64)[self.rows[is_fallback]]
        np.add.at(result, (self.e[is_fallback], self.t[is_fallback]), taken)
        return result


def _cells(layout: Layout, members: Ints) -> _Cells:
    rows = layout.rows_of(members)
    local = np.full(len(layout.names), -1)
    local[members] = np.arange(members.size)
    arms = max(len(layout.arms[m]) for m in members) or 1
    shape = (members.size, int(layout.number_of_days[members].max()), arms)
    return _Cells(shape, rows, local[layout.experiment[rows]], layout.day_index[rows], layout.arm[rows])


def _build_panel(
    columns: Mapping[str, npt.ArrayLike],
    layout: Layout,
    members: Ints,
    context: Context,
    cells: _Cells,
    measured: tuple[tuple[MetricCells, ...], SegmentRows],
) -> Panel:
    arms, declared = tuple(layout.arms[m] for m in members), tuple(layout.declared[m] for m in members)
    day, period_start = cells.dates(columns["day"]), cells.dates(columns["period_start"])
    is_day = ~np.isnat(day)
    counts = {n: cells.by_arm(columns.get(n), 0.0 if n in _COUNT_COLUMNS else np.nan) for n in ARM_COLUMNS}
    is_seen = cells.by_arm(np.ones(layout.experiment.size), 0.0) > 0
    controls = tuple(_choose(*one, context) for one in zip(declared, arms, is_seen, strict=True))
    shares, is_declared = _shares(declared, arms, day, counts["users"])
    return Panel(
        names=tuple(layout.names[m] for m in members),
        arms=arms,
        controls=controls,
        declared=declared,
        policy=context.policy,
        window_days=context.window_days,
        day=day,
        is_day=is_day,
        period_start=period_start,
        calendar=_calendar(cells, columns.get("calendar_day"), day),
        is_first=is_day & np.diff(period_start, axis=1, prepend=np.datetime64("NaT")).astype(bool),
        is_seen=is_seen,
        fallback_users=cells.fallback_sum(columns["users"]),
        shares=shares,
        is_declared=is_declared,
        control=np.array([_index(*one) for one in zip(arms, controls, strict=True)], dtype=np.int64),
        metrics=measured[0],
        segments=measured[1],
        **counts,
        **{name: cells.by_day(columns.get(name)) for name in DAY_COLUMNS},
    )


def _calendar(cells: _Cells, calendar_day: npt.ArrayLike | None, day: Days) -> Days:
    known = day if calendar_day is None else cells.dates(calendar_day)
    return np.where(np.isnat(known), day, known)


def _choose(item: Experiment | None, arms: tuple[str, ...], seen: Bools, context: Context) -> ControlChoice:
    """Choose the control as `control.fix_control` does, from the arms of the first day that has two."""
    registered = None if item is None else item.control
    if registered is not None:
        return ControlChoice(registered, ControlSource.REGISTERED)
    enough = seen.sum(axis=1) >= min(FEWEST_ARMS, max(len(arms), 1))
    first = int(np.argmax(enough)) if enough.any() else 0
    known = [arm for arm, is_known in zip(arms, seen[first], strict=False) if is_known] or list(arms)
    return choose_control(declared_first(known, item), None, context.control_names)


def _index(arms: tuple[str, ...], choice: ControlChoice) -> int:
    return arms.index(choice.variant_id) if choice.variant_id in arms else -1


def _shares(
    declared: Sequence[Experiment | None], arms: Sequence[tuple[str, ...]], day: Days, users: Floats
) -> tuple[Floats, Bools]:
    """Return declared shares where there are any, elsewhere equal shares of the arms with users."""
    active = users > 0
    shares = active / np.maximum(active.sum(axis=2, keepdims=True), 1)
    is_declared = np.zeros(day.shape, dtype=bool)
    for row, item in enumerate(declared):
        for split in item.allocations if item is not None else ():
            has_begun = ~np.isnat(day[row])
            if split.starts is not None:
                has_begun &= day[row] >= np.datetime64(split.starts, "D")
            padding = [0.0] * (users.shape[2] - len(arms[row]))
            shares[row, has_begun] = np.array([split.shares.get(arm, 0.0) for arm in arms[row]] + padding)
            is_declared[row] |= has_begun
    return shares, is_declared
