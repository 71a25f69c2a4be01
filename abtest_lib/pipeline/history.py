"""The history of a lake: the settings that its tables depend on, and the last success of each step."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from abtest_lib import __version__
from abtest_lib.config import Settings
from abtest_lib.contracts import CONTRACT_VERSION, FORGOTTEN, RUNS
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import Lake
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.transforms.forgotten import Forgotten

SUCCEEDED, FAILED, STARTED = "succeeded", "failed", "started"
_STEPS = "steps"
_BEFORE_IT_EXISTED = {"normalize_ids": "false", "event_columns": "{}"}
"""The values of settings that lakes of older versions do not store."""

FULL_REFRESH = "full_refresh"


@dataclass(frozen=True, slots=True)
class StepReport:
    """The report of one step.

    Attributes:
        job: The step's name.
        started_at: When it started, UTC.
        finished_at: When it was done, UTC.
        rows_read: Rows that it read as its new input.
        rows_written: Rows that it added or changed.
        rows_quarantined: Rows that it added to quarantine.
        duplicates: Rows that were there already.
        rows_forgotten: Rows left out because they are of people forgotten.
        input_versions: Table to the Delta version that it has consumed.
        output_versions: Table to the Delta version that it left behind.
        status: `succeeded`, `failed` or `started`.
        quarantined_by_rule: Rule to the rows of this run that broke it, the most broken rule first.
        examples: Rule to an offending value with its place.
        notices: Sentences for a person.
        ends_run: Whether the steps that follow had nothing to work on.
    """

    job: str
    started_at: datetime
    finished_at: datetime
    rows_read: int = 0
    rows_written: int = 0
    rows_quarantined: int = 0
    duplicates: int = 0
    rows_forgotten: int = 0
    input_versions: Mapping[str, int] = field(default_factory=dict)
    output_versions: Mapping[str, int] = field(default_factory=dict)
    status: str = SUCCEEDED
    quarantined_by_rule: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    ends_run: bool = False

    @property
    def seconds(self) -> float:
        """The duration of the step."""
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(slots=True)
class History:
    """The last success of each step whose tables can be extended.

    Attributes:
        succeeded: Step to its last report; steps whose tables must be rebuilt are absent.
        unwritten: Reports of this run that ops/runs does not have yet.
    """

    succeeded: dict[str, StepReport] = field(default_factory=dict)
    unwritten: list[StepReport] = field(default_factory=list)

    def last(self, job: str) -> StepReport | None:
        """Return the last success of a step, or None if its tables must be rebuilt."""
        return self.succeeded.get(job)

    def without(self, job: str) -> "History":
        """Return the history without the last success of a step, or of all steps for FULL_REFRESH."""
        return History({name: last for name, last in self.succeeded.items() if job not in (name, FULL_REFRESH)})

    def add(self, report: StepReport) -> None:
        """Add the report of a step of this run."""
        self.unwritten.append(report)
        if report.status == SUCCEEDED:
            self.succeeded[report.job] = report


def open_history(lake: Lake, settings: Settings, *, full_refresh: bool) -> History:
    """Read the history of a lake, and compare its settings with this run's.

    Args:
        lake: The lake.
        settings: This run's settings.
        full_refresh: Whether the run rebuilds everything and so may change the settings.

    Returns:
        The history; empty for a new lake and for a full refresh.

    Raises:
        ConfigError: The lake was built with other settings, or by a newer version.
    """
    note = lake[RUNS].last_note()
    if note is None:
        return History()
    remembered = json.loads(note)
    _check_version(remembered, lake)
    if full_refresh:
        return History()
    _check_settings(remembered, settings.table_settings(), lake)
    return History({job: _from_note(job, **last) for job, last in remembered.get(_STEPS, {}).items()})


def adopt_settings(lake: Lake, settings: Settings) -> Settings:
    """Return this run's settings, with the lake's own values of those that its tables depend on.

    Args:
        lake: The lake.
        settings: This run's settings.

    Returns:
        The settings; unchanged if nothing was built yet.

    Raises:
        ConfigError: The lake was written by a newer version.
    """
    note = lake[RUNS].last_note()
    if note is None:
        return settings
    remembered = json.loads(note)
    _check_version(remembered, lake)
    stored = {name: value for name, value in remembered.items() if isinstance(value, str)}
    return settings.with_table_settings(stored)


def write_history(lake: Lake, settings: Settings, run_id: str, history: History) -> None:
    """Append this run's reports to ops/runs, in one commit.

    Its note holds the settings, and the versions that each step's last success read and wrote: the next run then needs
    no query to know where to continue.
    """
    if not history.unwritten:
        return
    steps = {job: _as_note(report) for job, report in history.succeeded.items()}
    note = json.dumps({**settings.table_settings(), _STEPS: steps})
    rows = [_as_row(report, run_id, settings.config_hash(), __version__) for report in history.unwritten]
    lake[RUNS].append(literal_rows(lake.session, rows, RUNS.types), note=note)
    history.unwritten.clear()


def announce(lake: Lake, settings: Settings, run_id: str, history: History, job: str) -> None:
    """Write a note that a rebuild of tables starts, so that a crash halfway cannot leave a mixed lake behind.

    Earlier successes of the step no longer count: if this run dies, the next one rebuilds these tables, whatever its
    settings and declarations are.

    Args:
        lake: The lake.
        settings: This run's settings.
        run_id: This run.
        history: The reports of the steps so far.
        job: The step that writes these tables; FULL_REFRESH for all of them.
    """
    if lake[RUNS].last_note() is None:
        return
    now = datetime.now(UTC)
    marker = history.without(job)
    marker.unwritten.append(StepReport(job, now, now, status=STARTED))
    write_history(lake, settings, run_id, marker)


def forgotten_people(lake: Lake) -> Forgotten | None:
    """Return who was forgotten in a lake; None if nobody was."""
    if not lake[FORGOTTEN].exists:
        return None
    rows = lake[FORGOTTEN].read().collect()
    return Forgotten(rows[0]["salt"], {row["user_hash"] for row in rows}) if rows else None


def _check_version(remembered: Mapping[str, Any], lake: Lake) -> None:
    version = int(remembered.get("contract_version", CONTRACT_VERSION))
    if version > CONTRACT_VERSION:
        raise ConfigError(
            f"lake {lake} was written by a newer version of the suite (contract {version}): "
            f"this one reads up to contract {CONTRACT_VERSION}; upgrade it"
        )


def _check_settings(remembered: Mapping[str, Any], current: Mapping[str, str], lake: Lake) -> None:
    for name, value in current.items():
        if name == "contract_version":
            continue  # the ordinary run brings the tables of an older version up to date
        stored = remembered.get(name, _BEFORE_IT_EXISTED.get(name))
        if stored != value:
            raise ConfigError(
                f"lake {lake} was built with {name} = {stored}, this run has {value}: keep the lake's, "
                f"e.g. by ABTEST_{name.upper()}={_in_environment(stored)}, or rebuild its tables with --full-refresh"
            )


def _in_environment(value: str | None) -> str:
    """Write a stored setting as the value of an environment variable, quoted for the shell where necessary."""
    listed = json.loads(value) if value is not None and value.startswith("[") else [value]
    return shlex.quote(",".join(map(str, listed)))


def _as_row(report: StepReport, run_id: str, config_hash: str, code_version: str) -> tuple[Any, ...]:
    return (
        run_id,
        report.job,
        report.status,
        report.started_at,
        report.finished_at,
        report.rows_read,
        report.rows_written,
        report.rows_quarantined,
        report.duplicates,
        dict(report.input_versions),
        dict(report.output_versions),
        config_hash,
        code_version,
        report.rows_forgotten,
    )


def _as_note(report: StepReport) -> dict[str, Any]:
    return {
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "input_versions": dict(report.input_versions),
        "output_versions": dict(report.output_versions),
    }


def _from_note(
    job: str, started_at: str, finished_at: str, input_versions: Mapping[str, int], output_versions: Mapping[str, int]
) -> StepReport:
    began, ended = datetime.fromisoformat(started_at), datetime.fromisoformat(finished_at)
    return StepReport(job, began, ended, input_versions=input_versions, output_versions=output_versions)
