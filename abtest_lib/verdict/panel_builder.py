"""From rows of many experiments to panels of similar shape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from abtest_lib.registry import Experiment
from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.control import ControlChoice, ControlSource, arm_order, choose_control, declared_first
from abtest_lib.verdict.panel import FEWEST_ARMS, Context, Days, Panel

CELL_LIMIT = 300_000
"""Cells (experiment × day × arm) of a panel; more are split into several, which also fit the processor's cache."""

_LITTLE_PADDING = 20

ARM_COLUMNS = (
    "users",
    "purchases",
    "cross_exposed_users",
    "cross_exposed_purchases",
    "probability_best",
    "probability_beats_control",
    "day_users",
    "day_purchases",
)
DAY_COLUMNS = ("quarantined_share",)


def build_panels(columns: Mapping[str, npt.ArrayLike], context: Context) -> Iterator[Panel]:
    """Put rows of many experiments into panels.

    Args:
        columns: experiment_name, variant_id, day, period_start and calendar_day (dates as datetime64[D]) and any of
            ARM_COLUMNS (one value per day × experiment × variant) and DAY_COLUMNS (the same on all rows of a day);
            every row of an experiment's history. users and purchases must be there; what is left out counts as unknown,
            or 0, and a missing calendar_day as the day itself.
        context: What is declared.

    Yields:
        Panels of experiments with similar numbers of days and arms; every experiment is in one of them.
    """
    names, experiment = _encode(columns["experiment_name"])
    variants, variant = _encode(columns["variant_id"])
    day = np.asarray(columns["day"], dtype="datetime64[D]")
    layout = _Layout(names, variants, experiment, variant, day, context)
    for members in layout.batches():
        yield layout.panel(members, columns)


def _encode(values: npt.ArrayLike) -> tuple[list[str], Ints]:
    """Distinct texts in order of appearance, and each row's index; faster than sorting texts."""
    known: dict[str, int] = {}
    rows: Sequence[str] = np.asarray(values, dtype=object).tolist()
    codes = np.fromiter((known.setdefault(value, len(known)) for value in rows), dtype=np.int64, count=len(rows))
    return list(known), codes


