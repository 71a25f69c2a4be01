"""A lake: its location, its tables, and the session that computes with them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS, TableContract, events_with
from abtest_lib.contracts.enums import Compute
from abtest_lib.lake.lease import writer_lease
from abtest_lib.lake.table import Table
from abtest_lib.spark.compute import Choice, choose_compute
from abtest_lib.spark.embedded import is_embedded
from abtest_lib.spark.scratch import scratch_of
from abtest_lib.storage import check_folder, lake_location, local_folder, use_object_store


class Lake:
    """The tables under one location.

    Attributes:
        session: The Spark session that reads and writes them.
        path: The location: an absolute folder or a URL such as s3a://bucket/prefix.
        choice: The engine and why it was chosen; None if the session existed before.
        event_columns: The columns of bronze/events beyond the contract's: name to `double` or `string`.
    """

    def __init__(
        self,
        session: SparkSession,
        path: str | Path,
        choice: Choice | None = None,
        event_columns: Mapping[str, str] | None = None,
    ) -> None:
        """Use a location as a person writes it; nothing is read or created yet.

        Raises:
            ConfigError: The location is empty or carries a secret.
        """
        self.session = session
        self.choice = choice
        self.path = lake_location(str(path))
        self.event_columns = dict(event_columns or {})
        self._is_leased = False

    def __str__(self) -> str:
        """Return the location, for messages."""
        return self.path

    @property
    def runs_python_here(self) -> bool:
        """Whether the engine calls Python functions in this process, rather than in workers."""
        return is_embedded(self.session)

    def __getitem__(self, contract: TableContract) -> Table:
        """Return the table of a contract, whether it exists yet or not."""
        if contract is EVENTS and self.event_columns:
            contract = events_with(self.event_columns)
        return Table(self.session, contract, self.path, self._engine_path())

    def _engine_path(self) -> str | None:
        scratch, folder = scratch_of(self.session), local_folder(self.path)
        return None if scratch is None or folder is None else str(scratch.plain_path(folder))

    def with_event_columns(self, columns: Mapping[str, str]) -> "Lake":
        """Return the same lake, whose events have these further columns."""
        same = Lake(self.session, self.path, self.choice, columns)
        same._is_leased = self._is_leased
        return same

    def versions(self, *contracts: TableContract) -> dict[str, int]:
        """Map table names to current Delta versions; tables that do not exist are absent."""
        found = {contract.full_name: self[contract].version for contract in contracts}
        return {name: version for name, version in found.items() if version is not None}

    @contextmanager
    def lease(self, settings: Settings, wait: timedelta = timedelta(0)) -> Iterator[None]:
        """Own the writer lease during a block, unless this object owns it or the platform coordinates writers.

        Args:
            settings: `writer_lease` false means that the platform coordinates writers.
            wait: How long to wait for another owner; zero fails at once.

        Raises:
            LakeHeldError: Another pipeline owns the lease.
            LakeError: The storage of the lake cannot be written.
        """
        if self._is_leased or not settings.writer_lease:
            yield
            return
        with writer_lease(self.path, wait):
            self._is_leased = True
            try:
                yield
            finally:
                self._is_leased = False


@contextmanager
def open_lake(
    settings: Settings,
    path: str | Path,
    *,
    app_name: str = "abtest",
    input_path: str | None = None,
    input_bytes: int | None = None,
    wait: timedelta = timedelta(0),
) -> Iterator[Lake]:
    """Open a lake for writing: check its location, choose the engine, take the lease, then start the engine.

    Args:
        settings: The settings.
        path: A folder or s3a://bucket/prefix.
        app_name: The name of the application in Spark's user interface.
        input_path: The raw events that will be read; on S3 they need the same jars as a lake there.
        input_bytes: About how many bytes of text will be read, where that is known.
        wait: How long to wait for another pipeline to finish.

    Yields:
        The lake; this process owns its lease until the block ends.

    Raises:
        ConfigError: The location is empty, carries a secret or is a file.
        LakeHeldError: Another pipeline writes this lake.
        MachineError: Spark cannot start.
    """
    from abtest_lib.spark.session import open_session  # noqa: PLC0415  PySpark's start is slow, the lease comes first

    location = lake_location(str(path))
    check_folder(location)
    use_object_store(settings)
    choice = choose_compute(settings, input_bytes)
    if settings.compute is Compute.AUTO and choice.compute is Compute.EMBEDDED and _has_change_feed(location):
        choice = Choice(Compute.SPARK, "an older version made this lake with Delta's change feed")
    settings = settings.model_copy(update={"compute": choice.compute})
    with ExitStack() as stack:
        if settings.writer_lease:
            lease = writer_lease(location, wait, dies_with_process=_dies_with_process(settings))
            stack.enter_context(lease)
        session = stack.enter_context(open_session(settings, app_name, input_bytes, [location, input_path or ""]))
        lake = Lake(session, location, choice)
        lake._is_leased = True  # noqa: SLF001  taken above, before there was a session to make the lake with
        yield lake


def _has_change_feed(location: str) -> bool:
    """Return whether bronze has Delta's change feed, which the embedded engine cannot write."""
    from abtest_lib.lake.reader import open_table  # noqa: PLC0415  delta-rs takes a while to import

    try:
        bronze = open_table(EVENTS, location)
    except Exception:  # noqa: BLE001  no answer, or a damaged table: opening it later reports that
        return False
    return bronze is not None and "changeDataFeed" in (bronze.protocol().writer_features or ())


def _dies_with_process(settings: Settings) -> bool:
    """Return whether all writing is done by this process or a JVM that it starts."""
    if settings.compute is Compute.EMBEDDED:
        return True  # there is none: this process itself writes
    is_local = (settings.spark_master or "").startswith("local")
    is_started_for_us = any(name in os.environ for name in ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE"))
    return is_local and not is_started_for_us and SparkSession.getActiveSession() is None
