"""Maintenance of a table's files: compaction, checkpoints, removal of old files; only while owning the lease."""

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import SparkSession

from abtest_lib.lake import delta_rs
from abtest_lib.lake.delta_rs import open_delta
from abtest_lib.lake.table import Table
from abtest_lib.spark.embedded import is_embedded
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.storage import local_folder, object_store, sizes_under, with_retries

_LOG = "_delta_log/"
SAFE_RETENTION = timedelta(days=7)
"""How long Delta keeps removed files by default."""

_SAFETY = "spark.databricks.delta.retentionDurationCheck.enabled"
_LOG_LASTS = "delta.logRetentionDuration"
_REMEMBERS = "delta.deletedFileRetentionDuration"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The storage of a table.

    Attributes:
        files: Every file under the table's folder.
        stored_bytes: Their size.
        live_files: Data files of the current version.
        log_files: Files of the log.
        stale_files: Data files that only older versions need.
        pieces: Live files beyond one per partition: what compaction can merge.
        commits: Commits since the last checkpoint.
    """

    files: int
    stored_bytes: int
    live_files: int
    log_files: int
    stale_files: int
    pieces: int
    commits: int


def take_inventory(table: Table) -> Inventory:
    """Count the files of a table that exists."""
    sizes = sizes_under(table.path)
    live = _live_files(table)
    in_log = sum(name.startswith(_LOG) for name in sizes)
    data = sum(name.endswith(".parquet") and not name.startswith(_LOG) for name in sizes)
    folders = {name.rsplit("/", 1)[0] for name in live}
    commits = [_version_of(name) or 0 for name in sizes if _is_commit(name)]
    last = max((_version_of(name) or 0 for name in sizes if ".checkpoint" in name), default=-1)
    return Inventory(
        files=len(sizes),
        stored_bytes=sum(sizes.values()),
        live_files=len(live),
        log_files=in_log,
        stale_files=data - len(live),
        pieces=len(live) - len(folders),
        commits=sum(version > last for version in commits),
    )


def _live_files(table: Table) -> list[str]:
    if is_embedded(table.session):
        with open_delta(table.path, f"reading {table.name}") as delta:
            return delta_rs.live_files(delta)
    with translate_spark_errors(f"reading {table.name}"):
        return list(table.session.read.format("delta").load(table.path).inputFiles())


def compact(table: Table, cluster_by: Collection[str] = ()) -> None:
    """Merge small files of each partition; with columns, order the rows so that a reader of few rows skips most."""
    if is_embedded(table.session):
        with open_delta(table.path, f"maintaining {table.name}") as delta:
            delta_rs.compact(delta, cluster_by)
        return
    order = f" ZORDER BY ({', '.join(cluster_by)})" if cluster_by else ""
    _run(table, f"OPTIMIZE {table.sql_name}{order}")


def remember_removed(table: Table, keep: timedelta) -> None:
    """Keep removed files in a table's log for as long as `vacuum` must keep them.

    By default Delta drops them from the log after a week; `vacuum` then takes such a file for one that nobody needs.
    """
    wanted = f"interval {math.ceil(keep / timedelta(days=1))} days"
    if is_embedded(table.session):
        with open_delta(table.path, f"maintaining {table.name}") as delta:
            delta_rs.set_property(delta, _REMEMBERS, wanted)
        return
    with translate_spark_errors(f"reading {table.name}"):
        row = table.session.sql(f"SHOW TBLPROPERTIES {table.sql_name} ('{_REMEMBERS}')").first()
    if row is None or row["value"] != wanted:
        _run(table, f"ALTER TABLE {table.sql_name} SET TBLPROPERTIES ('{_REMEMBERS}' = '{wanted}')")


@contextmanager
def retention(spark: SparkSession, keep: timedelta) -> Iterator[None]:
    """Allow `vacuum` to keep less than Delta's week; this is safe only because the lease excludes other writers."""
    if keep >= SAFE_RETENTION or is_embedded(spark):
        yield
        return
    before = spark.conf.get(_SAFETY, "true")
    spark.conf.set(_SAFETY, "false")
    try:
        yield
    finally:
        spark.conf.set(_SAFETY, str(before))


def vacuum(table: Table, keep: timedelta) -> None:
    """Remove the files that no version younger than `keep` needs; under a week this must run inside `retention`."""
    if is_embedded(table.session):
        with open_delta(table.path, f"maintaining {table.name}") as delta:
            delta_rs.vacuum(delta, keep)
        return
    _run(table, f"VACUUM {table.sql_name} RETAIN {keep / _HOUR:.4f} HOURS")


def checkpoint(table: Table, log_keep: timedelta) -> int:
    """Write a checkpoint, at which Delta removes log entries older than `log_keep`.

    Returns:
        The version of the checkpoint.
    """
    days = max(1, log_keep.days)
    if is_embedded(table.session):
        with open_delta(table.path, f"maintaining {table.name}") as delta:
            delta_rs.set_property(delta, _LOG_LASTS, f"interval {days} days")
            return delta_rs.checkpoint(delta)
    wanted = f"'{_LOG_LASTS}' = 'interval {days} days'"
    every = "'delta.checkpointInterval'"
    try:
        _run(table, f"ALTER TABLE {table.sql_name} SET TBLPROPERTIES ({every} = '1', {wanted})")
        commit = table.last_commit()
    finally:  # also after an interruption: a checkpoint with each commit would slow every later run
        _run(table, f"ALTER TABLE {table.sql_name} UNSET TBLPROPERTIES IF EXISTS ({every})")
    return 0 if commit is None else commit.version


def trim_log(table: Table, version: int) -> int:
    """Remove every log entry before a version that has a checkpoint; return the number of removed files.

    Older versions of the table cannot be read any more.
    """
    names = [name for name in sizes_under(table.path) if name.startswith(_LOG)]
    if not any(name.startswith(f"{_LOG}{version:020d}.checkpoint") for name in names):
        return 0
    # Checksums (.crc) of a version, hidden ones of the local disk too, go with it.
    old = [name for name in names if _version_of(name) is not None and int(_version_of(name) or 0) < version]
    _remove(table.path, old)
    return len(old)


def _is_commit(name: str) -> bool:
    return name.startswith(_LOG) and name.endswith(".json") and _version_of(name) is not None


def _version_of(name: str) -> int | None:
    digits = name.removeprefix(_LOG).lstrip(".")[:20]
    return int(digits) if len(digits) == 20 and digits.isdigit() else None  # noqa: PLR2004  as Delta writes them


def _remove(path: str, names: Collection[str]) -> None:
    folder = local_folder(path)
    if folder is not None:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        return
    import obstore  # noqa: PLC0415  only object stores need it

    if names:
        with_retries(lambda: obstore.delete(object_store(path), list(names)))


def _run(table: Table, statement: str) -> None:
    with translate_spark_errors(f"maintaining {table.name}"):
        table.session.sql(statement)
