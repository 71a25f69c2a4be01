"""Keep a lake fit: fewer files, a short log, no files that nobody needs; readers are served all the while."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.config import Settings
from abtest_lib.contracts import ALL_TABLES, GOLD_TABLES, QUARANTINE, RELEASES, TableContract
from abtest_lib.lake.delta_log import last_commit
from abtest_lib.lake.lease import held_for_run
from abtest_lib.lake.maintenance import (
    SAFE_RETENTION,
    Inventory,
    checkpoint,
    compact,
    delete_rows,
    remember_removed,
    retention,
    take_inventory,
    vacuum,
)
from abtest_lib.lake.table import read_table
from abtest_lib.pipeline.context import Progress, concurrently
from abtest_lib.pipeline.history import adopt_settings
from abtest_lib.pipeline.run import all_steps, run_steps
from abtest_lib.storage import lake_location

_MARGIN = timedelta(hours=1)
_READ_BY = ("experiment_name",)
"""What readers of gold look for within a day."""

_COMMITS = 5
"""From so many commits since the last checkpoint on, another one is worth two commits of its own."""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long what is kept.

    Attributes:
        versions: Releases and older versions of every table, so long at the least.
        log: Entries of the tables' logs.
        quarantine: Rejected rows; None keeps them for ever.
    """

    versions: timedelta = timedelta(days=7)
    log: timedelta = timedelta(days=30)
    quarantine: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What became of one table: its name and what it took before and after (equal in a dry run)."""

    table: str
    before: Inventory
    after: Inventory


def maintain(
    spark: SparkSession,
    settings: Settings,
    lake: str,
    keep: Keep,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[Upkeep]:
    """Compact, publish, and remove what is older than the oldest release kept.

    Args:
        spark: The session.
        settings: The settings; those that the tables depend on are taken from the lake.
        lake: The lake's directory or object-store prefix.
        keep: For how long what is kept.
        dry_run: Only count.
        progress: Who is told of the steps that bring the tables up to date.

    Returns:
        One entry per table that exists.

    Raises:
        AbtestError: A step failed; running again is safe.
    """
    lake = lake_location(lake)
    with held_for_run(settings, lake):
        settings = adopt_settings(spark, settings, lake)
        tables = [contract for contract in ALL_TABLES if last_commit(spark, contract, lake) is not None]
        before = [Upkeep(item.full_name, found := take_inventory(spark, item, lake), found) for item in tables]
        if dry_run:
            return before
        if keep.quarantine is not None and QUARANTINE in tables:
            since = datetime.now(UTC) - keep.quarantine
            delete_rows(spark, QUARANTINE, lake, f"quarantined_at < TIMESTAMP '{since:%Y-%m-%d %H:%M:%S} UTC'")
        stock = {item.table: item.before for item in before}
        log_keep = max(keep.log, keep.versions)
        if keep.versions > SAFE_RETENTION:
            concurrently(*(partial(remember_removed, spark, item, lake, keep.versions) for item in tables))
        concurrently(*(partial(_tidy, spark, item, lake, stock[item.full_name], log_keep) for item in tables))
        # Compaction made new versions: the steps take note of them, and the last one publishes them together.
        run_steps(spark, settings, lake, all_steps(None), progress=progress)
        released = _drop_old_releases(spark, lake, keep.versions)
        older = max(keep.versions, released)
        kept = [(item, older if item in GOLD_TABLES else keep.versions) for item in tables]
        with retention(spark, keep.versions):
            concurrently(*(partial(vacuum, spark, item, lake, time) for item, time in kept))
        return [
            replace(done, after=take_inventory(spark, item, lake)) for done, item in zip(before, tables, strict=True)
        ]


def _tidy(spark: SparkSession, contract: TableContract, lake: str, stock: Inventory, log_keep: timedelta) -> None:
    """Compact where there is something to merge, and write a checkpoint where a reader would replay many commits."""
    if stock.pieces:
        # The steps write a day of gold as one file in this order.
        compact(spark, contract, lake, _READ_BY if contract in GOLD_TABLES else ())
    if stock.commits + (stock.pieces > 0) >= _COMMITS:
        checkpoint(spark, contract, lake, log_keep)


def _drop_old_releases(spark: SparkSession, lake: str, keep: timedelta) -> timedelta:
    """Forget releases older than `keep`, but never the newest; how long ago the oldest that is left was published."""
    since = datetime.now(UTC) - keep
    published: Sequence[datetime] = sorted(
        row["published_at"].astimezone(UTC)
        for row in read_table(spark, RELEASES, lake).select(F.col("published_at")).collect()
    )
    if not published:
        return keep
    oldest = next((moment for moment in published if moment >= since), published[-1])
    delete_rows(spark, RELEASES, lake, f"published_at < TIMESTAMP '{oldest:%Y-%m-%d %H:%M:%S.%f} UTC'")
    return datetime.now(UTC) - oldest + _MARGIN
