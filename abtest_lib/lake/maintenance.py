"""Care of a table's files: compaction, checkpoints, and removal of what nothing needs; only while holding the lease."""

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession

from abtest_lib.contracts import TableContract
from abtest_lib.lake.delta_log import last_commit
from abtest_lib.spark.spark_errors import told_in_one_line
from abtest_lib.storage import again, local_folder, object_store, sizes_under

_LOG = "_delta_log/"
SAFE_RETENTION = timedelta(days=7)
"""For how long Delta keeps what it removed, unless it is told otherwise."""

_SAFETY = "spark.databricks.delta.retentionDurationCheck.enabled"
_REMEMBERS = "delta.deletedFileRetentionDuration"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a table takes in storage.

    Attributes:
        files: Every file under the table's folder.
        stored_bytes: Their size.
        live_files: The data files that the current version is made of.
        log_files: Files of the log.
        stale_files: Data files that only older versions need.
        pieces: Live files beyond one for each partition: what compaction may merge.
        commits: Commits since the last checkpoint.
    """

    files: int
    stored_bytes: int
    live_files: int
    log_files: int
    stale_files: int
    pieces: int
    commits: int


def take_inventory(spark: SparkSession, contract: TableContract, lake: str) -> Inventory:
    """Count the files of a table that exists."""
    path = contract.path(lake)
    sizes = sizes_under(path)
    with told_in_one_line(f"reading {contract.full_name}"):
        live = spark.read.format("delta").load(path).inputFiles()
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


def compact(spark: SparkSession, contract: TableContract, lake: str, cluster_by: Collection[str] = ()) -> None:
    """Merge small files, partition by partition; with columns, order the rows so that a reader of few skips most."""
    order = f" ZORDER BY ({', '.join(cluster_by)})" if cluster_by else ""
    _run(spark, contract, f"OPTIMIZE delta.`{contract.path(lake)}`{order}")


def delete_rows(spark: SparkSession, contract: TableContract, lake: str, condition: str) -> int:
    """Delete the rows of which a SQL condition is true; how many these were."""
    before = last_commit(spark, contract, lake)
    _run(spark, contract, f"DELETE FROM delta.`{contract.path(lake)}` WHERE {condition}")  # noqa: S608  all from this code
    after = last_commit(spark, contract, lake)
    if after is None or (before is not None and after.version == before.version):
        return 0
    return after.metrics.get("numDeletedRows", 0)


def delete_matches(keys: DataFrame, contract: TableContract, lake: str, column: str) -> None:
    """Delete the rows whose column has one of the values of a frame with that column."""
    view = "abtest_delete_source"
    keys.createOrReplaceTempView(view)
    on = f"target.`{column}` = source.`{column}`"
    statement = f"MERGE INTO delta.`{contract.path(lake)}` AS target USING {view} AS source ON {on}"
    _run(keys.sparkSession, contract, f"{statement} WHEN MATCHED THEN DELETE")


def remember_removed(spark: SparkSession, contract: TableContract, lake: str, keep: timedelta) -> None:
    """Let a table's log remember the files that it no longer needs for as long as `vacuum` is to spare them.

    Delta forgets them after a week, and takes a file that it has forgotten for one that nobody needs.
    """
    path, wanted = contract.path(lake), f"interval {math.ceil(keep / timedelta(days=1))} days"
    with told_in_one_line(f"reading {contract.full_name}"):
        row = spark.sql(f"SHOW TBLPROPERTIES delta.`{path}` ('{_REMEMBERS}')").first()
    if row is None or row["value"] != wanted:
        _run(spark, contract, f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('{_REMEMBERS}' = '{wanted}')")


@contextmanager
def retention(spark: SparkSession, keep: timedelta) -> Iterator[None]:
    """Let `vacuum` keep less than Delta's week, which is safe only while no one else writes: the lease sees to that."""
    before = spark.conf.get(_SAFETY, "true")
    if keep >= SAFE_RETENTION:
        yield
        return
    spark.conf.set(_SAFETY, "false")
    try:
        yield
    finally:
        spark.conf.set(_SAFETY, str(before))


def vacuum(spark: SparkSession, contract: TableContract, lake: str, keep: timedelta) -> None:
    """Remove the files that no version younger than `keep` needs; inside `retention` where that is under a week."""
    _run(spark, contract, f"VACUUM delta.`{contract.path(lake)}` RETAIN {keep / _HOUR:.4f} HOURS")


def checkpoint(spark: SparkSession, contract: TableContract, lake: str, log_keep: timedelta) -> int:
    """Write a checkpoint, on which Delta removes the entries of the log that are older than `log_keep`.

    Returns:
        The version of the checkpoint.
    """
    path, days = contract.path(lake), max(1, log_keep.days)
    wanted = f"'delta.logRetentionDuration' = 'interval {days} days'"
    every = "'delta.checkpointInterval'"
    try:
        _run(spark, contract, f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({every} = '1', {wanted})")
        commit = last_commit(spark, contract, lake)
    finally:  # also when somebody stops it here: a checkpoint with each commit would slow every later run
        _run(spark, contract, f"ALTER TABLE delta.`{path}` UNSET TBLPROPERTIES IF EXISTS ({every})")
    return 0 if commit is None else commit.version


def trim_log(contract: TableContract, lake: str, version: int) -> int:
    """Remove every entry of the log before a version that has a checkpoint; how many files these were.

    What older versions of the table were made of cannot be known any more.
    """
    path = contract.path(lake)
    names = [name for name in sizes_under(path) if name.startswith(_LOG)]
    if not any(name.startswith(f"{_LOG}{version:020d}.checkpoint") for name in names):
        return 0
    # Checksums (.crc) of a version, hidden ones of the local disk too, go with it.
    old = [name for name in names if _version_of(name) is not None and int(_version_of(name) or 0) < version]
    _remove(path, old)
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
        again(lambda: obstore.delete(object_store(path), list(names)))


def _run(spark: SparkSession, contract: TableContract, statement: str) -> None:
    with told_in_one_line(f"maintaining {contract.full_name}"):
        spark.sql(statement)
