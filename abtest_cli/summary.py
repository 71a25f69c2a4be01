"""The summary that a run prints at its end."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from abtest_cli.verdict_table import print_verdicts
from abtest_lib.analysis.display import plain_table
from abtest_lib.analysis.lake_results import open_lake
from abtest_lib.contracts import ALL_TABLES
from abtest_lib.lake.reader import count_rows, open_table
from abtest_lib.pipeline.history import StepReport
from abtest_lib.transforms.rules import rule_named

_MOST_VERDICTS = 40
_MOST = 0.5
"""The share of rejected rows above which the summary starts with them."""


def print_summary(lake: str, reports: Sequence[StepReport], seconds: float) -> None:
    """Print the fate of the events, the size of the tables, and the verdicts.

    Args:
        lake: The lake.
        reports: One per step of the run.
        seconds: How long the run took, session start included.
    """
    console = Console(width=None)
    ingest = next((report for report in reports if report.job == "ingest_bronze"), None)
    if ingest is not None:
        if ingest.rows_quarantined > _MOST * ingest.rows_read:
            console.print(_alarm(ingest), highlight=False)
        console.print(_events(ingest))
    console.print(_tables(lake))
    print_verdicts(console, open_lake(lake).experiments(), lake, _MOST_VERDICTS)
    console.print(f"[dim]{lake} · {seconds:.1f} s in all[/]", highlight=False)


def _alarm(ingest: StepReport) -> str:
    """Return a message that most rows were rejected, why, and what to do."""
    rule = next(iter(ingest.quarantined_by_rule), "")
    example = ingest.examples.get(rule)
    said = f"{ingest.rows_quarantined:,} of {ingest.rows_read:,} rows were rejected: {_meaning(rule) or rule}"
    shown = f", such as {escape(example)}" if example else ""
    todo = "Fix the export and run it again; the rejected rows are kept in quarantine/events."
    return f"[bold red]{said}{shown}.[/] {todo}"


def _meaning(name: str) -> str:
    rule = rule_named(name)
    return "" if rule is None else rule.meaning


def _events(report: StepReport) -> Table:
    table = plain_table("Events", "rows", right=("rows",))
    read = max(report.rows_read, 1)
    for name, rows in (
        ("read", report.rows_read),
        ("new", report.rows_written),
        ("duplicates", report.duplicates),
        ("quarantined", report.rows_quarantined),
        ("forgotten", report.rows_forgotten),
    ):
        if name == "forgotten" and not rows:
            continue
        table.add_row(name, f"{rows:,}", f"[dim]{rows / read:.1%}[/]" if name != "read" else "")
    for rule, rows in report.quarantined_by_rule.items():
        example = report.examples.get(rule)
        meaning = _meaning(rule) + (f", e.g. {escape(example)}" if example else "")
        table.add_row(f"  [dim]{rule}[/]", f"[dim]{rows:,}[/]", f"[dim]{meaning}[/]")
    return table


def _tables(lake: str) -> Table:
    table = plain_table("Tables", "rows", "one row is a", right=("rows",))
    for contract in ALL_TABLES:
        opened = open_table(contract, lake)
        if opened is not None and contract.layer != "ops":
            table.add_row(contract.full_name, f"{count_rows(opened):,}", f"[dim]{contract.grain}[/]")
    return table
