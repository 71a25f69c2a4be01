"""The place of every row of counts in the panels: its experiment, day and arm."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abtest_lib.registry import Experiment
from abtest_lib.stats.arrays import Ints
from abtest_lib.verdict.control import arm_order
from abtest_lib.verdict.panel import Context, Days

CELL_LIMIT = 300_000
"""Cells (experiment × day × arm) of a panel; larger panels are split, which also suits the processor's cache."""

_LITTLE_PADDING = 20


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The place of every row, R rows of E experiments.

    Attributes:
        names: The experiments, E.
        declared: The registry's declaration of each, E; None where there is none.
        arms: Arms of each experiment in order of id, E tuples; fallback variants are no arms.
        number_of_days: Days of each experiment, (E,).
        experiment: Index of each row's experiment, (R,).
        day_index: Index of the row's day among the days of its experiment, (R,).
        arm: Index of the row's arm among those of its experiment, (R,); -1 for a fallback variant.
        order: Rows in order of their experiment, (R,).
        starts: Where the rows of each experiment start in `order`, and the end of the last, (E + 1,).
    """

    names: tuple[str, ...]
    declared: tuple[Experiment | None, ...]
    arms: tuple[tuple[str, ...], ...]
    number_of_days: Ints
    experiment: Ints
    day_index: Ints
    arm: Ints
    order: Ints
    starts: Ints

    def rows_of(self, experiments: Ints) -> Ints:
        """Return the rows of some experiments."""
        return np.concatenate([self.order[self.starts[e] : self.starts[e + 1]] for e in experiments])


def lay_out(columns: Mapping[str, npt.ArrayLike], context: Context) -> Layout:
    """Find the place of every row.

    Args:
        columns: experiment_name, variant_id and day (dates as datetime64[D]).
        context: What is declared.

    Returns:
        The layout.
    """
    names, experiment = _encode(columns["experiment_name"])
    declared = tuple(context.registry.get(name) for name in names)
    arms, arm = _place_arms(declared, experiment, columns["variant_id"], context)
    number_of_days, day_index = _place_days(len(names), experiment, np.asarray(columns["day"], dtype="datetime64[D]"))
    order = np.argsort(experiment, kind="stable")
    starts = np.searchsorted(experiment[order], np.arange(len(names) + 1))
    return Layout(tuple(names), declared, arms, number_of_days, experiment, day_index, arm, order, starts)


def batches(layout: Layout) -> Iterator[Ints]:
    """Group experiments with similar numbers of days and arms, at most CELL_LIMIT cells per group.

    Yields:
        Indices of experiments.
    """
    arms = np.array([max(len(group), 1) for group in layout.arms], dtype=np.int64)
    days = layout.number_of_days
    order = np.lexsort((days, arms))
    start, widest, longest = 0, 1, 1
    for place, index in enumerate(order):
        wider, longer = max(widest, int(arms[index])), max(longest, int(days[index]))
        smallest = int(arms[order[start]] * days[order[start]])
        is_large = (place + 1 - start) * wider * longer > CELL_LIMIT
        is_padded = wider * longer > 2 * smallest + _LITTLE_PADDING
        if place > start and (is_large or is_padded):
            yield order[start:place]
            start, wider, longer = place, int(arms[index]), int(days[index])
        widest, longest = wider, longer
    if start < order.size:
        yield order[start:]


def _encode(values: npt.ArrayLike) -> tuple[list[str], Ints]:
    """Return the distinct texts in order of appearance and each row's index; faster than sorting texts."""
    known: dict[str, int] = {}
    rows: Sequence[str] = np.asarray(values, dtype=object).tolist()
    codes = np.fromiter((known.setdefault(value, len(known)) for value in rows), dtype=np.int64, count=len(rows))
    return list(known), codes


def _place_arms(
    declared: Sequence[Experiment | None], experiment: Ints, variant_ids: npt.ArrayLike, context: Context
) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """Return the arms of each experiment, seen or declared, and each row's index among them; -1 for a fallback."""
    variants, variant = _encode(variant_ids)
    shares = [(e, arm) for e, item in enumerate(declared) for arm in _declared_arms(item)]
    ranked = sorted({*variants, *(arm for _, arm in shares)}, key=arm_order)
    rank = {value: index for index, value in enumerate(ranked)}
    pairs = experiment * len(rank) + np.array([rank[value] for value in variants], dtype=np.int64)[variant]
    extra = np.array([e * len(rank) + rank[arm] for e, arm in shares], dtype=np.int64)
    keys = np.unique(np.concatenate([np.unique(pairs), extra]))
    position = np.full(keys.size, -1)
    arms: list[list[str]] = [[] for _ in declared]
    for place, key in enumerate(keys.tolist()):
        e, value = key // len(rank), ranked[key % len(rank)]
        if not _is_fallback(value, declared[e], context):
            position[place] = len(arms[e])
            arms[e].append(value)
    return tuple(map(tuple, arms)), position[np.searchsorted(keys, pairs)]


def _declared_arms(item: Experiment | None) -> list[str]:
    return [] if item is None else [arm for split in item.allocations for arm in split.arms]


def _is_fallback(variant_id: str, item: Experiment | None, context: Context) -> bool:
    return variant_id in context.fallback_variants or (item is not None and variant_id in item.fallback_variants)


def _place_days(number: int, experiment: Ints, day: Days) -> tuple[Ints, Ints]:
    """Return the number of days of each experiment, and each row's index among them."""
    origin = day.min() if day.size else np.datetime64(0, "D")
    offset = (day - origin).astype(np.int64)
    span = int(offset.max(initial=0)) + 1
    days, row_day = np.unique(experiment * span + offset, return_inverse=True)
    first_day = np.searchsorted(days // span, np.arange(number))
    return np.diff(np.append(first_day, days.size)), row_day - first_day[experiment]
