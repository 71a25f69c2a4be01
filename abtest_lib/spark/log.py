"""What a table's Delta log says: its version, its last commit, its rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from abtest_lib.contracts import TableContract


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


def last_commit(spark: SparkSession, contract: TableContract, lake: str) -> Commit | None:
    """Read a table's last commit, or None where there is no such table.

    A lake on the local disk is asked without Spark, which would take longer than many a step.
    """
    folder = local_folder(contract.path(lake))
    if folder is not None:
        return _last_commit_on_disk(folder / "_delta_log")
    return _last_commit_by_spark(spark, contract.path(lake))


def last_note(spark: SparkSession, contract: TableContract, lake: str) -> str | None:
    """The text that the last commit with a note carries (Delta's userMetadata); None where there is none."""
    folder = local_folder(contract.path(lake))
    if folder is not None:
        return _last_note_on_disk(folder / "_delta_log")
    if _last_commit_by_spark(spark, contract.path(lake)) is None:
        return None
    history = spark.sql(f"DESCRIBE HISTORY delta.`{contract.path(lake)}`").where("userMetadata IS NOT NULL")
    row = history.orderBy("version", ascending=False).select("userMetadata").first()
    return None if row is None else str(row["userMetadata"])


def local_folder(path: str) -> Path | None:
    """The folder that a path names on this machine, or None for an object store."""
    if path.startswith("file:"):
        return Path("/" + path.removeprefix("file:").lstrip("/"))
    return None if "://" in path or path.startswith("dbfs:") else Path(path)


def count_rows(spark: SparkSession, contract: TableContract, lake: str) -> int:
    """The number of rows of a table, from the statistics in its log."""
    return spark.read.format("delta").load(contract.path(lake)).count()


def _last_commit_on_disk(log: Path) -> Commit | None:
    versions = _versions_on_disk(log)
    if not versions:
        return None
    info = _commit_info(log, versions[0])
    return Commit(versions[0], info.get("operation", ""), _numbers(info.get("operationMetrics", {})))


def _last_note_on_disk(log: Path) -> str | None:
    notes = (_commit_info(log, version).get("userMetadata") for version in _versions_on_disk(log))
    return next((note for note in notes if note), None)


def _versions_on_disk(log: Path) -> list[int]:
    return sorted((int(entry.stem) for entry in log.glob("*.json") if entry.stem.isdigit()), reverse=True)


def _commit_info(log: Path, version: int) -> dict[str, Any]:
    for line in (log / f"{version:020d}.json").read_text(encoding="utf-8").splitlines():
        info = json.loads(line).get("commitInfo")
        if info is not None:
            return dict(info)
    return {}


def _last_commit_by_spark(spark: SparkSession, path: str) -> Commit | None:
    from delta.tables import DeltaTable  # noqa: PLC0415  only an object store needs it

    if not DeltaTable.isDeltaTable(spark, path):
        return None
    history = spark.sql(f"DESCRIBE HISTORY delta.`{path}` LIMIT 1")
    row = history.select("version", "operation", "operationMetrics").first()
    if row is None:
        return None
    return Commit(row["version"], row["operation"], _numbers(row["operationMetrics"] or {}))


def _numbers(metrics: Mapping[str, str]) -> dict[str, int]:
    return {key: int(value) for key, value in metrics.items() if str(value).isdigit()}
