"""The state that all steps of one pipeline run share."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS
from abtest_lib.lake.lake import Lake
from abtest_lib.metrics import Catalogue, load_catalogue
from abtest_lib.pipeline.changed_columns import check_stored_types, notices_of_changes
from abtest_lib.pipeline.history import History, StepReport, announce, open_history
from abtest_lib.registry import Registry, load_registry
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.to_date import Periods


class Progress(Protocol):
    """Shows the progress of a run."""

    def started(self, job: str) -> None:
        """Show that a step has started."""

    def finished(self, report: StepReport) -> None:
        """Show that a step is done."""


class NoProgress:
    """Shows no progress."""

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
        history: The last success of each step, and the reports of this run.
        run_id: The id of the run, the same for all steps.
        started_at: When the run started, UTC; `ingested_at` of its rows.
        full_refresh: Whether everything after bronze is rebuilt.
        progress: Shows the progress.
        frames: Frames that several steps use; they are released when the run ends.
        catalogue: The declared metrics.
        notices: Sentences for a person about the lake; the first step reports them.
    """

    lake: Lake
    settings: Settings
    registry: Registry
    history: History
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    full_refresh: bool = False
    progress: Progress = field(default_factory=NoProgress)
    frames: FrameCache = field(default_factory=FrameCache)
    catalogue: Catalogue = field(default_factory=Catalogue)
    notices: tuple[str, ...] = ()

    @property
    def latest_event(self) -> datetime | None:
        """The latest instant that an event of this run may have; None where the settings set no limit."""
        tolerance = self.settings.future_tolerance
        return None if tolerance is None else self.started_at + tolerance

    @property
    def periods(self) -> Periods:
        """The declared period starts of every registered experiment that has some."""
        return {name: item.period_starts for name, item in self.registry.experiments.items() if item.period_starts}

    @property
    def fallback_by_experiment(self) -> Mapping[str, tuple[str, ...]]:
        """The fallback variants that the registry declares for single experiments."""
        declared = {name: item.fallback_variants for name, item in self.registry.experiments.items()}
        return {name: variants for name, variants in declared.items() if variants}

    def last_success(self, step: str, declared: str, inputs: Mapping[str, int]) -> StepReport | None:
        """Return the last success of a step if it had the same declarations.

        With others the tables change their meaning. That is noted first: if this run dies halfway, the next one
        rebuilds them, whatever is declared then.

        Args:
            step: The name of the step.
            declared: The name in `inputs` of the fingerprint of its declarations.
            inputs: The inputs of this run.

        Returns:
            The report of that success; None if the tables must be rebuilt.
        """
        last = self.history.last(step)
        if last is None or last.input_versions.get(declared) == inputs[declared]:
            return last
        announce(self.lake, self.settings, self.run_id, self.history, step)
        self.history.succeeded.pop(step, None)  # a run that fails halfway must not note it again as a success
        return None

    def fallback_fingerprint(self) -> int:
        """Return a number that changes with the declared fallback variants."""
        return fingerprint(sorted(self.fallback_by_experiment.items()))


def open_run(lake: Lake, settings: Settings, *, full_refresh: bool = False, progress: Progress | None = None) -> Run:
    """Start a run on a lake.

    Raises:
        ConfigError: The lake was built with other settings, or by a newer version, or stores an event column
            with another type.
        MetricError: The metric catalogue is wrong.
        RegistryError: The registry is wrong, or names a metric that the catalogue does not have.
    """
    catalogue = load_catalogue(settings)
    registry = load_registry(settings.registry, catalogue)
    history = open_history(lake, settings, full_refresh=full_refresh)
    has_columns = full_refresh or bool(settings.event_columns)
    stored = lake[EVENTS].stored_types() if has_columns else {}
    check_stored_types(lake, settings.event_columns, stored)
    return Run(
        lake.with_event_columns(settings.event_columns),
        settings,
        registry,
        history,
        full_refresh=full_refresh,
        progress=progress or NoProgress(),
        catalogue=catalogue,
        notices=notices_of_changes(settings.event_columns, stored) if full_refresh else (),
    )


def fingerprint(declared: object) -> int:
    """Return a positive bigint for the declarations of a step, from their `repr`: the same in every process."""
    digest = hashlib.sha256(repr(declared).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
