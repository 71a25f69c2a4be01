"""The progress of a run: a spinner on a terminal, structured log lines elsewhere."""

from typing import TextIO

import structlog
from rich.console import Console
from rich.status import Status

from abtest_lib.errors import AbtestError, one_line
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.run import Progress

STEP_TITLES = {
    "ingest_bronze": "validate, deduplicate, quarantine",
    "build_silver": "exposures, purchases, participants",
    "aggregate_gold": "counts by day and to date",
    "aggregate_metrics": "sums of the metrics to date",
    "fit_bayes": "posterior of every arm",
    "decide": "comparisons and verdicts",
    "publish_release": "publish for readers",
}


def progress_for(stream: TextIO) -> Progress:
    """Return the progress display that suits a stream."""
    return TerminalProgress(stream) if stream.isatty() else LoggedProgress(stream)


def say_error(error: AbtestError) -> None:
    """Print an error as one line on standard error."""
    text = _escaped(one_line(error, 1_000))
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {text}", highlight=False)


class TerminalProgress:
    """A spinner while a step runs, a line when it is done."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._status: Status | None = None

    def started(self, job: str) -> None:
        """Show the step that runs."""
        self._status = self._console.status(f"{job}: {STEP_TITLES.get(job, '')}")
        self._status.start()

    def finished(self, report: StepReport) -> None:
        """Show the result of a step."""
        if self._status is not None:
            self._status.stop()
        rows = f"{report.rows_written:>11,} {_rows(report)}" if report.rows_written else f"{'unchanged':>16}"
        title = STEP_TITLES.get(report.job, "")
        self._console.print(
            f"[green]✓[/] {report.job:<16} [dim]{title:<35}[/]{rows} {report.seconds:>6.1f} s", highlight=False
        )
        for notice in report.notices:
            self._console.print(f"  [yellow]note:[/] {_escaped(notice)}", highlight=False)


class LoggedProgress:
    """One line of key=value pairs for each event."""

    def __init__(self, stream: TextIO) -> None:
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.add_log_level,
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
            ],
        )

    def started(self, job: str) -> None:
        """Log the start of a step."""
        self._log.info("step started", job=job)

    def finished(self, report: StepReport) -> None:
        """Log the end of a step."""
        self._log.info(
            "step finished",
            job=report.job,
            seconds=round(report.seconds, 1),
            rows_read=report.rows_read,
            rows_written=report.rows_written,
            duplicates=report.duplicates,
            quarantined=report.rows_quarantined,
            forgotten=report.rows_forgotten,
        )
        for notice in report.notices:
            self._log.warning(notice, job=report.job)


def _rows(report: StepReport) -> str:
    return "row " if report.rows_written == 1 else "rows"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
