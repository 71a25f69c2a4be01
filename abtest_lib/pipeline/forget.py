"""Remove people from a lake, and remember a hash of them so that their rows stay out when they are sent again."""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS, EXPOSURES, FORGOTTEN, PARTICIPANTS, PURCHASES, QUARANTINE
from abtest_lib.errors import ConfigError, LakeError
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.maintenance import checkpoint, retention, take_inventory, trim_log, vacuum
from abtest_lib.lake.table import Table
from abtest_lib.pipeline.history import FULL_REFRESH, adopt_settings, announce, forgotten_people, open_history
from abtest_lib.pipeline.run import Progress
from abtest_lib.pipeline.runner import all_steps, run_steps
from abtest_lib.transforms.forgotten import names_user, user_hash

_PERSONAL = (EVENTS, QUARANTINE, EXPOSURES, PURCHASES, PARTICIPANTS)
_LOG_KEEP = timedelta(days=30)
_ID = "forgotten_id"


@dataclass(frozen=True, slots=True)
class Removal:
    """The removal of people from one table.

    Attributes:
        table: Its name.
        rows: Their rows before the removal.
        files: Data files that are left; each belongs to the current version.
    """

    table: str
    rows: int
    files: int


def forget(
    lake: Lake, settings: Settings, user_ids: Collection[str], progress: Progress | None = None
) -> list[Removal]:
    """Remove people from bronze and quarantine, rebuild silver and gold, and remove every older file and log entry.

    Older versions of the five tables that hold people are removed. Repeat an interrupted run with the same ids: it
    finishes the removal.

    Args:
        lake: The lake.
        settings: The settings; those that the tables depend on are taken from the lake.
        user_ids: The ids of the people.
        progress: Shows the steps of the run.

    Returns:
        One entry per table.

    Raises:
        ConfigError: No id was given, or an empty one; or the lake was written by a newer version.
        LakeError: There is nobody in the lake, or rows or older files are left.
    """
    wanted = sorted(set(user_ids))
    if not wanted or not all(wanted):
        raise ConfigError("nobody to forget: give at least one user id, and none that is empty")
    with lake.lease(settings):
        if not lake[EVENTS].exists:
            raise LakeError(f"lake {lake} has no bronze/events: there is nobody in it")
        settings = adopt_settings(lake, settings)
        history = open_history(lake, settings, full_refresh=False)
        users = lake.session.createDataFrame([(item,) for item in wanted], f"{_ID} string")
        there = [contract for contract in _PERSONAL if lake[contract].exists]
        rows = {contract.full_name: _rows_of(lake[contract], users).count() for contract in there}
        # From here on no run extends silver and gold tables that still hold them.
        announce(lake, settings, uuid.uuid4().hex, history, FULL_REFRESH)
        _remember(lake, users)
        for contract in (EVENTS, QUARANTINE):
            _delete(lake[contract], users)
        run_steps(lake, settings, all_steps(None), full_refresh=True, progress=progress)
        return [
            Removal(contract.full_name, rows.get(contract.full_name, 0), _erase(lake[contract], users))
            for contract in _PERSONAL
        ]


def _remember(lake: Lake, users: DataFrame) -> None:
    known = forgotten_people(lake)
    salt = secrets.token_hex(16) if known is None else known.salt
    hashed = users.select(user_hash(F.col(_ID), salt).alias("user_hash"))
    new = hashed if known is None else hashed.where(~F.col("user_hash").isin(sorted(known.hashes)))
    moment = F.lit(datetime.now(UTC)).cast("timestamp")
    lake[FORGOTTEN].append(new.select("user_hash", F.lit(salt).alias("salt"), moment.alias("forgotten_at")))


def _rows_of(table: Table, users: DataFrame) -> DataFrame:
    rows = table.read()
    is_theirs = F.col("user_id") == F.col(_ID)
    if table.contract is QUARANTINE:
        is_theirs |= names_user("raw_record", _ID)
    return rows.join(F.broadcast(users), is_theirs, "left_semi")


def _delete(table: Table, users: DataFrame) -> None:
    if not table.exists:
        return
    keys = _rows_of(table, users).select("row_id").distinct()
    table.delete_matches(keys, "row_id")


def _erase(table: Table, users: DataFrame) -> int:
    """Remove all older versions, and check that the current one has none of their rows; return its files."""
    if not table.exists:
        return 0
    version = checkpoint(table, _LOG_KEEP)
    with retention(table.session, timedelta(0)):
        vacuum(table, timedelta(0))
    trim_log(table, version)
    left = take_inventory(table)
    rows = _rows_of(table, users).count()
    if rows or left.stale_files:
        raise LakeError(
            f"{table.name} in {table.lake_path} still has {rows} of their rows and {left.stale_files} older files: "
            "run abtest forget again with the same ids"
        )
    return left.live_files
