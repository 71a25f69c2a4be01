"""What a person sees when a run is done."""

from collections.abc import Sequence
from datetime import date

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from abtest_lib.contracts import ALL_TABLES, COMPARISONS, EXPERIMENT_TO_DATE, VERDICTS
from abtest_lib.errors import one_line
from abtest_lib.lake.reader import count_rows, latest_day, open_table, rows_of_day
from abtest_lib.pipeline.history import StepReport
from abtest_lib.transforms.rules import RULES
from abtest_lib.verdict.control import arm_order

_DECISIONS = {
    "ship": "[bold green]ship[/]",
    "keep_control": "[bold]keep control[/]",
    "inconclusive": "[yellow]inconclusive[/]",
    "invalid": "[bold red]invalid[/]",
}
_ORDER = list(_DECISIONS)
_WIDTH_OF_REST = 66
"""Characters that the verdict table takes beside the experiment's name."""
_LONGEST_ARM = 12
_ONE_ARM = "too_few_arms"


def print_summary(lake: str, reports: Sequence[StepReport], seconds: float) -> None:
    """Print what became of the events, how big the tables are, and the verdicts.

    Args:
        lake: The lake.
        reports: One per step of the run.
        seconds: How long the run took, session start included.
    """
    console = Console(width=None)
    ingest = next((report for report in reports if report.job == "ingest_bronze"), None)
    if ingest is not None:
        console.print(_events(ingest))
    console.print(_tables(lake))
    _print_verdicts(console, lake)
    console.print(f"[dim]{lake} · {seconds:.1f} s in all[/]", highlight=False)


def _events(report: StepReport) -> Table:
    table = _plain_table("Events", "rows", right=("rows",))
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
    meanings = {rule.name: rule.meaning for rule in RULES}
    for rule, rows in report.quarantined_by_rule.items():
        table.add_row(f"  [dim]{rule}[/]", f"[dim]{rows:,}[/]", f"[dim]{meanings.get(rule, '')}[/]")
    return table


def _tables(lake: str) -> Table:
    table = _plain_table("Tables", "rows", "one row is a", right=("rows",))
    for contract in ALL_TABLES:
        opened = open_table(contract, lake)
        if opened is not None and contract.layer != "ops":
            table.add_row(contract.full_name, f"{count_rows(opened):,}", f"[dim]{contract.grain}[/]")
    return table


def _print_verdicts(console: Console, lake: str) -> None:
    verdicts = open_table(VERDICTS, lake)
    day = None if verdicts is None else latest_day(verdicts)
    if verdicts is None or day is None:
        return
    rows = sorted(rows_of_day(verdicts, day), key=lambda row: (_ORDER.index(row["decision"]), row["experiment_name"]))
    lifts, people = _lifts(lake, day), _people(lake, day)
    columns = ["decision", "users", "arm", "lift", "95 % interval"]
    # A name is never cut: where it leaves no room for the interval, `abtest results` has that.
    longest = max((len(row["experiment_name"]) for row in rows), default=0)
    if longest + _WIDTH_OF_REST > console.width:
        columns.pop()
    table = _plain_table(f"Verdicts on {day}", *columns, right=("users", "lift"))
    for row in rows:
        name = row["experiment_name"]
        cells = [_DECISIONS[row["decision"]], f"{people.get(name, 0):,}", *lifts.get(name, ("", "", ""))]
        table.add_row(escape(name), *cells[: len(columns)])
    console.print(table)
    alone = [escape(row["experiment_name"]) for row in rows if _ONE_ARM in row["reasons"]]
    for row in rows:
        if row["decision"] != "inconclusive" and _ONE_ARM not in row["reasons"]:
            console.print(f"[bold]{escape(row['experiment_name'])}[/]: {escape(row['explanation'])}", highlight=False)
    if alone:
        console.print(f"[bold]Fewer than two arms, so nothing to compare:[/] {', '.join(alone)}.", highlight=False)
    console.print(f"[dim]abtest results EXPERIMENT --lake {lake} tells the rest[/]", highlight=False)


def _lifts(lake: str, day: date) -> dict[str, tuple[str, str, str]]:
    """Experiment to the arm that converts best beside the control, its lift and the interval of that."""
    comparisons = open_table(COMPARISONS, lake)
    rows = [] if comparisons is None else rows_of_day(comparisons, day)
    shown = [row for row in rows if row["window"] == "to_date" and row["lift"] is not None]
    # The last one wins: the largest lift, and of equal ones the first in order.
    shown.sort(key=lambda row: arm_order(row["variant_id"]), reverse=True)
    shown.sort(key=lambda row: row["lift"])
    return {
        row["experiment_name"]: (
            escape(one_line(row["variant_id"], _LONGEST_ARM)),
            _percent(row["lift"]),
            _range(row["lift_lower"], row["lift_upper"]),
        )
        for row in shown
    }


def _people(lake: str, day: date) -> dict[str, int]:
    to_date = open_table(EXPERIMENT_TO_DATE, lake)
    people: dict[str, int] = {}
    for row in [] if to_date is None else rows_of_day(to_date, day):
        people[row["experiment_name"]] = people.get(row["experiment_name"], 0) + row["users"]
    return people


def _percent(ratio: float) -> str:
    return f"{ratio:+.1%}"


def _range(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{lower:+.1%} … {upper:+.1%}"


def _plain_table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    if len(columns) == 1:
        table.add_column("")
    return table
