"""Keep a lake fit: fewer files, a short log, no files that nobody needs; readers are served all the while."""

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
    lake: Lake,
    settings: Settings,
    keep: Keep,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[Upkeep]:
    """Compact, publish, and remove what is older than the oldest release kept.

    Args:
        lake: The lake.
        settings: The settings; those that the tables depend on are taken from the lake.
        keep: For how long what is kept.
        dry_run: Only count.
        progress: Who is told of the steps that bring the tables up to date.

    Returns:
        One entry per table that exists.

    Raises:
        AbtestError: A step failed; running again is safe.
    """
    with lake.lease(settings):
        settings = adopt_settings(lake, settings)
        tables = [contract for contract in ALL_TABLES if lake[contract].exists]
        before = [Upkeep(item.full_name, found := take_inventory(lake[item]), found) for item in tables]
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
        # Compaction made new versions: the steps take note of them, and the last one publishes them together.
        run_steps(lake, settings, all_steps(None), progress=progress)
        released = _drop_old_releases(lake[RELEASES], keep.versions)
        older = max(keep.versions, released)
        kept = [(item, older if item in GOLD_TABLES else keep.versions) for item in tables]
        with retention(lake.session, keep.versions):
            concurrently(*(partial(vacuum, lake[item], time) for item, time in kept))
        return [replace(done, after=take_inventory(lake[item])) for done, item in zip(before, tables, strict=True)]


def _tidy(table: Table, stock: Inventory, log_keep: timedelta) -> None:
    """Compact where there is something to merge, and write a checkpoint where a reader would replay many commits."""
    if stock.pieces:
        # The steps write a day of gold as one file in this order.
        compact(table, _READ_BY if table.contract in GOLD_TABLES else ())
    if stock.commits + (stock.pieces > 0) >= _COMMITS:
        checkpoint(table, log_keep)


def _drop_old_releases(releases: Table, keep: timedelta) -> timedelta:
    """Forget releases older than `keep`, but never the newest; how long ago the oldest that is left was published."""
    since = datetime.now(UTC) - keep
    published: Sequence[datetime] = sorted(
        row["published_at"].astimezone(UTC) for row in releases.read().select(F.col("published_at")).collect()
    )
    if not published:
        return keep
    oldest = next((moment for moment in published if moment >= since), published[-1])
    releases.delete_rows(f"published_at < TIMESTAMP '{oldest:%Y-%m-%d %H:%M:%S.%f} UTC'")
    return datetime.now(UTC) - oldest + _MARGIN
