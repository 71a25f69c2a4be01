"""A day of gold as one SQLite file, in two ways: what was tried instead of `api.dayfile` (docs/adr/0011)."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import reduce
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json, to_json

from api.names import natural_order

METRIC = "purchase"
WINDOWS = ("day", "to_date")
_EXPERIMENT = "experiment_name"
_ARM = (_EXPERIMENT, "variant_id")
_ABOUT = ("participants", "participants_to_date")
_VERDICT = (
    *("control_id", "winner", "reasons", "model_version", "explanation", "is_valid", "decision", "srm_status"),
    *("decided_on", "period_start", "srm_p_value", "cross_exposed_share", "information_fraction"),
)
_KEYS = {"window", "metric", "day", *_ARM, "control_id"}
Tables = Mapping[str, pa.Table]
Row = tuple[Any, ...]
Lookup = Callable[[str], object]


def write_json_day(path: Path, tables: Tables) -> None:
    """One row per experiment: what is known of it, and of its arms, as JSON."""
    arms = joined_arms(tables)
    rows = _by_experiment(arms)
    with closing(_created(path)) as connection:
        connection.execute("CREATE TABLE experiments (name TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
        bodies = (
            (about[_EXPERIMENT], to_json([about, rows.get(about[_EXPERIMENT], [])], inf_nan_mode="constants"))
            for about in _experiments(tables)
        )
        connection.executemany("INSERT INTO experiments VALUES (?, ?)", bodies)
        connection.execute("COMMIT")


def write_column_day(path: Path, tables: Tables) -> None:
    """One row per experiment and one per arm, each number in a column of its own."""
    with closing(_created(path)) as connection:
        arms = joined_arms(tables)
        order = pa.array(range(arms.num_rows))
        _insert(connection, "arms", arms.add_column(1, "place", order), f"{_EXPERIMENT}, place")
        experiments = pa.Table.from_pylist(
            [about | {"reasons": json.dumps(about["reasons"])} for about in _experiments(tables)]
        )
        days = [name for name in ("decided_on", "period_start") if name in experiments.column_names]
        for name in days:
            place = experiments.column_names.index(name)
            experiments = experiments.set_column(place, name, experiments[name].cast(pa.string()))
        _insert(connection, "experiments", experiments, _EXPERIMENT)
        connection.execute("COMMIT")


def json_lookup(connection: sqlite3.Connection) -> Lookup:
    """Everything of one experiment."""
    query = "SELECT body FROM experiments WHERE name = ?"
    return lambda name: from_json(connection.execute(query, (name,)).fetchone()[0])


def column_lookup(connection: sqlite3.Connection) -> Lookup:
    """Everything of one experiment."""
    about, arms = (f"SELECT * FROM {table} WHERE experiment_name = ?" for table in ("experiments", "arms"))
    return lambda name: (
        connection.execute(about, (name,)).fetchone(),
        connection.execute(arms, (name,)).fetchall(),
    )


def in_memory(path: Path) -> sqlite3.Connection:
    """A connection to a copy of the file in memory."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(path.read_bytes())
    return connection


def on_disk(path: Path) -> sqlite3.Connection:
    """A connection to a file that never changes."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def opened_each_time(path: Path, look: Callable[[sqlite3.Connection], Lookup]) -> Lookup:
    """As the API reads days that are not in memory: a connection kept for each of 333 days takes a descriptor each."""

    def read(name: str) -> object:
        with closing(on_disk(path)) as connection:
            return look(connection)(name)

    return read


def _created(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")
    return connection


def _insert(connection: sqlite3.Connection, name: str, table: pa.Table, key: str) -> None:
    columns, marks = ", ".join(f'"{column}"' for column in table.column_names), ", ".join("?" * table.num_columns)
    connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID")
    rows = zip(*(column.to_pylist() for column in table.itercolumns()), strict=True)
    connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)


def _only_metric(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["metric"], METRIC)) if "metric" in table.column_names else table


def _unique(tables: Iterable[pa.Table], column: str) -> set[str]:
    return {value for table in tables if column in table.column_names for value in pc.unique(table[column]).to_pylist()}


def _order_of_variants(tables: Tables) -> pa.Array:
    """Every variant of the day in the order in which arms are shown: numbers first."""
    return pa.array(sorted(_unique(tables.values(), "variant_id"), key=natural_order), pa.string())


def _by_experiment(table: pa.Table) -> dict[str, list[Row]]:
    """The rows of a table by its first column, without it; they must be sorted by it."""
    rows = zip(*(column.to_pylist() for column in table.itercolumns()), strict=True)
    return {name: [row[1:] for row in group] for name, group in groupby(rows, key=itemgetter(0))}


def _experiments(tables: Tables) -> list[dict[str, Any]]:
    """What the tables with one row per experiment say of each, by column."""
    found: dict[str, dict[str, Any]] = {
        name: {_EXPERIMENT: name, "daily_arms": 0} | dict.fromkeys((*_ABOUT, *_VERDICT))
        for name in sorted(_unique(tables.values(), _EXPERIMENT))
    }
    for name, columns in (("experiment_health", _ABOUT), ("verdicts", _VERDICT)):
        for row in tables[name].select([_EXPERIMENT, *columns]).to_pylist() if name in tables else ():
            found[row[_EXPERIMENT]].update(row)
    if "experiment_daily" in tables:
        for row in pc.value_counts(tables["experiment_daily"][_EXPERIMENT]).to_pylist():
            found[row["values"]]["daily_arms"] = row["counts"]
    return list(found.values())


def _parts(tables: Tables) -> Iterator[tuple[str, pa.Table]]:
    """The tables with rows per arm, with the prefix that their columns get."""
    for name, prefix in (("experiment_daily", "daily"), ("experiment_to_date", "to_date")):
        if name in tables:
            yield prefix, tables[name]
    for name, prefix in (("posteriors", "posterior"), ("comparisons", "comparison")):
        for window in WINDOWS if name in tables else ():
            rows = tables[name].filter(pc.equal(tables[name]["window"], window))
            if rows.num_rows:
                yield f"{prefix}.{window}", rows


def _prefixed(prefix: str, table: pa.Table) -> pa.Table:
    """The columns that hold anything, a number that is none as null."""
    known = {name: table[name] for name in table.column_names if name not in _KEYS}
    known |= {name: _without_nan(column) for name, column in known.items() if pa.types.is_floating(column.type)}
    named = {f"{prefix}.{name}": column for name, column in known.items() if column.null_count < table.num_rows}
    return pa.table({name: table[name] for name in _ARM} | named)


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def joined_arms(tables: Tables) -> pa.Table:
    """All tables side by side, a row per arm, sorted by experiment and variant."""
    tables = {name: _only_metric(table) for name, table in tables.items()}
    parts = [_prefixed(prefix, table) for prefix, table in _parts(tables)]
    joined = reduce(lambda left, right: left.join(right, list(_ARM), join_type="full outer"), parts)
    ordered = joined.select([*_ARM, *(name for name in joined.column_names if name not in _ARM)])
    return _sorted(ordered, _order_of_variants(tables))


def _sorted(table: pa.Table, order: pa.Array) -> pa.Table:
    place = pc.index_in(table["variant_id"].cast(pa.string()), value_set=order)
    keys = pa.table({"name": table[_EXPERIMENT], "place": place})
    return table.take(pc.sort_indices(keys, sort_keys=[("name", "ascending"), ("place", "ascending")]))
