"""Remove people from a lake, and remember a hash of them so that their rows stay out when they are sent again."""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib import __version__
from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS, EXPOSURES, FORGOTTEN, PARTICIPANTS, PURCHASES, QUARANTINE, TableContract
from abtest_lib.errors import ConfigError, LakeError
from abtest_lib.lake.delta_log import last_commit
from abtest_lib.lake.lease import held_for_run
from abtest_lib.lake.maintenance import checkpoint, delete_matches, retention, take_inventory, trim_log, vacuum
from abtest_lib.lake.table import append, read_table
from abtest_lib.pipeline.context import Progress
from abtest_lib.pipeline.history import FULL_REFRESH, adopt_settings, announce, forgotten_people, open_history
from abtest_lib.pipeline.run import all_steps, run_steps
from abtest_lib.storage import lake_location
from abtest_lib.transforms.forgotten import names_user, user_hash

_PERSONAL = (EVENTS, QUARANTINE, EXPOSURES, PURCHASES, PARTICIPANTS)
_LOG_KEEP = timedelta(days=30)
_ID = "forgotten_id"


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one table that holds people.

    Attributes:
        table: Its name.
        rows: Rows that were theirs.
        files: Data files that are left; each belongs to the current version.
    """

    table: str
    rows: int
    files: int


def forget(
    spark: SparkSession, settings: Settings, lake: str, user_ids: Collection[str], progress: Progress | None = None
) -> list[Removal]:
    """Remove people from bronze and quarantine, build silver and gold anew, and remove every older file and log entry.

    Older versions of the five tables that hold people are gone afterwards. A run that was interrupted is to be
    repeated with the same ids: it finishes what it began.

    Args:
        spark: The session.
        settings: The settings; those that the tables depend on are taken from the lake.
        lake: The lake's directory or object-store prefix.
        user_ids: Whom.
        progress: Who is told.

    Returns:
        One entry per table.

    Raises:
        ConfigError: No id was given, or an empty one; or the lake was written by a newer version.
        LakeError: There is nobody in the lake, or something of them is still there.
    """
    wanted = sorted(set(user_ids))
    if not wanted or not all(wanted):
        raise ConfigError("nobody to forget: give at least one user id, and none that is empty")
    lake = lake_location(lake)
    with held_for_run(settings, lake):
        if last_commit(spark, EVENTS, lake) is None:
            raise LakeError(f"lake {lake} has no bronze/events: there is nobody in it")
        settings = adopt_settings(spark, settings, lake)
        history = open_history(spark, settings, lake, full_refresh=False)
        users = spark.createDataFrame([(item,) for item in wanted], f"{_ID} string")
        there = [contract for contract in _PERSONAL if last_commit(spark, contract, lake) is not None]
        rows = {contract.full_name: _rows_of(spark, contract, lake, users).count() for contract in there}
        # From here on no run builds upon silver and gold that still hold them.
        announce(spark, settings, lake, uuid.uuid4().hex, __version__, FULL_REFRESH, history)
        _remember(spark, lake, users)
        for contract in (EVENTS, QUARANTINE):
            _delete(spark, contract, lake, users)
        run_steps(spark, settings, lake, all_steps(None), full_refresh=True, progress=progress)
        return [
            Removal(contract.full_name, rows.get(contract.full_name, 0), _erase(spark, contract, lake, users))
            for contract in _PERSONAL
        ]


def _remember(spark: SparkSession, lake: str, users: DataFrame) -> None:
    known = forgotten_people(spark, lake)
    salt = secrets.token_hex(16) if known is None else known.salt
    hashed = users.select(user_hash(F.col(_ID), salt).alias("user_hash"))
    new = hashed if known is None else hashed.where(~F.col("user_hash").isin(sorted(known.hashes)))
    moment = F.lit(datetime.now(UTC)).cast("timestamp")
    append(new.select("user_hash", F.lit(salt).alias("salt"), moment.alias("forgotten_at")), FORGOTTEN, lake)


def _rows_of(spark: SparkSession, contract: TableContract, lake: str, users: DataFrame) -> DataFrame:
    rows = read_table(spark, contract, lake)
    is_theirs = F.col("user_id") == F.col(_ID)
    if contract is QUARANTINE:
        is_theirs |= names_user("raw_record", _ID)
    return rows.join(F.broadcast(users), is_theirs, "left_semi")


def _delete(spark: SparkSession, contract: TableContract, lake: str, users: DataFrame) -> None:
    if last_commit(spark, contract, lake) is None:
        return
    keys = _rows_of(spark, contract, lake, users).select("row_id").distinct()
    delete_matches(keys, contract, lake, "row_id")


def _erase(spark: SparkSession, contract: TableContract, lake: str, users: DataFrame) -> int:
    """Remove all that is not the current version, and make sure that nothing of them is left in that."""
    if last_commit(spark, contract, lake) is None:
        return 0
    version = checkpoint(spark, contract, lake, _LOG_KEEP)
    with retention(spark, timedelta(0)):
        vacuum(spark, contract, lake, timedelta(0))
    trim_log(contract, lake, version)
    left = take_inventory(spark, contract, lake)
    rows = _rows_of(spark, contract, lake, users).count()
    if rows or left.stale_files:
        raise LakeError(
            f"{contract.full_name} in {lake} still has {rows} of their rows and {left.stale_files} older files: "
            "run abtest forget again with the same ids"
        )
    return left.live_files
