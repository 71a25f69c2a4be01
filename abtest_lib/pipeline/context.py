"""What every step of one pipeline run shares."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol, TypeVar, overload

from pyspark.sql import DataFrame, SparkSession

from abtest_lib import __version__
from abtest_lib.config import Settings
from abtest_lib.contracts import TableContract
from abtest_lib.lake.delta_log import last_commit
from abtest_lib.lake.table import read_table
from abtest_lib.pipeline.history import History, StepReport, announce, open_history
from abtest_lib.registry import Registry, load_registry
from abtest_lib.spark.spark_errors import told_in_one_line
from abtest_lib.transforms.to_date import Periods

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")


class Progress(Protocol):
    """Who is told how a run gets on."""

    def started(self, job: str) -> None:
        """A step has started."""

    def finished(self, report: StepReport) -> None:
        """A step is done."""


class Silent:
    """Nobody is told."""

    def started(self, job: str) -> None:
        """Say nothing."""

    def finished(self, report: StepReport) -> None:
        """Say nothing."""


class Room:
    """Where frames are kept that are used more than once."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._named: dict[str, DataFrame] = {}
        self._kept = ExitStack()

    def fill(self, make: Callable[[], DataFrame]) -> DataFrame:
        """Compute a frame and keep it; once it is there, its size is known, and rows meet it without a shuffle.

        Args:
            make: Makes the frame; planning it takes a while, which several threads may spend side by side.
        """
        frame = self._kept.enter_context(kept(make()))
        frame.write.format("noop").mode("overwrite").save()  # a count would shuffle what it adds up
        return frame

    def fill_once(self, name: str, make: Callable[[], DataFrame]) -> DataFrame:
        """The frame of a name that tells what it is and of which version of a table; computed where it is not there."""
        if name not in self._named:
            self._named[name] = self.fill(make)
        return self._named[name]

    def close(self) -> None:
        """Give it up."""
        self._named.clear()
        self._kept.close()


@dataclass(frozen=True, slots=True)
class Run:
    """One pipeline run.

    Attributes:
        spark: The session.
        settings: The settings.
        registry: The declared experiments.
        lake: The lake's directory or object-store prefix.
        history: What earlier runs and this one have done.
        run_id: One for all the steps.
        started_at: When the run started, UTC; `ingested_at` of its rows.
        full_refresh: Whether everything after bronze is rebuilt.
        progress: Who is told.
        room: What several steps use; it is given up at the run's end.
    """

    spark: SparkSession
    settings: Settings
    registry: Registry
    lake: str
    history: History
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    full_refresh: bool = False
    progress: Progress = field(default_factory=Silent)
    room: Room = field(default_factory=Room)

    @property
    def periods(self) -> Periods:
        """The declared period starts of every registered experiment that has some."""
        return {name: item.period_starts for name, item in self.registry.experiments.items() if item.period_starts}

    @property
    def fallback_by_experiment(self) -> Mapping[str, tuple[str, ...]]:
        """The fallback variants that the registry declares for single experiments."""
        declared = {name: item.fallback_variants for name, item in self.registry.experiments.items()}
        return {name: variants for name, variants in declared.items() if variants}

    def last_by(self, job: str, declared: str, inputs: Mapping[str, int]) -> StepReport | None:
        """The last success of a step, if it had the same declarations.

        With others its tables are about to change their meaning, which is noted first: should this run die halfway, the
        next builds them anew, whatever is declared then.

        Args:
            job: The step.
            declared: The name in `inputs` under which the fingerprint of its declarations stands.
            inputs: What the step is about to consume.

        Returns:
            The report of that success; None where the tables are to be built anew.
        """
        last = self.history.last(job)
        if last is None or last.input_versions.get(declared) == inputs[declared]:
            return last
        announce(self.spark, self.settings, self.lake, self.run_id, __version__, job, self.history)
        self.history.succeeded.pop(job, None)  # nor does a run that fails halfway note it again as a success
        return None

    def fallback_fingerprint(self) -> int:
        """A number that changes with the declared fallback variants."""
        return fingerprint(sorted(self.fallback_by_experiment.items()))

    def declarations_fingerprint(self) -> int:
        """A number that changes with the declared fallback variants and periods."""
        return fingerprint([sorted(self.fallback_by_experiment.items()), sorted(self.periods.items())])


