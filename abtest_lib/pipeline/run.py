"""What every step of one pipeline run shares."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from abtest_lib.config import Settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.history import History, StepReport, announce, open_history
from abtest_lib.registry import Registry, load_registry
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.transforms.to_date import Periods


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


@dataclass(frozen=True, slots=True)
class Run:
    """One pipeline run.

    Attributes:
        lake: The lake.
        settings: The settings.
        registry: The declared experiments.
        history: What earlier runs and this one have done.
        run_id: One for all the steps.
        started_at: When the run started, UTC; `ingested_at` of its rows.
        full_refresh: Whether everything after bronze is rebuilt.
        progress: Who is told.
        frames: Frames that several steps use; they are released when the run ends.
    """

    lake: Lake
    settings: Settings
    registry: Registry
    history: History
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    full_refresh: bool = False
    progress: Progress = field(default_factory=Silent)
    frames: FrameCache = field(default_factory=FrameCache)

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
        announce(self.lake, self.settings, self.run_id, self.history, job)
        self.history.succeeded.pop(job, None)  # nor does a run that fails halfway note it again as a success
        return None

    def fallback_fingerprint(self) -> int:
        """A number that changes with the declared fallback variants."""
        return fingerprint(sorted(self.fallback_by_experiment.items()))

    def declarations_fingerprint(self) -> int:
        """A number that changes with the declared fallback variants and periods."""
        return fingerprint([sorted(self.fallback_by_experiment.items()), sorted(self.periods.items())])


def open_run(lake: Lake, settings: Settings, *, full_refresh: bool = False, progress: Progress | None = None) -> Run:
    """Start a run on a lake.

    Raises:
        ConfigError: The lake was built with other settings, or by a newer version.
        RegistryError: The registry is wrong.
    """
    registry = load_registry(settings.registry)
    history = open_history(lake, settings, full_refresh=full_refresh)
    return Run(lake, settings, registry, history, full_refresh=full_refresh, progress=progress or Silent())


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
        with translate_spark_errors(job):
            done = step(run)
    except Exception:
        run.history.add(StepReport(job, started_at, datetime.now(UTC), status="failed"))
        raise
    report = StepReport(job, started_at, datetime.now(UTC), **done)
    run.history.add(report)
    run.progress.finished(report)
    return report


def fingerprint(declared: object) -> int:
    """A positive bigint that stands for what a step was told, by its `repr`: the same in every process."""
    digest = hashlib.sha256(repr(declared).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
