"""Care of a table's files: compaction, checkpoints, and removal of what nothing needs; only while holding the lease."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import SparkSession

from abtest_lib.contracts import TableContract
from abtest_lib.spark.faults import told_in_one_line
from abtest_lib.spark.log import last_commit
from abtest_lib.storage import local_folder, object_store, sizes_under

_LOG = "_delta_log/"
_SAFE_RETENTION = timedelta(days=7)
_SAFETY = "spark.databricks.delta.retentionDurationCheck.enabled"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a table takes in storage.

    Attributes:
        files: Every file under the table's folder.
        stored_bytes: Their size.
        live_files: The data files that the current version is made of.
        log_files: Files of the log.
    """

    files: int
    stored_bytes: int
    live_files: int
    log_files: int


def take_inventory(spark: SparkSession, contract: TableContract, lake: str) -> Inventory:
    """Count the files of a table that exists."""
    path = contract.path(lake)
    sizes = sizes_under(path)
    with told_in_one_line(f"reading {contract.full_name}"):
        live = len(spark.read.format("delta").load(path).inputFiles())
    return Inventory(len(sizes), sum(sizes.values()), live, sum(name.startswith(_LOG) for name in sizes))


def compact(spark: SparkSession, contract: TableContract, lake: str, cluster_by: Collection[str] = ()) -> None:
    """Merge small files, partition by partition; with columns, order the rows so that a reader of few skips most."""
    order = f" ZORDER BY ({', '.join(cluster_by)})" if cluster_by else ""
    _run(spark, contract, f"OPTIMIZE delta.`{contract.path(lake)}`{order}")


def purge(spark: SparkSession, contract: TableContract, lake: str) -> None:
    """Rewrite the files that hold rows which are only marked as deleted."""
    if contract.properties.get("delta.enableDeletionVectors") == "true":
        _run(spark, contract, f"REORG TABLE delta.`{contract.path(lake)}` APPLY (PURGE)")


def delete_rows(spark: SparkSession, contract: TableContract, lake: str, condition: str) -> int:
    """Delete the rows of which a SQL condition is true; how many these were."""
    before = last_commit(spark, contract, lake)
    _run(spark, contract, f"DELETE FROM delta.`{contract.path(lake)}` WHERE {condition}")  # noqa: S608  all from this code
    after = last_commit(spark, contract, lake)
    if after is None or (before is not None and after.version == before.version):
        return 0
    return after.metrics.get("numDeletedRows", 0)


def vacuum(spark: SparkSession, contract: TableContract, lake: str, keep: timedelta) -> None:
    """Remove the files that no version younger than `keep` needs.

    A time under a week is safe only while no one else writes, which the lease sees to, and no one reads older versions.
    """
    is_short = keep < _SAFE_RETENTION
    before = spark.conf.get(_SAFETY, "true")
    if is_short:
        spark.conf.set(_SAFETY, "false")
    try:
        _run(spark, contract, f"VACUUM delta.`{contract.path(lake)}` RETAIN {keep / _HOUR:.4f} HOURS")
    finally:
        if is_short:
            spark.conf.set(_SAFETY, str(before))


def checkpoint(spark: SparkSession, contract: TableContract, lake: str, log_keep: timedelta) -> int:
    """Write a checkpoint, on which Delta removes the entries of the log that are older than `log_keep`.

    Returns:
        The version of the checkpoint.
    """
    path, days = contract.path(lake), max(1, log_keep.days)
    wanted = f"'delta.logRetentionDuration' = 'interval {days} days'"
    _run(spark, contract, f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.checkpointInterval' = '1', {wanted})")
    commit = last_commit(spark, contract, lake)
    _run(spark, contract, f"ALTER TABLE delta.`{path}` UNSET TBLPROPERTIES ('delta.checkpointInterval')")
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
        obstore.delete(object_store(path), list(names))


def _run(spark: SparkSession, contract: TableContract, statement: str) -> None:
    with told_in_one_line(f"maintaining {contract.full_name}"):
        spark.sql(statement)
