"""Maintenance of a lake: compaction, short logs, removal of old files; readers go on meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from pyspark.sql import functions as F

from abtest_lib.config import Settings
from abtest_lib.contracts import ALL_TABLES, GOLD_TABLES, QUARANTINE, RELEASES
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.maintenance import (
    SAFE_RETENTION,
    Inventory,
    checkpoint,
    compact,
    remember_removed,
    retention,
    take_inventory,
    vacuum,
)
from abtest_lib.lake.table import Table
from abtest_lib.pipeline.history import adopt_settings
from abtest_lib.pipeline.run import Progress
from abtest_lib.pipeline.runner import all_steps, run_steps
from abtest_lib.spark.concurrency import concurrently

_MARGIN = timedelta(hours=1)
_READ_BY = ("experiment_name",)
"""The columns by which readers of gold select rows within a day."""

_COMMITS = 5
"""So many commits since the last checkpoint make a new one worth its own two commits."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long things are kept.

    Attributes:
        versions: Releases and older versions of every table, at least.
        log: Entries of the tables' logs.
        quarantine: Rejected rows; None keeps them for ever.
    """

    versions: timedelta = timedelta(days=7)
    log: timedelta = timedelta(days=30)
    quarantine: timedelta | None = None


@dataclass(frozen=True, slots=True)
class MaintainedTable:
    """The maintenance of one table: its name, and its storage before and after (equal in a dry run)."""

    table: str
    before: Inventory
    after: Inventory


def maintain(
    lake: Lake,
    settings: Settings,
    keep: Keep,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[MaintainedTable]:
    """Compact, publish, and remove what is older than the oldest release kept.

    Args:
        lake: The lake.
        settings: The settings; those that the tables depend on are taken from the lake.
        keep: How long things are kept.
        dry_run: Only count.
        progress: Shows the steps that bring the tables up to date.

    Returns:
        One entry per table that exists.

    Raises:
        AbtestError: A step failed; running again is safe.
    """
    with lake.lease(settings):
        settings = adopt_settings(lake, settings)
        tables = [contract for contract in ALL_TABLES if lake[contract].exists]
        before = [MaintainedTable(item.full_name, found := take_inventory(lake[item]), found) for item in tables]
        if dry_run:
            return before
        if keep.quarantine is not None and QUARANTINE in tables:
            since = datetime.now(UTC) - keep.quarantine
            lake[QUARANTINE].delete_rows(f"quarantined_at < TIMESTAMP '{since:%Y-%m-%d %H:%M:%S} UTC'")
        stock = {item.table: item.before for item in before}
        log_keep = max(keep.log, keep.versions)
        if keep.versions > SAFE_RETENTION:
            concurrently(*(partial(remember_removed, lake[item], keep.versions) for item in tables))
        concurrently(*(partial(_tidy, lake[item], stock[item.full_name], log_keep) for item in tables))
        # Compaction made new versions: the steps note them, and the last step publishes them together.
        run_steps(lake, settings, all_steps(None), progress=progress)
        released = _drop_old_releases(lake[RELEASES], keep.versions)
        older = max(keep.versions, released)
        kept = [(item, older if item in GOLD_TABLES else keep.versions) for item in tables]
        with retention(lake.session, keep.versions):
            concurrently(*(partial(vacuum, lake[item], time) for item, time in kept))
        return [replace(done, after=take_inventory(lake[item])) for done, item in zip(before, tables, strict=True)]


def _tidy(table: Table, stock: Inventory, log_keep: timedelta) -> None:
    """Compact a table that has files to merge, and write a checkpoint if a reader would replay many commits."""
    if stock.pieces:
        # The steps write a day of gold as one file in this order.
        compact(table, _READ_BY if table.contract in GOLD_TABLES else ())
    if stock.commits + (stock.pieces > 0) >= _COMMITS:
        checkpoint(table, log_keep)


def _drop_old_releases(releases: Table, keep: timedelta) -> timedelta:
    """Delete releases older than `keep`, but never the newest; return the age of the oldest one left."""
    since = datetime.now(UTC) - keep
    published: Sequence[datetime] = sorted(
        row["published_at"].astimezone(UTC) for row in releases.read().select(F.col("published_at")).collect()
    )
    if not published:
        return keep
    oldest = next((moment for moment in published if moment >= since), published[-1])
    releases.delete_rows(f"published_at < TIMESTAMP '{oldest:%Y-%m-%d %H:%M:%S.%f} UTC'")
    return datetime.now(UTC) - oldest + _MARGIN
