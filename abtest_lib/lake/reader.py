"""Read tables of a lake without a JVM, for the command line."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from abtest_lib.contracts import TableContract
from abtest_lib.storage import delta_rs_location, delta_rs_options, lake_location

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_table(contract: TableContract, lake: str, version: int | None = None) -> DeltaTable | None:
    """Open a table by its log, or return None where it does not exist.

    Args:
        contract: The table.
        lake: The location of the lake.
        version: A Delta version; the newest when None.

    Raises:
        ConfigError: The lake's location carries a secret.
    """
    location = delta_rs_location(contract.path(lake_location(lake)))
    try:
        return DeltaTable(location, version=version, storage_options=delta_rs_options(lake))
    except TableNotFoundError:
        return None


def count_rows(table: DeltaTable) -> int:
    """Return the number of rows of a table, from the statistics in its log."""
    files = pa.table(table.get_add_actions(flatten=True))
    rows = sum(value or 0 for value in files.column("num_records").to_pylist())
    marked = "deletion_vector.cardinality"
    deleted = sum(value or 0 for value in files.column(marked).to_pylist()) if marked in files.column_names else 0
    return int(rows - deleted)


def read_rows(table: DeltaTable, columns: Sequence[str] = (), **equal: str | date) -> list[dict[str, Any]]:
    """Read the rows with some values.

    delta-rs reads them itself. Arrow would read through Python objects, which its threads may release after the end of
    the interpreter: then the process aborts.

    Args:
        table: The table.
        columns: Which columns; all of them when empty.
        equal: Column to the value that it must have.
    """
    wanted = ", ".join(f'"{name}"' for name in columns) or "*"
    tests = " AND ".join(f'"{name}" = {_literal(value)}' for name, value in equal.items()) or "true"
    query = f"SELECT {wanted} FROM t WHERE {tests}"  # noqa: S608  every value is a literal
    return _rows_of(QueryBuilder().register("t", table), query)


def latest_by_experiment(table: DeltaTable, verdicts: DeltaTable) -> list[dict[str, Any]]:
    """Read the rows of each experiment on the day of its latest verdict."""
    builder = QueryBuilder().register("t", table).register("v", verdicts)
    query = (
        "SELECT t.* FROM t JOIN (SELECT experiment_name, max(day) AS day FROM v GROUP BY experiment_name) AS last "
        "ON t.experiment_name = last.experiment_name AND t.day = last.day"
    )
    return _rows_of(builder, query)


def rows_of_day(table: DeltaTable, day: date) -> list[dict[str, Any]]:
    """Read all the rows of one day."""
    return read_rows(table, day=day)


def _rows_of(builder: QueryBuilder, query: str) -> list[dict[str, Any]]:
    """Execute a query.

    PyArrow 26 imports pandas, which takes a second, in `pa.table` and for the first timestamp: so both are avoided.
    """
    table = pa.RecordBatchReader.from_stream(builder.execute(query)).read_all()
    moments = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    for name in moments:
        micros = table.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        table = table.set_column(table.column_names.index(name), name, micros)
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row |= {name: None if row[name] is None else _EPOCH + timedelta(microseconds=row[name]) for name in moments}
    return rows


def _literal(value: str | date) -> str:
    return f"DATE '{value}'" if isinstance(value, date) else "'" + value.replace("'", "''") + "'"
