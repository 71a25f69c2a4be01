"""What a lake remembers: the settings that its tables depend on, and what each step last did."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.config import Settings
from abtest_lib.contracts import CONTRACT_VERSION, FORGOTTEN, RUNS
from abtest_lib.errors import ConfigError
from abtest_lib.spark.literal import literal_rows
from abtest_lib.spark.log import last_commit, last_note
from abtest_lib.spark.tables import append, read_table
from abtest_lib.transforms.forgotten import Forgotten

SUCCEEDED, FAILED, STARTED = "succeeded", "failed", "started"
FULL_REFRESH = "full_refresh"


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did.

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
        quarantined_by_rule: Rule to the rows of this run that broke it.
        notices: Sentences for a person.
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
    notices: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the step took."""
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(slots=True)
class History:
    """The last success of each step, as far as it may be built upon.

    Attributes:
        succeeded: Step to its last report; steps whose tables must be rebuilt are absent.
        unwritten: Reports of this run that ops/runs does not hold yet.
    """

    succeeded: dict[str, StepReport] = field(default_factory=dict)
    unwritten: list[StepReport] = field(default_factory=list)

    def last(self, job: str) -> StepReport | None:
        """The last success of a step, or None when its tables must be built anew."""
        return self.succeeded.get(job)

    def add(self, report: StepReport) -> None:
        """Take in what a step of this run did."""
        self.unwritten.append(report)
        if report.status == SUCCEEDED:
            self.succeeded[report.job] = report


def open_history(spark: SparkSession, settings: Settings, lake: str, *, full_refresh: bool) -> History:
    """Read what the lake remembers, and hold it against this run's settings.

    Args:
        spark: The session.
        settings: This run's settings.
        lake: The lake's directory or object-store prefix.
        full_refresh: Whether the run rebuilds everything, and may so change the settings.

    Returns:
        The history; empty for a new lake and for a full refresh.

    Raises:
        ConfigError: The lake was built with other settings, or by a newer version.
    """
    note = last_note(spark, RUNS, lake)
    if note is None:
        return History()
    remembered = json.loads(note)
    _check_version(remembered, lake)
    if full_refresh:
        return History()
    _check_settings(remembered, settings.table_settings(), lake)
    return History(_last_successes(spark, lake, settings.config_hash()))


def write_history(
    spark: SparkSession, settings: Settings, lake: str, run_id: str, code_version: str, history: History
) -> None:
    """Append this run's reports to ops/runs, in one commit that also carries the settings."""
    if not history.unwritten:
        return
    rows = [_as_row(report, run_id, settings.config_hash(), code_version) for report in history.unwritten]
    append(literal_rows(spark, rows, RUNS.types), RUNS, lake, note=json.dumps(settings.table_settings()))
    history.unwritten.clear()


def announce(spark: SparkSession, settings: Settings, lake: str, run_id: str, code_version: str, job: str) -> None:
    """Note that tables are about to be rebuilt, so that a crash halfway cannot leave a mixed lake behind.

    What the step succeeded in before counts no more: if this run dies, the next one builds these tables anew, whatever
    its settings and declarations are.

    Args:
        spark: The session.
        settings: This run's settings.
        lake: The lake's directory or object-store prefix.
        run_id: This run.
        code_version: The suite's version.
        job: The step whose tables they are; FULL_REFRESH for all of them.
    """
    if last_note(spark, RUNS, lake) is None:
        return
    now = datetime.now(UTC)
    marker = History(unwritten=[StepReport(job, now, now, status=STARTED)])
    write_history(spark, settings, lake, run_id, code_version, marker)


def forgotten_people(spark: SparkSession, lake: str) -> Forgotten | None:
    """Who was forgotten in a lake; None when nobody was."""
    if last_commit(spark, FORGOTTEN, lake) is None:
        return None
    rows = read_table(spark, FORGOTTEN, lake).collect()
    return Forgotten(rows[0]["salt"], {row["user_hash"] for row in rows}) if rows else None


def _check_version(remembered: Mapping[str, str], lake: str) -> None:
    version = int(remembered.get("contract_version", CONTRACT_VERSION))
    if version > CONTRACT_VERSION:
        raise ConfigError(
            f"lake {lake} was written by a newer version of the suite (contract {version}): "
            f"this one reads up to contract {CONTRACT_VERSION}; upgrade it"
        )


def _check_settings(remembered: Mapping[str, str], current: Mapping[str, str], lake: str) -> None:
    for name, value in current.items():
        if remembered.get(name) != value:
            raise ConfigError(
                f"lake {lake} was built with {name} = {remembered.get(name)}, this run has {value}: "
                "keep the lake's setting, or rebuild its tables with --full-refresh"
            )


def _last_successes(spark: SparkSession, lake: str, config_hash: str) -> dict[str, StepReport]:
    is_usable = (F.col("status") == SUCCEEDED) & (F.col("config_hash") == config_hash)
    latest = F.max_by(F.struct("*"), F.when(is_usable, F.col("finished_at"))).alias("latest")
    announced_at = F.max(F.when(F.col("status") == STARTED, F.col("started_at"))).alias("announced_at")
    by_job = {
        row["job"]: row for row in read_table(spark, RUNS, lake).groupBy("job").agg(latest, announced_at).collect()
    }

    def is_over(job: str, moment: datetime) -> bool:
        """Whether the tables of a step were to be built anew after this moment."""
        announced = [by_job[name]["announced_at"] for name in (job, FULL_REFRESH) if name in by_job]
        return any(moment < at for at in announced if at is not None)

    successes = {job: row["latest"] for job, row in by_job.items() if row["latest"] is not None}
    return {job: _as_report(row.asDict()) for job, row in successes.items() if not is_over(job, row["finished_at"])}


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


def _as_report(row: Mapping[str, Any]) -> StepReport:
    names = ("job", "started_at", "finished_at", "rows_read", "rows_written", "rows_quarantined", "duplicates")
    return StepReport(
        **{name: row[name] for name in names},
        input_versions=dict(row["input_versions"]),
        output_versions=dict(row["output_versions"]),
        status=row["status"],
    )
