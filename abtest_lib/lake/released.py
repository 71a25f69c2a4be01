"""The gold tables of one release, read without a JVM: all tables at the versions that one run published together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from deltalake import DeltaTable

from abtest_lib.contracts import RELEASES, TableContract
from abtest_lib.errors import AbtestError, LakeError, one_line
from abtest_lib.lake.reader import latest_by_experiment, open_table, read_rows
from abtest_lib.storage import check_lake, lake_location

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """One published run.

    Attributes:
        run_id: The run that published.
        published_at: When, UTC.
        versions: Table (`gold/verdicts`) to its Delta version.
    """

    run_id: str
    published_at: datetime
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReleasedTables:
    """The tables of a lake as of one release.

    Attributes:
        location: The absolute location of the lake.
        release: The release; None if nothing was published yet: then the current version of each table is read.
    """

    location: str
    release: Release | None

    def rows(
        self, contract: TableContract, equal: Mapping[str, str | date], columns: Sequence[str] = ()
    ) -> list[Row] | None:
        """Read the rows of a table with some values; return None without such a table.

        Args:
            contract: The table.
            equal: Column to the value that it must have.
            columns: Which columns; all of them when empty.

        Raises:
            LakeError: The table cannot be read.
        """
        with _lake_errors(contract):
            table = self._open(contract)
            return None if table is None else read_rows(table, columns, **equal)

    def rows_of_latest_verdicts(self, contract: TableContract, verdicts: TableContract) -> list[Row]:
        """Read the rows of each experiment on the day of its latest verdict; return none if a table is missing.

        Raises:
            LakeError: A table cannot be read.
        """
        with _lake_errors(contract):
            table, judged = self._open(contract), self._open(verdicts)
            return [] if table is None or judged is None else latest_by_experiment(table, judged)

    def _open(self, contract: TableContract) -> DeltaTable | None:
        if self.release is None:
            return open_table(contract, self.location)
        version = self.release.versions.get(contract.full_name)
        return None if version is None else open_table(contract, self.location, version)


def open_released(lake: str) -> ReleasedTables:
    """Open the latest release of a lake.

    Args:
        lake: A folder or s3a://bucket/prefix.

    Raises:
        ConfigError: There is no lake at this location.
        LakeError: The list of releases cannot be read.
    """
    location = lake_location(lake)
    check_lake(location)
    with _lake_errors(RELEASES):
        table = open_table(RELEASES, location)
        rows = [] if table is None else read_rows(table)
    if not rows:
        return ReleasedTables(location, None)
    newest = max(rows, key=lambda row: (row["published_at"], row["run_id"]))
    return ReleasedTables(location, Release(newest["run_id"], newest["published_at"], dict(newest["versions"])))


@contextmanager
def _lake_errors(contract: TableContract) -> Iterator[None]:
    """Turn whatever delta-rs raises into one line that names the table."""
    try:
        yield
    except AbtestError:
        raise
    except Exception as error:
        raise LakeError(f"{contract.full_name} cannot be read: {one_line(error)}") from error
