"""The latest verdict of every experiment, as a table for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from abtest_cli.tables import plain_table
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_TO_DATE, VERDICTS
from abtest_lib.contracts.enums import Decision, Window
from abtest_lib.errors import one_line
from abtest_lib.lake.reader import latest_by_experiment, open_table
from abtest_lib.verdict.control import arm_order

_DECISIONS = {
    Decision.SHIP: "[bold green]ship[/]",
    Decision.KEEP_CONTROL: "[bold]keep control[/]",
    Decision.INCONCLUSIVE: "[yellow]inconclusive[/]",
    Decision.INVALID: "[bold red]invalid[/]",
}
_ORDER = list(_DECISIONS)
_WIDTH_OF_REST = 78
"""Characters that the verdict table takes beside the experiment's name."""
_LONGEST_ARM = 12
_ONE_ARM = "too_few_arms"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The latest verdict of every experiment, with the numbers that are shown of it.

    Attributes:
        rows: Rows of gold/verdicts, those to act on first.
        lifts: Experiment to the arm that converts best besides the control, its lift and the interval of that.
        users: Experiment to its users to date.
    """

    rows: Sequence[Row]
    lifts: dict[str, tuple[str, str, str]]
    users: dict[str, int]


def read_latest(lake: str) -> Verdicts:
    """Read the latest verdict of every experiment; nothing where none was made yet."""
    verdicts, comparisons, to_date = (open_table(item, lake) for item in (VERDICTS, COMPARISONS, EXPERIMENT_TO_DATE))
    if verdicts is None:
        return Verdicts((), {}, {})
    rows = latest_by_experiment(verdicts, verdicts)
    rows.sort(key=lambda row: (_ORDER.index(row["decision"]), row["experiment_name"]))
    compared = [] if comparisons is None else latest_by_experiment(comparisons, verdicts)
    counted = [] if to_date is None else latest_by_experiment(to_date, verdicts)
    users: dict[str, int] = {}
    for row in counted:
        users[row["experiment_name"]] = users.get(row["experiment_name"], 0) + row["users"]
    return Verdicts(rows, _lifts(compared), users)


def print_verdicts(console: Console, verdicts: Verdicts, lake: str, most: int | None) -> None:
    """Print the verdicts, the sentences of those that are decided or not valid, and where to see more.

    Args:
        console: Where to.
        verdicts: What `read_latest` gives.
        lake: The location of the lake.
        most: At most so many rows; the others are counted in a line.
    """
    if not verdicts.rows:
        return
    shown = verdicts.rows[:most]
    console.print(_table(shown, verdicts, console.width))
    if len(shown) < len(verdicts.rows):
        hidden = len(verdicts.rows) - len(shown)
        console.print(f"[bold]{hidden:,} more:[/] abtest results --lake {lake} lists all of them", highlight=False)
    alone = [escape(row["experiment_name"]) for row in shown if _ONE_ARM in row["reasons"]]
    for row in shown:
        if row["decision"] != Decision.INCONCLUSIVE and _ONE_ARM not in row["reasons"]:
            console.print(f"[bold]{escape(row['experiment_name'])}[/]: {escape(row['explanation'])}", highlight=False)
    if alone:
        console.print(f"[bold]Fewer than two arms, so nothing to compare:[/] {', '.join(alone)}.", highlight=False)
    console.print(f"[dim]abtest results EXPERIMENT --lake {lake} shows one of them[/]", highlight=False)


def _table(rows: Sequence[Row], verdicts: Verdicts, width: int) -> Table:
    columns = ["decision", "as of", "users", "arm", "lift", "95 % interval"]
    # A name is never cut: where it leaves no room for the interval, `abtest results` has that.
    longest = max(len(row["experiment_name"]) for row in rows)
    if longest + _WIDTH_OF_REST > width:
        columns.pop()
    table = plain_table("Verdicts", *columns, right=("users", "lift"))
    for row in rows:
        name = row["experiment_name"]
        lift = verdicts.lifts.get(name, ("", "", ""))
        cells = [_DECISIONS[row["decision"]], str(row["day"]), f"{verdicts.users.get(name, 0):,}", *lift]
        table.add_row(escape(name), *cells[: len(columns)])
    return table


def _lifts(comparisons: Sequence[Row]) -> dict[str, tuple[str, str, str]]:
    shown = [row for row in comparisons if row["window"] == Window.TO_DATE and row["lift"] is not None]
    # The last one wins: the largest lift, and of equal ones the first in order.
    shown.sort(key=lambda row: arm_order(row["variant_id"]), reverse=True)
    shown.sort(key=lambda row: row["lift"])
    return {
        row["experiment_name"]: (
            escape(one_line(row["variant_id"], _LONGEST_ARM)),
            f"{row['lift']:+.1%}",
            _range(row["lift_lower"], row["lift_upper"]),
        )
        for row in shown
    }


def _range(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{lower:+.1%} … {upper:+.1%}"
