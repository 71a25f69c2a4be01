"""All experiments of a lake, one line each: the latest verdict and the arm that converts best."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, overload

from rich.console import RenderableType
from rich.text import Text

from abtest_lib.analysis.arms import Comparison, make_comparison
from abtest_lib.analysis.display import Displayed, html_table, plain_table
from abtest_lib.analysis.scorecard import of_purchases
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_TO_DATE, VERDICTS
from abtest_lib.contracts.enums import Decision, Window
from abtest_lib.errors import one_line
from abtest_lib.verdict.control import arm_order

if TYPE_CHECKING:
    import pandas as pd

    from abtest_lib.lake.released import ReleasedTables

_STYLES = {
    Decision.SHIP: "bold green",
    Decision.KEEP_CONTROL: "bold",
    Decision.INCONCLUSIVE: "yellow",
    Decision.INVALID: "bold red",
}
_ORDER = list(_STYLES)
_COLUMNS = ("decision", "as of", "users", "arm", "lift", "95 % interval")
_WIDTH_OF_REST = 78
"""Characters that the table takes besides the experiment's name."""
_LONGEST_ARM = 12
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSummary:
    """The latest verdict of one experiment.

    Attributes:
        name: The experiment.
        day: The last day with a verdict.
        decision: What to do.
        reasons: Codes of everything that a reader must know, the heaviest first.
        explanation: One sentence for a person.
        users: Distinct users to date, in all arms.
        best_arm: The arm with the largest observed lift over the control; None where nothing is compared.
        comparison: That arm against the control, to date.
    """

    name: str
    day: date
    decision: Decision
    reasons: tuple[str, ...]
    explanation: str
    users: int
    best_arm: str | None
    comparison: Comparison | None


@dataclass(frozen=True, slots=True, repr=False)
class ExperimentList(Displayed, Sequence[ExperimentSummary]):
    """The experiments of a lake, those to act on first.

    Attributes:
        items: One entry for each experiment.
    """

    items: tuple[ExperimentSummary, ...]

    def __len__(self) -> int:
        """Return the number of experiments."""
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> ExperimentSummary: ...

    @overload
    def __getitem__(self, place: slice) -> "ExperimentList": ...

    def __getitem__(self, place: int | slice) -> "ExperimentSummary | ExperimentList":
        """Return one experiment, or a list of some."""
        return ExperimentList(self.items[place]) if isinstance(place, slice) else self.items[place]

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row for each experiment: name, day, decision, users, best_arm, lift, lift_lower, lift_upper."""
        from abtest_lib.analysis.frames import experiments_frame  # noqa: PLC0415  pandas is imported on demand

        return experiments_frame(self.items)

    def _parts(self, width: int) -> Iterator[RenderableType]:
        columns = list(_COLUMNS)
        # A name is never cut: where it leaves no room for the interval, the result of one experiment has that.
        if max((len(item.name) for item in self.items), default=0) + _WIDTH_OF_REST > width:
            columns.pop()
        table = plain_table("Verdicts", *columns, right=("users", "lift"))
        for item in self.items:
            cells = [Text(cell) for cell in _cells(item)]
            cells[1].stylize(_STYLES[item.decision])
            table.add_row(*cells[: len(columns) + 1])
        yield table

    def _repr_html_(self) -> str:
        return html_table(["experiment", *_COLUMNS], [_cells(item) for item in self.items])


def list_experiments(tables: "ReleasedTables") -> ExperimentList:
    """Read the latest verdict of every experiment; an empty list where none was made yet.

    Raises:
        LakeError: A table cannot be read.
    """
    verdicts, comparisons, counts = (
        tables.rows_of_latest_verdicts(contract, VERDICTS) for contract in (VERDICTS, COMPARISONS, EXPERIMENT_TO_DATE)
    )
    users: Counter[str] = Counter()
    for row in counts:
        users[row["experiment_name"]] += row["users"]
    best = best_comparisons(comparisons)
    verdicts.sort(key=lambda row: (_ORDER.index(row["decision"]), row["experiment_name"]))
    return ExperimentList(tuple(_summary(row, best, users) for row in verdicts))


def best_comparisons(comparisons: Sequence[Row]) -> dict[str, tuple[str, Comparison | None]]:
    """Find the arm of each experiment with the largest observed lift to date.

    Args:
        comparisons: Rows of gold/comparisons.

    Returns:
        Experiment to the arm and its comparison with the control.
    """
    shown = [row for row in of_purchases(comparisons) if row["window"] == Window.TO_DATE and row["lift"] is not None]
    # The last one wins: the largest lift, and of equal ones the first in order.
    shown.sort(key=lambda row: arm_order(row["variant_id"]), reverse=True)
    shown.sort(key=lambda row: row["lift"])
    return {row["experiment_name"]: (row["variant_id"], make_comparison(row)) for row in shown}


def _summary(row: Row, best: dict[str, tuple[str, Comparison | None]], users: Counter[str]) -> ExperimentSummary:
    arm, comparison = best.get(row["experiment_name"], (None, None))
    return ExperimentSummary(
        name=row["experiment_name"],
        day=row["day"],
        decision=Decision(row["decision"]),
        reasons=tuple(row["reasons"]),
        explanation=row["explanation"],
        users=users[row["experiment_name"]],
        best_arm=arm,
        comparison=comparison,
    )


def _cells(item: ExperimentSummary) -> list[str]:
    lift, ends = "", ""
    if item.comparison is not None and item.comparison.lift is not None:
        lift = f"{item.comparison.lift:+.1%}"
        interval = item.comparison.lift_interval
        ends = "" if interval is None else f"{interval.lower:+.1%} … {interval.upper:+.1%}"
    arm = one_line(item.best_arm or "", _LONGEST_ARM)
    return [item.name, item.decision.replace("_", " "), str(item.day), f"{item.users:,}", arm, lift, ends]
