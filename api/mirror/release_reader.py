"""Read releases and the files of each day with delta-rs.

Only the mirror uses this module; a request never reads the lake.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.table import MAX_SUPPORTED_READER_VERSION, SUPPORTED_READER_FEATURES

from abtest_lib.contracts import RELEASES, TableContract
from abtest_lib.contracts.older import older_values
from abtest_lib.errors import ContractError, LakeError
from abtest_lib.storage import delta_rs_options
from api.store.cache import LACKS_FEATURE, without_paths


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    """A published run: its id, when it was published, and the Delta version of every table."""

    run_id: str
    published_at: datetime
    versions: dict[str, int]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a released table: its path, its size in bytes and its number of rows, None if unknown."""

    path: str
    size: int
    rows: int | None


@contextmanager
def lake_errors(table: str) -> Iterator[None]:
    """Turn any error of a reader into one line that names the table and no path of the host."""
    try:
        yield
    except LakeError:
        raise
    except Exception as error:
        # delta-rs has only a text for this: "Kernel error: Unsupported: Feature 'x' is not supported".
        lacks = f"{LACKS_FEATURE}, " if "Unsupported: Feature" in str(error) else ""
        raise LakeError(f"{table}: {lacks}{without_paths(error)}") from error


def check_lake(lake: str) -> None:
    """Raise if a local lake does not exist; an object store raises at the first read."""
    if "://" not in lake and not Path(lake).is_dir():
        raise LakeError("the lake cannot be reached: its directory is not there")


def open_table(lake: str, contract: TableContract, version: int | None = None) -> DeltaTable:
    """Open a table at a version; None is the newest.

    Raises:
        LakeError: It is missing, unreadable, or needs a reader feature that delta-rs does not know.
    """
    with lake_errors(contract.full_name):
        table = DeltaTable(contract.path(lake), version=version, storage_options=delta_rs_options(lake))
        protocol = table.protocol()
        unknown = sorted(set(protocol.reader_features or ()) - set(SUPPORTED_READER_FEATURES) - {"deletionVectors"})
        if protocol.min_reader_version > MAX_SUPPORTED_READER_VERSION or unknown:
            needs = ", ".join(unknown) or f"reader version {protocol.min_reader_version}"
            raise LakeError(f"{contract.full_name}: {LACKS_FEATURE}: {needs}")
        return table


def ops_state(lake: str, contract: TableContract) -> str:
    """Return id and version of a table, which change with every commit or rebuild; `none` if it does not exist."""
    check_lake(lake)
    with lake_errors(contract.full_name):
        if not DeltaTable.is_deltatable(contract.path(lake), delta_rs_options(lake)):
            return "none"
        table = DeltaTable(contract.path(lake), storage_options=delta_rs_options(lake))
        return f"{table.metadata().id}@{table.version()}"


def latest_release(lake: str) -> PublishedRelease | None:
    """Return the newest release in ops/releases; None if nothing was published yet."""
    if ops_state(lake, RELEASES) == "none":
        return None
    table = open_table(lake, RELEASES)
    with lake_errors(RELEASES.full_name):
        rows = table.to_pyarrow_table().to_pylist(maps_as_pydicts="strict")
    if not rows:
        return None
    newest = max(rows, key=lambda row: (row["published_at"], row["run_id"]))
    published_at = newest["published_at"]
    if published_at.tzinfo is None:
        published_at = published_at.replace(tzinfo=UTC)
    versions = {str(name): int(version) for name, version in (newest["versions"] or {}).items()}
    return PublishedRelease(str(newest["run_id"]), published_at.astimezone(UTC), versions)


class ReleasedTable:
    """One gold table at the version of a release, with its files by day.

    Args:
        lake: The location of the lake.
        contract: The table.
        version: The released version.

    Raises:
        LakeError: The version cannot be read.
        ContractError: The table is not partitioned by day, or lacks a column that every version has.
    """

    def __init__(self, lake: str, contract: TableContract, version: int) -> None:
        self.contract = contract
        self.days: dict[date, list[DataFile]] = {}
        table = open_table(lake, contract, version)
        with lake_errors(contract.full_name):
            self._dataset: Any = table.to_pyarrow_dataset()
            absent = [name for name in contract.column_names if name not in self._dataset.schema.names]
            self._older = {name: value for name, value in older_values(contract).items() if name in absent}
            missing = set(absent) - self._older.keys()
            if missing or "day" not in table.metadata().partition_columns:
                lacks = f"columns {', '.join(sorted(missing))}" if missing else "the partitioning by day"
                raise ContractError(f"{contract.full_name} version {version} lacks {lacks}")
            self._fragments = {fragment.path: fragment for fragment in self._dataset.get_fragments()}
            for row in pa.table(table.get_add_actions(flatten=True)).to_pylist():
                file = DataFile(row["path"], row["size_bytes"], row["num_records"])
                self.days.setdefault(row["partition.day"], []).append(file)

    def read_day(self, day: date) -> pa.Table:
        """Return all rows of one day, with the columns that a release of an older version lacks.

        Raises:
            LakeError: A file is missing or unreadable, or does not have the rows that the log names.
        """
        columns = [name for name in self.contract.column_names if name != "day" and name not in self._older]
        with lake_errors(self.contract.full_name):
            parts = [self._read(file, columns) for file in self.days.get(day, ())]
            rows = pa.concat_tables(parts) if parts else self._dataset.schema.empty_table().select(columns)
        types = {column.name: column.type for column in self.contract.columns}
        for name, value in self._older.items():
            is_text = types[name] == "string"
            filled = pa.array([value] * rows.num_rows, pa.string() if is_text else pa.float64())
            rows = rows.append_column(name, filled)
        return rows

    def _read(self, file: DataFile, columns: list[str]) -> pa.Table:
        fragment = self._fragments.pop(file.path)  # used once; keeping it would keep the file's footer in memory
        table = fragment.to_table(schema=self._dataset.schema, columns=columns)
        if file.rows is not None and table.num_rows != file.rows:
            raise LakeError(f"{self.contract.full_name}: a file has {table.num_rows} rows, but should have {file.rows}")
        return table
