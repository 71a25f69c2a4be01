"""The sums of metrics as they come from Arrow: a list of metrics and segments in each row of counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.rules import EVERYBODY

if TYPE_CHECKING:
    import pyarrow as pa

SUM_FIELDS = ("x", "xx", "y", "yy", "xy", "c", "cc", "xc", "yc")
"""The sums of a metric, named as in `Sums`; the column of the first is `sum_x`."""

VALUE_COLUMNS = ("users", *(f"sum_{name}" for name in SUM_FIELDS), "probability_best", "probability_beats_control")
"""The numbers of a struct that the rules use."""


def _no_values() -> Mapping[str, Floats]:
    return {name: np.zeros(0) for name in VALUE_COLUMNS}


def _no_index() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class MetricRows:
    """S entries of one metric and segment each, that belong to rows of counts.

    Attributes:
        metrics: The names of metrics.
        segments: The names of segments.
        row: Index of the row of counts of each entry, (S,), in ascending order.
        metric: Index of its metric, (S,).
        segment: Index of its segment, (S,).
        values: Its numbers by column, (S,) each; NaN where there is none.
    """

    metrics: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    row: Ints = field(default_factory=_no_index)
    metric: Ints = field(default_factory=_no_index)
    segment: Ints = field(default_factory=_no_index)
    values: Mapping[str, Floats] = field(default_factory=_no_values)

    @property
    def is_of_everybody(self) -> Bools:
        """Whether an entry covers all users, (S,)."""
        return self._is(self.segment, self.segments, EVERYBODY)

    def is_of(self, metric: str) -> Bools:
        """Whether an entry is of a metric, (S,)."""
        return self._is(self.metric, self.metrics, metric)

    @staticmethod
    def _is(codes: Ints, names: tuple[str, ...], wanted: str) -> Bools:
        return np.asarray(codes == (names.index(wanted) if wanted in names else -1))

    def take(self, index: Ints | Bools) -> "MetricRows":
        """Return some entries, by their indices or a mask."""
        values = {name: numbers[index] for name, numbers in self.values.items()}
        return MetricRows(self.metrics, self.segments, self.row[index], self.metric[index], self.segment[index], values)

    def entries_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Find the entries of some rows of counts.

        Returns:
            The indices of the entries, and for each the place of its row among `rows`.
        """
        first, after = np.searchsorted(self.row, rows, "left"), np.searchsorted(self.row, rows, "right")
        number = after - first
        place = np.repeat(np.arange(rows.size), number)
        within = np.arange(place.size) - np.repeat(np.cumsum(number) - number, number)
        return first[place] + within, place


def read_metric_rows(column: "pa.ChunkedArray | None") -> MetricRows:
    """Read a column of lists of structs; NULL and a missing column are empty lists."""
    import pyarrow as pa  # noqa: PLC0415  only where rows travel as Arrow
    import pyarrow.compute as pc  # noqa: PLC0415

    if column is None or pa.types.is_null(column.type) or len(column) == 0:
        return MetricRows()
    lists = pa.concat_arrays(column.chunks)
    structs = pc.list_flatten(lists)
    metrics, metric = _texts(structs, "metric")
    segments, segment = _texts(structs, "segment")
    return MetricRows(
        metrics=metrics,
        segments=segments,
        row=np.asarray(pc.list_parent_indices(lists)).astype(np.int64),
        metric=metric,
        segment=segment,
        values={name: _numbers(structs, name) for name in VALUE_COLUMNS},
    )


def _texts(structs: Any, name: str) -> tuple[tuple[str, ...], Ints]:  # noqa: ANN401  pyarrow has no types
    """Return the distinct texts of a field, and the index of each entry's."""
    import pyarrow.compute as pc  # noqa: PLC0415

    encoded = pc.struct_field(structs, name).dictionary_encode()
    return tuple(encoded.dictionary.to_pylist()), np.asarray(encoded.indices).astype(np.int64)


def _numbers(structs: Any, name: str) -> Floats:  # noqa: ANN401  pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if structs.type.get_field_index(name) < 0:
        return np.full(len(structs), np.nan)
    return np.asarray(pc.struct_field(structs, name).cast(pa.float64()).to_numpy(zero_copy_only=False))