class _Layout:
    """Where every row goes: its experiment, the position of its day and of its arm."""

    def __init__(
        self, names: list[str], variants: list[str], experiment: Ints, variant: Ints, day: Days, context: Context
    ) -> None:
        self.names, self.context = names, context
        self.declared = [context.registry.get(name) for name in names]
        rank = {value: index for index, value in enumerate(sorted(self._all_variants(variants), key=arm_order))}
        self._ranked = list(rank)
        pairs = experiment * len(rank) + np.array([rank[value] for value in variants], dtype=np.int64)[variant]
        self._find_arms(np.unique(pairs), rank)
        self.experiment = experiment
        self.arm = self.position[np.searchsorted(self.keys, pairs)]
        origin = day.min() if day.size else np.datetime64(0, "D")
        offset = (day - origin).astype(np.int64)
        span = int(offset.max(initial=0)) + 1
        days, row_day = np.unique(experiment * span + offset, return_inverse=True)
        first_day = np.searchsorted(days // span, np.arange(len(names)))
        self.number_of_days = np.diff(np.append(first_day, days.size))
        self.day_index = row_day - first_day[experiment]
        self._day = day

    def _all_variants(self, variants: Iterable[str]) -> set[str]:
        return {*variants, *(arm for item in self.declared if item for split in item.allocations for arm in split.arms)}

    def _find_arms(self, seen: Ints, rank: Mapping[str, int]) -> None:
        """Give every pair of experiment and variant its position among the arms; -1 for a fallback variant."""
        extra = [
            index * len(rank) + rank[arm]
            for index, item in enumerate(self.declared)
            if item is not None
            for split in item.allocations
            for arm in split.arms
        ]
        self.keys = np.unique(np.concatenate([seen, np.array(extra, dtype=np.int64)]))
        self.position = np.full(self.keys.size, -1)
        arms: list[list[str]] = [[] for _ in self.names]
        for place, key in enumerate(self.keys.tolist()):
            index, code = divmod(key, len(rank))
            item, value = self.declared[index], self._ranked[code]
            if value not in self.context.fallback_variants and (item is None or value not in item.fallback_variants):
                self.position[place] = len(arms[index])
                arms[index].append(value)
        self.arms = [tuple(group) for group in arms]

    def batches(self) -> Iterator[Ints]:
        """Experiments of similar shape together, at most CELL_LIMIT cells each."""
        arms = np.array([max(len(group), 1) for group in self.arms], dtype=np.int64)
        order = np.lexsort((self.number_of_days, arms))
        start, widest, longest = 0, 1, 1
        for place, index in enumerate(order):
            wider, longer = max(widest, int(arms[index])), max(longest, int(self.number_of_days[index]))
            smallest = int(arms[order[start]] * self.number_of_days[order[start]])
            is_full = (
                place + 1 - start
            ) * wider * longer > CELL_LIMIT or wider * longer > 2 * smallest + _LITTLE_PADDING
            if place > start and is_full:
                yield order[start:place]
                start, wider, longer = place, int(arms[index]), int(self.number_of_days[index])
            widest, longest = wider, longer
        if start < order.size:
            yield order[start:]

    def _rows_by_experiment(self) -> tuple[Ints, Ints]:
        if not hasattr(self, "_sorted"):
            order = np.argsort(self.experiment, kind="stable")
            self._sorted = order, np.searchsorted(self.experiment[order], np.arange(len(self.names) + 1))
        return self._sorted

    def panel(self, members: Ints, columns: Mapping[str, npt.ArrayLike]) -> Panel:
        """Fill the arrays of one panel."""
        order, starts = self._rows_by_experiment()
        rows = np.concatenate([order[starts[m] : starts[m + 1]] for m in members])
        local = np.full(len(self.names), -1)
        local[members] = np.arange(members.size)
        shape = (members.size, int(self.number_of_days[members].max()), max(len(self.arms[m]) for m in members) or 1)
        e, t, k = local[self.experiment[rows]], self.day_index[rows], self.arm[rows]
        is_arm = k >= 0
        cells = e[is_arm], t[is_arm], k[is_arm]

        def by_arm(name: str, missing: float) -> Floats:
            values = np.full(shape, missing)
            if name in columns:
                values[cells] = np.asarray(columns[name], dtype=np.float64)[rows[is_arm]]
            return values

        def by_day(name: str) -> Floats:
            values = np.full(shape[:2], np.nan)
            if name in columns:
                values[e, t] = np.asarray(columns[name], dtype=np.float64)[rows]
            return values

        day, period_start = np.full((2, *shape[:2]), np.datetime64("NaT"), dtype="datetime64[D]")
        day[e, t] = self._day[rows]
        period_start[e, t] = np.asarray(columns["period_start"], dtype="datetime64[D]")[rows]
        calendar = day.copy()
        if "calendar_day" in columns:
            known = np.asarray(columns["calendar_day"], dtype="datetime64[D]")[rows]
            calendar[e, t] = np.where(np.isnat(known), day[e, t], known)
        is_seen = np.zeros(shape, dtype=bool)
        is_seen[cells] = True
        fallback = np.zeros(shape[:2])
        np.add.at(fallback, (e[~is_arm], t[~is_arm]), np.asarray(columns["users"], dtype=np.float64)[rows[~is_arm]])
        counts = {name: by_arm(name, 0.0 if name in ARM_COLUMNS[:4] else np.nan) for name in ARM_COLUMNS}
        is_day = ~np.isnat(day)
        arms = tuple(self.arms[m] for m in members)
        declared = tuple(self.declared[m] for m in members)
        controls = tuple(
            self._control(item, group, seen) for item, group, seen in zip(declared, arms, is_seen, strict=True)
        )
        shares, is_declared = _shares(declared, arms, day, counts["users"])
        return Panel(
            names=tuple(self.names[m] for m in members),
            arms=arms,
            controls=controls,
            declared=declared,
            policy=self.context.policy,
            window_days=self.context.window_days,
            day=day,
            is_day=is_day,
            period_start=period_start,
            calendar=calendar,
            is_first=is_day & np.diff(period_start, axis=1, prepend=np.datetime64("NaT")).astype(bool),
            is_seen=is_seen,
            fallback_users=fallback,
            shares=shares,
            is_declared=is_declared,
            control=np.array(
                [_index(group, choice) for group, choice in zip(arms, controls, strict=True)], dtype=np.int64
            ),
            **counts,
            **{name: by_day(name) for name in DAY_COLUMNS},
        )

    def _control(self, item: Experiment | None, arms: tuple[str, ...], seen: Bools) -> ControlChoice:
        """As `control.fix_control`, from the arms of the first day that has two."""
        registered = None if item is None else item.control
        if registered is not None:
            return ControlChoice(registered, ControlSource.REGISTERED)
        enough = seen.sum(axis=1) >= min(FEWEST_ARMS, max(len(arms), 1))
        first = int(np.argmax(enough)) if enough.any() else 0
        known = [arm for arm, is_known in zip(arms, seen[first], strict=False) if is_known] or list(arms)
        return choose_control(declared_first(known, item), None, self.context.control_names)


def _index(arms: tuple[str, ...], choice: ControlChoice) -> int:
    return arms.index(choice.variant_id) if choice.variant_id in arms else -1


def _shares(
    declared: Sequence[Experiment | None], arms: Sequence[tuple[str, ...]], day: Days, users: Floats
) -> tuple[Floats, Bools]:
    """Declared shares where there are any; elsewhere equal ones of the arms with users."""
    active = users > 0
    shares = active / np.maximum(active.sum(axis=2, keepdims=True), 1)
    is_declared = np.zeros(day.shape, dtype=bool)
    for row, item in enumerate(declared):
        for split in item.allocations if item is not None else ():
            begun = ~np.isnat(day[row]) & (
                (split.starts is None) | (day[row] >= np.datetime64(split.starts or "NaT", "D"))
            )
            shares[row, begun] = np.array(
                [split.shares.get(arm, 0.0) for arm in arms[row]] + [0.0] * (users.shape[2] - len(arms[row]))
            )
            is_declared[row] |= begun
    return shares, is_declared
