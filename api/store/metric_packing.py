"""Pack the metrics of one day; `api.store.metric_section` describes the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from abtest_lib.contracts.enums import Window
from abtest_lib.metrics import PURCHASE
from api.store.columns import coded, doubles
from api.store.metric_section import CODED, COMPARED, COUNTED, EVERYBODY, FITTED, NUMBERS

_KEY = ("experiment_name", "variant_id", "metric", "segment")
Tables = Mapping[str, pa.Table]


class Arms(Protocol):
    """The experiments and arms of a day; see `api.store.packing`."""

    @property
    def names(self) -> list[str]:
        """The experiments."""

    def experiment_of(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the position of each row's experiment."""

    def row_of(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the position of each row's arm."""

    def starts(self) -> NDArray[np.int64]:
        """Return the position of each experiment's first arm, then the number of arms."""


@dataclass(frozen=True, slots=True)
class PackedMetrics:
    """The section and what the index says about it.

    Attributes:
        codes: The texts of the coded columns; a code is a position.
        matrix: The rows.
        of_everybody: Per experiment the number of rows about all users.
        of_segments: Per experiment the number of rows about segments.
    """

    codes: dict[str, list[str]]
    matrix: NDArray[np.float64]
    of_everybody: NDArray[np.int64]
    of_segments: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """The position of each experiment's first row."""
        counts = self.of_everybody + self.of_segments
        return np.asarray(np.cumsum(counts) - counts)


def pack_metrics(arms: Arms, tables: Tables) -> PackedMetrics:
    """Pack the metrics of one day.

    Args:
        arms: The experiments and arms of the day.
        tables: Gold tables by name, with all metrics and segments.
    """
    compared = _compared(tables.get("comparisons"))
    if compared is None:
        none = np.zeros(len(arms.names), np.int64)
        return PackedMetrics({}, np.zeros((0, 1 + len(CODED) + len(NUMBERS))), none, none)
    joined = _with(_with(compared, _fitted(tables.get("posteriors")), FITTED), tables.get("metric_to_date"), COUNTED)
    words = {name: coded(joined[name]) for name in CODED}
    experiment = arms.experiment_of(joined)
    arm = arms.row_of(joined) - arms.starts()[experiment]
    columns = [arm.astype(float), *(codes for codes, _ in words.values()), *map(doubles, joined.select(NUMBERS))]
    is_segment = np.asarray(pc.not_equal(joined["segment"], EVERYBODY))
    order = np.lexsort((arm, words["segment"][0], words["metric"][0], is_segment, experiment))
    matrix = np.ascontiguousarray(np.column_stack(columns)[order], dtype="<f8")
    counts = [np.bincount(experiment[rows], minlength=len(arms.names)) for rows in (~is_segment, is_segment)]
    return PackedMetrics({name: known for name, (_, known) in words.items()}, matrix, *counts)


def _compared(comparisons: pa.Table | None) -> pa.Table | None:
    """Return the rows to date, without those of purchases by all users; None if there are no others."""
    if comparisons is None or "segment" not in comparisons.column_names:
        return None
    is_purchase = pc.and_(pc.equal(comparisons["metric"], PURCHASE), pc.equal(comparisons["segment"], EVERYBODY))
    is_to_date = pc.equal(comparisons["window"], Window.TO_DATE)
    rows = comparisons.filter(pc.and_(is_to_date, pc.invert(is_purchase)))
    return rows.select([*_KEY, "role", "status", *COMPARED]) if rows.num_rows else None


def _fitted(posteriors: pa.Table | None) -> pa.Table | None:
    if posteriors is None:
        return None
    rows = posteriors.filter(pc.equal(posteriors["window"], Window.TO_DATE))
    return rows.append_column("segment", pa.array([EVERYBODY] * rows.num_rows, pa.string()))


def _with(table: pa.Table, other: pa.Table | None, columns: tuple[str, ...]) -> pa.Table:
    """Add columns of another table with the same keys; null where it has no row."""
    if other is None:
        for name in columns:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.float64()))
        return table
    return table.join(other.select([*_KEY, *columns]), keys=list(_KEY), join_type="left outer")