def open_run(
    spark: SparkSession,
    settings: Settings,
    lake: str,
    *,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Start a run on a lake.

    Raises:
        ConfigError: The lake was built with other settings, or by a newer version.
        RegistryError: The registry is wrong.
    """
    registry = load_registry(settings.registry)
    history = open_history(spark, settings, lake, full_refresh=full_refresh)
    return Run(spark, settings, registry, lake, history, full_refresh=full_refresh, progress=progress or Silent())


def perform(run: Run, job: str, step: Callable[[Run], Mapping[str, Any]]) -> StepReport:
    """Run one step, tell about it and remember it.

    Args:
        run: The run.
        job: The step's name in ops/runs.
        step: Does the work and gives the fields of its report.

    Returns:
        The report.
    """
    run.progress.started(job)
    started_at = datetime.now(UTC)
    try:
        with told_in_one_line(job):
            done = step(run)
    except Exception:
        run.history.add(StepReport(job, started_at, datetime.now(UTC), status="failed"))
        raise
    report = StepReport(job, started_at, datetime.now(UTC), **done)
    run.history.add(report)
    run.progress.finished(report)
    return report


def versions_of(run: Run, *contracts: TableContract) -> dict[str, int]:
    """Table to its Delta version now; a table that does not exist is absent."""
    commits = {contract.full_name: last_commit(run.spark, contract, run.lake) for contract in contracts}
    return {name: commit.version for name, commit in commits.items() if commit is not None}


def as_it_is(run: Run, contract: TableContract) -> DataFrame:
    """A table as it is now, whatever is committed to it later; what is kept of it stays valid."""
    return read_table(run.spark, contract, run.lake, versions_of(run, contract)[contract.full_name])


@overload
def concurrently(first: Callable[[], T], second: Callable[[], U], /) -> tuple[T, U]: ...
@overload
def concurrently(first: Callable[[], T], second: Callable[[], U], third: Callable[[], V], /) -> tuple[T, U, V]: ...
@overload
def concurrently(
    first: Callable[[], T], second: Callable[[], U], third: Callable[[], V], fourth: Callable[[], W], /
) -> tuple[T, U, V, W]: ...
@overload
def concurrently(*tasks: Callable[[], T]) -> tuple[T, ...]: ...
def concurrently(*tasks: Callable[[], Any]) -> tuple[Any, ...]:
    """Run independent Spark actions side by side: planning and committing one overlaps with computing another."""
    futures = [_threads().submit(task) for task in tasks]
    try:
        wait(futures)
    except BaseException:  # interrupted: what waits must not start once the lake's lease is given up
        for future in futures:
            future.cancel()
        wait(futures)
        raise
    return tuple(future.result() for future in futures)


@contextmanager
def meanwhile(task: Callable[[], object]) -> Iterator[None]:
    """Run a Spark action beside what the block does; the block's end waits for it."""
    future = _threads().submit(task)
    try:
        yield
    finally:
        wait([future])
    future.result()


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that live as long as the process: py4j keeps a connection for each and never closes it.

    A task that waits for two others takes up three of them.
    """
    return ThreadPoolExecutor(max_workers=8)


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep a frame that is used more than once; where the platform cannot, it is computed again."""
    try:
        kept_frame = frame.persist()
    except Exception:  # noqa: BLE001  serverless Spark refuses with an error of its own kind
        yield frame
        return
    try:
        yield kept_frame
    finally:
        kept_frame.unpersist()


def fingerprint(declared: object) -> int:
    """A positive bigint that stands for what a step was told, by its `repr`: the same in every process."""
    digest = hashlib.sha256(repr(declared).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
