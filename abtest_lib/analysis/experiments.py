"""All experiments of a lake, one line each: the latest verdict and the arm that converts best."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, overload

from rich.console import RenderableType
from rich.text import Text

from abtest_lib.analysis.arms import Comparison, make_comparison
from abtest_lib.analysis.display import Displayed, html_table, plain_table
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_TO_DATE, VERDICTS
from abtest_lib.contracts.enums import Decision, Direction, Window
from abtest_lib.contracts.older import complete_row
from abtest_lib.errors import one_line
from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.verdict.control import arm_order
from abtest_lib.verdict.rules import EVERYBODY

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
_COLUMNS = ("decision", "as of", "users", "metric", "arm", "lift", "95 % interval")
_WIDTH_OF_REST = 78
"""Characters that the table takes besides the experiment's name."""
_LONGEST_ARM, _LONGEST_METRIC = 12, 24
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
        metric: The goal that the decision rests on, else the first goal.
        best_arm: The arm with the best observed lift of that metric; None where nothing is compared.
        comparison: That arm against the control, to date.
    """

    name: str
    day: date
    decision: Decision
    reasons: tuple[str, ...]
    explanation: str
    users: int
    metric: str
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
        """Return one row for each experiment: name, day, decision, users, metric, best_arm, lift and its interval."""
        from abtest_lib.analysis.frames import experiments_frame  # noqa: PLC0415  pandas is imported on demand

        return experiments_frame(self.items)

    def _parts(self, width: int) -> Iterator[RenderableType]:
        columns = self._columns
        # A name is never cut: where it leaves no room for the interval, the result of one experiment has that.
        rest = _WIDTH_OF_REST + (max(len(item.metric) for item in self.items) + 3 if "metric" in columns else 0)
        if max((len(item.name) for item in self.items), default=0) + rest > width:
            columns.pop()
        table = plain_table("Verdicts", *columns, right=("users", "lift"))
        for item in self.items:
            cells = {name: Text(cell) for name, cell in _cells(item).items()}
            cells["decision"].stylize(_STYLES[item.decision])
            table.add_row(Text(item.name), *(cells[name] for name in columns))
        yield table

    @property
    def _columns(self) -> list[str]:
        """The columns; the metric is one where a decision rests on another than conversion."""
        has_metrics = any(item.metric != PURCHASE for item in self.items)
        return [name for name in _COLUMNS if has_metrics or name != "metric"]

    def _repr_html_(self) -> str:
        columns = self._columns
        rows = [[item.name, *(_cells(item)[name] for name in columns)] for item in self.items]
        return html_table(["experiment", *columns], rows)


def list_experiments(tables: "ReleasedTables", catalogue: Catalogue) -> ExperimentList:
    """Read the latest verdict of every experiment; an empty list where none was made yet.

    Args:
        tables: The tables of a lake.
        catalogue: Knows in which direction a metric is better.

    Raises:
        LakeError: A table cannot be read.
    """
    verdicts, comparisons, counts = (
        tables.rows_of_latest_verdicts(contract, VERDICTS) for contract in (VERDICTS, COMPARISONS, EXPERIMENT_TO_DATE)
    )
    users: Counter[str] = Counter()
    for row in counts:
        users[row["experiment_name"]] += row["users"]
    verdicts = [complete_row(VERDICTS, row) for row in verdicts]
    metrics = {row["experiment_name"]: row["metric"] for row in verdicts}
    best = best_comparisons(comparisons, metrics, catalogue)
    verdicts.sort(key=lambda row: (_ORDER.index(row["decision"]), row["experiment_name"]))
    return ExperimentList(tuple(_summary(row, best, users) for row in verdicts))


def best_comparisons(
    comparisons: Iterable[Row], metrics: Mapping[str, str], catalogue: Catalogue
) -> dict[str, tuple[str, Comparison | None]]:
    """Find the arm of each experiment with the best observed lift to date.

    Args:
        comparisons: Rows of gold/comparisons.
        metrics: Experiment to the metric on which its decision rests; `purchase` where there is none.
        catalogue: Knows in which direction a metric is better.

    Returns:
        Experiment to the arm and its comparison with the control.
    """

    def gain(row: Row) -> float:
        declared = catalogue.get(row.get("metric", PURCHASE))
        is_down = declared is not None and declared.direction is Direction.DOWN
        lift: float = row["lift"]
        return -lift if is_down else lift

    shown = [row for row in comparisons if _is_shown(row, metrics.get(row["experiment_name"], PURCHASE))]
    # The last one wins: the best lift, and of equal ones the first in order.
    shown.sort(key=lambda row: arm_order(row["variant_id"]), reverse=True)
    shown.sort(key=gain)
    return {row["experiment_name"]: (row["variant_id"], make_comparison(row)) for row in shown}


def _is_shown(row: Row, metric: str) -> bool:
    """Return whether a row is about a metric of all users, to date, with a lift."""
    is_wanted = (row.get("metric", PURCHASE), row.get("segment", EVERYBODY)) == (metric, EVERYBODY)
    return is_wanted and row["window"] == Window.TO_DATE and row["lift"] is not None


def _summary(row: Row, best: dict[str, tuple[str, Comparison | None]], users: Counter[str]) -> ExperimentSummary:
    arm, comparison = best.get(row["experiment_name"], (None, None))
    return ExperimentSummary(
        name=row["experiment_name"],
        day=row["day"],
        decision=Decision(row["decision"]),
        reasons=tuple(row["reasons"]),
        explanation=row["explanation"],
        users=users[row["experiment_name"]],
        metric=row["metric"],
        best_arm=arm,
        comparison=comparison,
    )


def _cells(item: ExperimentSummary) -> dict[str, str]:
    lift, ends = "", ""
    if item.comparison is not None and item.comparison.lift is not None:
        lift = f"{item.comparison.lift:+.1%}"
        interval = item.comparison.lift_interval
        ends = "" if interval is None else f"{interval.lower:+.1%} … {interval.upper:+.1%}"
    arm = one_line(item.best_arm or "", _LONGEST_ARM)
    decision, metric = item.decision.replace("_", " "), one_line(item.metric, _LONGEST_METRIC)
    cells = (decision, str(item.day), f"{item.users:,}", metric, arm, lift, ends)
    return dict(zip(_COLUMNS, cells, strict=True))
