"""Reading a lake without a JVM, for what the command line prints."""

from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from abtest_lib.contracts import TableContract
from abtest_lib.storage import check_location, delta_rs_location, delta_rs_options


def open_table(contract: TableContract, lake: str) -> DeltaTable | None:
    """Open a table by its log, or None where it does not exist.

    Raises:
        ConfigError: The lake's location carries a secret.
    """
    check_location(lake)
    try:
        return DeltaTable(delta_rs_location(contract.path(lake)), storage_options=delta_rs_options(lake))
    except TableNotFoundError:
        return None


def count_rows(table: DeltaTable) -> int:
    """The number of rows of a table, from the statistics in its log."""
    files = pa.table(table.get_add_actions(flatten=True))
    rows = sum(value or 0 for value in files.column("num_records").to_pylist())
    marked = "deletion_vector.cardinality"
    deleted = sum(value or 0 for value in files.column(marked).to_pylist()) if marked in files.column_names else 0
    return int(rows - deleted)


def latest_day(table: DeltaTable) -> date | None:
    """The last day of a table that is partitioned by `day`."""
    days = [partition["day"] for partition in table.partitions()]
    return max((day if isinstance(day, date) else date.fromisoformat(str(day)) for day in days), default=None)


def rows_of_day(table: DeltaTable, day: date) -> list[dict[str, Any]]:
    """All the rows of one day."""
    found = table.to_pyarrow_table(filters=[("day", "=", day)])
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows
