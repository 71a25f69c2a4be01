"""Pack one day of the gold tables into a day file; `api.store.day_file` describes the format."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from abtest_lib.contracts.enums import Window
from abtest_lib.metrics import PURCHASE
from api.http.names import name_hash, natural_order
from api.store.columns import coded, doubles, split_doubles
from api.store.day_file import FENCE_STEP, FUNNEL_COLUMNS, MAGIC, PREAMBLE
from api.store.day_index import ABSENT, DECISIONS, ENTRY_DTYPE, HEALTH_NUMBERS, SRM_STATUSES, VERDICT_NUMBERS
from api.store.metric_packing import PackedMetrics, pack_metrics
from api.store.metric_section import EVERYBODY

VERDICT_WORDS = ("control_id", "winner", "reasons", "model_version", "explanation", "metric")
_KEYS = {"window", "metric", "segment", "day", "experiment_name", "variant_id", "control_id", "event_name"}
_BY_METRIC = {"posteriors", "comparisons", "metric_to_date"}
_COUNTED = {"users", "control_users", "value", "control_value"}
"""Columns of gold/comparisons that follow from the counts of the arms."""
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class _Arms:
    """The experiments of a day, in the order of their hashes, and their arms.

    Attributes:
        names: The experiments.
        hashes: Their hashes, ascending.
        variants: All ids of variants of the day, numbers first.
        codes: experiment × len(variants) + variant of each arm, ascending.
    """

    names: list[str]
    hashes: NDArray[np.uint64]
    variants: list[str]
    codes: NDArray[np.int64]
    _found: dict[int, tuple[pa.Table, NDArray[np.int64]]] = field(default_factory=dict)

    def experiment_of(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the position of each row's experiment; cached by the id of the table, which is therefore kept."""
        if id(table) not in self._found:
            self._found[id(table)] = (table, _positions(table["experiment_name"], self.names))
        return self._found[id(table)][1]

    def code_of(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the code of each row's arm."""
        return self.experiment_of(table) * len(self.variants) + _positions(table["variant_id"], self.variants)

    def row_of(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the position of each row's arm."""
        return np.searchsorted(self.codes, self.code_of(table))

    def starts(self) -> NDArray[np.int64]:
        """Return the position of each experiment's first arm, then the number of arms."""
        return np.searchsorted(self.codes, np.arange(len(self.names) + 1) * len(self.variants))


def pack_day(day: date, tables: Tables) -> bytes:
    """Pack one day.

    Args:
        day: The day of all rows.
        tables: Gold tables by name without `gold/`; tables that the lake lacks are left out.

    Returns:
        The day file.

    Examples:
        >>> pack_day(date(2021, 8, 1), {})[:8]
        b'ABTDAY01'
    """
    every = {name: table for name, table in tables.items() if table.num_rows}
    arms = _find_arms(every)
    metrics = pack_metrics(arms, every)
    tables = {name: found for name, table in every.items() if (found := _of_purchases(name, table)).num_rows}
    columns, codes, matrix = _arm_matrix(arms, tables)
    events, funnel, funnel_starts = _funnel(arms, tables.get("funnel_daily"))
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    texts = [encoder.encode(text).encode() for text in _texts(arms, tables)]
    index = _index(arms, tables, funnel_starts, texts, metrics)
    sections = {
        "fence": index["hash"][::FENCE_STEP].tobytes(),
        "index": index.tobytes(),
        "arms": matrix.tobytes(),
        "funnel": funnel.tobytes(),
        "metrics": metrics.matrix.tobytes(),
        "texts": b"".join(texts),
        "names": json.dumps(arms.names, ensure_ascii=False).encode(),
    }
    header = {
        "day": day.isoformat(),
        "experiments": len(arms.names),
        "columns": columns,
        "codes": codes,
        "events": events,
        "metric_codes": metrics.codes,
    }
    return _assemble(header, sections)


def _assemble(header: dict[str, Any], sections: Mapping[str, bytes]) -> bytes:
    """Write the header, padded to a fixed size because it names positions, then the sections."""
    room = len(json.dumps(header).encode()) + 64 * (len(sections) + 1)
    start = PREAMBLE.size + room
    places = {}
    for name, data in sections.items():
        places[name] = [start, len(data)]
        start += len(data)
    text = json.dumps({**header, "sections": places, "bytes": start}).encode().ljust(room)
    return PREAMBLE.pack(MAGIC, room) + text + b"".join(sections.values())


def _of_purchases(name: str, table: pa.Table) -> pa.Table:
    """Return the rows of a table about purchases by all users; a verdict is about all metrics."""
    if name not in _BY_METRIC:
        return table
    for column, value in (("metric", PURCHASE), ("segment", EVERYBODY)):
        if column in table.column_names:
            table = table.filter(pc.equal(table[column], value))
    return table


def _positions(values: pa.ChunkedArray, among: Sequence[str]) -> NDArray[np.int64]:
    found = pc.index_in(values.combine_chunks(), value_set=pa.array(among, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _unique(tables: Tables, column: str) -> list[str]:
    found: set[str] = set()
    for table in tables.values():
        if column in table.column_names:
            found.update(pc.unique(table[column]).to_pylist())
    return list(found)


def _find_arms(tables: Tables) -> _Arms:
    hashed = sorted((name_hash(name), name) for name in _unique(tables, "experiment_name"))
    names = [name for _, name in hashed]
    hashes = np.array([value for value, _ in hashed], dtype=np.uint64)
    known = _Arms(names, hashes, sorted(_unique(tables, "variant_id"), key=natural_order), np.zeros(0, np.int64))
    codes = [known.code_of(table) for table in tables.values() if "variant_id" in table.column_names]
    return _Arms(names, hashes, known.variants, np.unique(np.concatenate(codes)) if codes else known.codes)


def _parts(tables: Tables) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables with rows per arm, and the prefix of their columns."""
    for name, prefix in (("experiment_daily", "daily"), ("experiment_to_date", "to_date")):
        if name in tables:
            yield prefix, tables[name]
    for name, prefix in (("posteriors", "posterior"), ("comparisons", "comparison")):
        for window in Window if name in tables else ():
            rows = tables[name].filter(pc.equal(tables[name]["window"], window))
            if rows.num_rows:
                yield f"{prefix}.{window}", rows


def _arm_matrix(arms: _Arms, tables: Tables) -> tuple[list[str], dict[str, list[str]], NDArray[np.float64]]:
    columns: dict[str, NDArray[np.float64]] = {}
    codes: dict[str, list[str]] = {}
    for prefix, table in _parts(tables):
        rows = arms.row_of(table)
        unwanted = _KEYS | _COUNTED if prefix.startswith("comparison") else _KEYS
        for name in (name for name in table.column_names if name not in unwanted):
            full = f"{prefix}.{name}"
            if pa.types.is_string(table[name].type):
                values, codes[full] = coded(table[name])
                given = {full: values}
            else:
                given = split_doubles(full, table[name])
            for column, values in given.items():
                if not np.isnan(values).all():
                    columns[column] = np.full(len(arms.codes), np.nan)
                    columns[column][rows] = values
    matrix = np.column_stack(list(columns.values())) if columns else np.zeros((len(arms.codes), 0))
    return list(columns), codes, np.ascontiguousarray(matrix, dtype="<f8")


def _funnel(arms: _Arms, table: pa.Table | None) -> tuple[list[str], NDArray[np.float64], NDArray[np.int64]]:
    if table is None:
        return [], np.zeros((0, len(FUNNEL_COLUMNS))), np.zeros(len(arms.names) + 1, np.int64)
    experiment = arms.experiment_of(table)
    order = np.argsort(experiment, kind="stable")
    event, events = coded(table["event_name"])
    arm = arms.row_of(table) - arms.starts()[experiment]
    rows = np.column_stack([event, arm, doubles(table["users"]), doubles(table["purchases"])])[order]
    starts = np.searchsorted(experiment[order], np.arange(len(arms.names) + 1))
    return events, np.ascontiguousarray(rows, dtype="<f8"), starts


def _texts(arms: _Arms, tables: Tables) -> Iterator[tuple[list[str], dict[str, Any] | None]]:
    """Yield per experiment the ids of its arms and the texts of its verdict."""
    starts = arms.starts()
    variants = [arms.variants[code] for code in (arms.codes % max(len(arms.variants), 1)).tolist()]
    words: list[dict[str, Any] | None] = [None] * len(arms.names)
    verdicts = tables.get("verdicts")
    if verdicts is not None:
        rows = verdicts.select([name for name in VERDICT_WORDS if name in verdicts.column_names]).to_pylist()
        for position, row in zip(arms.experiment_of(verdicts).tolist(), rows, strict=True):
            words[position] = row
    for position, word in enumerate(words):
        yield variants[starts[position] : starts[position + 1]], word


def _index(
    arms: _Arms, tables: Tables, funnel_starts: NDArray[np.int64], texts: Sequence[bytes], metrics: PackedMetrics
) -> NDArray[np.void]:
    index = np.zeros(len(arms.names), dtype=ENTRY_DTYPE)
    starts, lengths = arms.starts(), np.array([len(text) for text in texts])
    index["hash"] = arms.hashes
    index["arm_start"], index["arm_count"] = starts[:-1], np.diff(starts)
    index["funnel_start"], index["funnel_count"] = funnel_starts[:-1], np.diff(funnel_starts)
    index["text_start"], index["text_length"] = np.cumsum(lengths) - lengths, lengths
    index["metric_start"], index["metric_count"] = metrics.starts, metrics.of_everybody
    index["segment_count"] = metrics.of_segments
    if "experiment_daily" in tables:
        seen = arms.experiment_of(tables["experiment_daily"])
        index["daily_arms"] = np.bincount(seen, minlength=len(arms.names))
    _fill(index, arms, tables.get("experiment_health"), HEALTH_NUMBERS)
    _fill(index, arms, tables.get("verdicts"), VERDICT_NUMBERS)
    _fill_codes(index, arms, tables.get("verdicts"))
    return index


def _fill(index: NDArray[np.void], arms: _Arms, table: pa.Table | None, columns: Sequence[str]) -> None:
    for name in columns:
        index[name] = np.nan
        if table is not None:
            index[name][arms.experiment_of(table)] = doubles(table[name])


def _fill_codes(index: NDArray[np.void], arms: _Arms, verdicts: pa.Table | None) -> None:
    for name in ("is_valid", "decision", "srm_status"):
        index[name] = ABSENT
    if verdicts is None:
        return
    rows = arms.experiment_of(verdicts)
    index["is_valid"][rows] = doubles(verdicts["is_valid"])
    for name, words in (("decision", DECISIONS), ("srm_status", SRM_STATUSES)):
        found = pc.index_in(verdicts[name].combine_chunks(), value_set=pa.array(words, pa.string()))
        index[name][rows] = pc.fill_null(found, ABSENT).to_numpy(zero_copy_only=False)
