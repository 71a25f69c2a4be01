"""The Delta log of a table: its versions, its last commit, the notes of commits."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.storage import is_s3, local_folder, object_store, with_retries

_APPENDS = ("WRITE", "CREATE TABLE AS SELECT")
_NO_TABLE = re.compile(
    "DELTA_(MISSING_DELTA_TABLE|TABLE_NOT_FOUND|PATH_DOES_NOT_EXIST)|PATH_NOT_FOUND|not a Delta table"
)


@dataclass(frozen=True, slots=True)
class Commit:
    """The last commit of a table.

    Attributes:
        version: The Delta version that it made.
        operation: Delta's name for what it did, e.g. WRITE or MERGE.
        metrics: Delta's operation metrics, e.g. numOutputRows (rows).
    """

    version: int
    operation: str
    metrics: Mapping[str, int]

    @property
    def rows_changed(self) -> int:
        """Rows that the commit added or changed."""
        if self.operation == "MERGE":
            return self.metrics.get("numTargetRowsInserted", 0) + self.metrics.get("numTargetRowsUpdated", 0)
        return self.metrics.get("numOutputRows", 0)


@dataclass(frozen=True, slots=True)
class DeltaLog:
    """The log of a Delta table.

    The log of a table on the local disk or on S3 is read without Spark, which would take longer than many steps.

    Attributes:
        session: The Spark session; it reads the log where nothing else can.
        path: The location of the table.
    """

    session: SparkSession
    path: str

    def last_commit(self) -> Commit | None:
        """Return the last commit; None without a table."""
        log = _files_of(self.path)
        if log is None:
            return _last_commit_by_spark(self.session, self.path)
        version = max(log.versions(), default=None)
        if version is None:
            return None
        info = _commit_info(log, version)
        return Commit(version, info.get("operation", ""), _numbers(info.get("operationMetrics", {})))

    def reaches(self, version: int) -> bool:
        """Return whether the log still has this version."""
        log = _files_of(self.path)
        return log is None or min(log.versions(), default=0) <= version

    def appends(self, after: int, upto: int) -> list[str | None]:
        """Return the notes of the commits that appended rows after a version, up to another; both must be in the log.

        Args:
            after: A version.
            upto: A later one.
        """
        versions = range(after + 1, upto + 1)
        log = _files_of(self.path)
        if log is not None:
            commits = [_commit_info(log, version) for version in versions]
        else:
            history = self.session.sql(f"DESCRIBE HISTORY delta.`{self.path}`").where(F.col("version") > after)
            rows = history.where(F.col("version") <= upto).select("operation", "userMetadata").collect()
            commits = [row.asDict() for row in rows]
        return [commit.get("userMetadata") for commit in commits if commit.get("operation") in _APPENDS]

    def last_note(self) -> str | None:
        """Return the text of the last commit that has one (Delta's userMetadata); None without one."""
        log = _files_of(self.path)
        if log is not None:
            notes = (_commit_info(log, version).get("userMetadata") for version in sorted(log.versions(), reverse=True))
            return next((note for note in notes if note), None)
        if _last_commit_by_spark(self.session, self.path) is None:
            return None
        history = self.session.sql(f"DESCRIBE HISTORY delta.`{self.path}`").where("userMetadata IS NOT NULL")
        row = history.orderBy("version", ascending=False).select("userMetadata").first()
        return None if row is None else str(row["userMetadata"])


class _LogFiles(Protocol):
    """The folder `_delta_log` of a table."""

    def versions(self) -> Iterator[int]:
        """Yield every version that has a commit file, in any order."""

    def text(self, version: int) -> str:
        """Return the text of a version's commit file."""


class _FilesOnDisk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self) -> Iterator[int]:
        return (int(entry.stem) for entry in self._folder.glob("*.json") if entry.stem.isdigit())

    def text(self, version: int) -> str:
        return (self._folder / _file_of(version)).read_text(encoding="utf-8")


class _FilesOnS3:
    def __init__(self, prefix: str) -> None:
        self._store = object_store(prefix)

    def versions(self) -> Iterator[int]:
        import obstore  # noqa: PLC0415  only object stores need it

        entries = with_retries(lambda: [entry for page in obstore.list(self._store) for entry in page])
        names = (PurePosixPath(entry["path"]) for entry in entries)
        return (int(name.stem) for name in names if name.suffix == ".json" and name.stem.isdigit())

    def text(self, version: int) -> str:
        import obstore  # noqa: PLC0415

        return with_retries(lambda: bytes(obstore.get(self._store, _file_of(version)).bytes())).decode()


def _files_of(path: str) -> _LogFiles | None:
    folder = local_folder(path)
    if folder is not None:
        return _FilesOnDisk(folder / "_delta_log")
    return _FilesOnS3(f"{path}/_delta_log") if is_s3(path) else None


def _file_of(version: int) -> str:
    return f"{version:020d}.json"


def _commit_info(log: _LogFiles, version: int) -> dict[str, Any]:
    for line in log.text(version).splitlines():
        info = json.loads(line).get("commitInfo")
        if info is not None:
            return dict(info)
    return {}


def _last_commit_by_spark(spark: SparkSession, path: str) -> Commit | None:
    # By SQL alone: delta.tables wants a JVM in this process, or a plug-in of the Connect server.
    try:
        history = spark.sql(f"DESCRIBE HISTORY delta.`{path}` LIMIT 1")
        row = history.select("version", "operation", "operationMetrics").first()
    except AnalysisException as error:
        if _NO_TABLE.search(str(error)) is None:
            raise
        return None
    if row is None:
        return None
    return Commit(row["version"], row["operation"], _numbers(row["operationMetrics"] or {}))


def _numbers(metrics: Mapping[str, str]) -> dict[str, int]:
    return {key: int(value) for key, value in metrics.items() if str(value).isdigit()}
