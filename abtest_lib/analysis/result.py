"""One experiment on one day: the verdict and its arms, as a lake has them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from abtest_lib.analysis.arms import Arm, find_arm, make_arms, number_of
from abtest_lib.analysis.arms_table import arms_html, arms_table, fit_columns, legend
from abtest_lib.analysis.display import Displayed, html_line, html_small_print, line, small_print
from abtest_lib.analysis.names import choose_day
from abtest_lib.analysis.scorecard import MetricResult, has_own_metrics, make_metrics, of_purchases
from abtest_lib.analysis.scorecard_table import (
    NOTE,
    scorecard_html,
    scorecard_table,
    segment_notes,
    segments_html,
    segments_table,
)
from abtest_lib.contracts import COMPARISONS, POSTERIORS, VERDICTS
from abtest_lib.contracts.enums import Decision, Window
from abtest_lib.contracts.older import complete_row
from abtest_lib.errors import UsageError, one_line
from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.verdict.control import arm_order
from abtest_lib.verdict.rules import EVERYBODY

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

    from abtest_lib.lake.released import Release, ReleasedTables

_COVERED = {Window.TO_DATE: "to date", Window.DAY: "that day alone"}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is concluded of an experiment as of a day.

    Attributes:
        decision: What to do: `ship`, `keep_control`, `inconclusive` or `invalid`; the only thing to act on.
        reasons: Codes of everything that a reader must know, the heaviest first; docs/verdict.md explains each.
        explanation: One sentence for a person.
        is_valid: Whether the numbers may be believed.
        winner: The arm that is most probably best; descriptive.
        decided_on: The day of the first decision, which stays; None where there is none.
        control: The arm that the others are compared with.
        srm_p_value: p-value of the sample-ratio test; None where it was not made.
        information_fraction: Share of the planned users or days that has passed, a proportion; None without a plan.
        metric: The goal that the decision rests on, else the first goal.
    """

    decision: Decision
    reasons: tuple[str, ...]
    explanation: str
    is_valid: bool
    winner: str | None
    decided_on: date | None
    control: str | None
    srm_p_value: float | None
    information_fraction: float | None
    metric: str = PURCHASE


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExperimentResult(Displayed):
    """The result of one experiment as of one day.

    Attributes:
        experiment: The experiment.
        day: The as-of day.
        window: What arms cover: `to_date`, the period so far, or `day`, that day alone.
        verdict: What is concluded, always to date; None where nothing was judged.
        arms: The arms, in order of their ids.
        fit: How the posteriors were computed: engine, prior, version; empty without any.
        prior: The name of the prior; None without posteriors.
        release: The release that was read; None where the lake has none.
        metrics: Every metric of every arm against the control, to date: goals first, then guardrails, then others.
        segments: The same by segment; segments describe, they never decide.
    """

    experiment: str
    day: date
    window: Window
    verdict: Verdict | None
    arms: tuple[Arm, ...]
    fit: str
    prior: str | None
    release: "Release | None"
    metrics: tuple[MetricResult, ...] = ()
    segments: tuple[MetricResult, ...] = ()

    @property
    def decision(self) -> Decision | None:
        """What to do; None where nothing was judged."""
        return None if self.verdict is None else self.verdict.decision

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of everything that a reader must know, the heaviest first."""
        return () if self.verdict is None else self.verdict.reasons

    @property
    def explanation(self) -> str:
        """One sentence for a person; empty where nothing was judged."""
        return "" if self.verdict is None else self.verdict.explanation

    @property
    def control(self) -> Arm | None:
        """The arm that the others are compared with; None where it is missing."""
        return next((arm for arm in self.arms if arm.is_control), None)

    def __getitem__(self, arm_id: str) -> Arm:
        """Return one arm.

        Raises:
            UsageError: The experiment has no such arm.
        """
        return find_arm(self.arms, arm_id)

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row for each arm; columns are named as in gold/posteriors and gold/comparisons."""
        from abtest_lib.analysis.frames import arms_frame  # noqa: PLC0415  pandas is imported on demand

        return arms_frame(self.arms)

    def plot(self, kind: str = "conversion") -> "Figure":
        """Draw the posterior of each arm's conversion, or of its lift over the control.

        Args:
            kind: `conversion` or `lift`.

        Raises:
            UsageError: There is no such kind, or nothing to draw.
        """
        from abtest_lib.analysis.figures import posterior_plot  # noqa: PLC0415  plotly is imported on demand

        return posterior_plot(self.arms, self.prior, f"{self.experiment} on {self.day}", kind)

    @property
    def _notes(self) -> list[str]:
        """How the numbers were made, and what is wrong with them."""
        return [*sorted({arm.problem for arm in self.arms if arm.problem}), *filter(None, [self.fit])]

    def _parts(self, width: int) -> Iterator[RenderableType]:
        yield line(one_line(self.experiment), f" on {self.day}, {_COVERED[self.window]}")
        if self.arms:
            columns = fit_columns(self.arms, width)
            yield arms_table(self.arms, columns)
            yield from map(small_print, (legend(columns), *self._notes))
        yield from self._scorecard()
        if self.verdict is not None:
            yield line(*_sentence(self.verdict))

    def _scorecard(self) -> Iterator[RenderableType]:
        """Yield the metrics and segments, where there is more than conversion."""
        if has_own_metrics(self.metrics):
            yield scorecard_table(self.metrics)
            yield small_print(NOTE)
        if self.segments:
            yield segments_table(self.segments)
            yield from map(small_print, segment_notes(self.segments))

    def _repr_html_(self) -> str:
        title = html_line(one_line(self.experiment), f" on {self.day}, {_COVERED[self.window]}")
        verdict = "" if self.verdict is None else html_line(*_sentence(self.verdict))
        table = arms_html(self.arms) if self.arms else ""
        scorecard = scorecard_html(self.metrics) if has_own_metrics(self.metrics) else ""
        segments = segments_html(self.segments) if self.segments else ""
        return title + verdict + table + "".join(map(html_small_print, self._notes)) + scorecard + segments


def read_result(
    tables: "ReleasedTables",
    experiment: str,
    day: date | None = None,
    window: str = Window.TO_DATE,
    catalogue: Catalogue | None = None,
) -> ExperimentResult:
    """Read the result of one experiment.

    Args:
        tables: The tables of a lake.
        experiment: The experiment.
        day: The as-of day; the last one when None.
        window: `to_date` or `day`: what the arms cover.
        catalogue: Knows the units of metrics; an empty one when None.

    Raises:
        LakeError: The lake has no results, or they cannot be read.
        UsageError: The experiment or the day is unknown; the message names the nearest experiments, or the days. Or
            the window is.
    """
    if window not in set(Window):
        raise UsageError(f"unknown window '{one_line(window, 60)}': the windows are to_date, day")
    shown = choose_day(tables, experiment, day)
    key: dict[str, str | date] = {"experiment_name": experiment, "day": shown}
    posteriors, comparisons = tables.rows(POSTERIORS, key) or [], tables.rows(COMPARISONS, key) or []
    arms = sorted(_in_window(posteriors, window), key=lambda row: arm_order(row["variant_id"]))
    verdicts = tables.rows(VERDICTS, key) or []
    fitted = next((row for row in arms if number_of(row, "conversion_mean") is not None), None)
    metrics = make_metrics(comparisons, posteriors, catalogue or Catalogue())
    return ExperimentResult(
        experiment=experiment,
        day=shown,
        window=Window(window),
        verdict=_verdict(complete_row(VERDICTS, verdicts[0])) if verdicts else None,
        arms=make_arms(arms, _in_window(comparisons, window)),
        fit=_describe_fit(fitted) if fitted else "",
        prior=fitted["prior"] if fitted else None,
        release=tables.release,
        metrics=tuple(item for item in metrics if item.segment == EVERYBODY),
        segments=tuple(item for item in metrics if item.segment != EVERYBODY),
    )


def _in_window(rows: Iterable[Row], window: str) -> list[Row]:
    """Return the rows about purchases in a window."""
    return [row for row in of_purchases(rows) if row["window"] == window]


def _describe_fit(row: Row) -> str:
    """Say how a posterior was computed, from its row of gold/posteriors."""
    r_hat, size = number_of(row, "r_hat"), number_of(row, "ess_bulk")
    proof = "" if r_hat is None or size is None else f", R-hat {r_hat:.4f}, effective sample size {size:,.0f}"
    return f"{row['engine']}{proof}, prior {row['prior']}, model {row['model_version']}"


def _verdict(row: Row) -> Verdict:
    return Verdict(
        decision=Decision(row["decision"]),
        reasons=tuple(row["reasons"]),
        explanation=row["explanation"],
        is_valid=row["is_valid"],
        winner=row["winner"],
        decided_on=row["decided_on"],
        control=row["control_id"],
        srm_p_value=row["srm_p_value"],
        information_fraction=row["information_fraction"],
        metric=row["metric"],
    )


def _sentence(verdict: Verdict) -> tuple[str, str]:
    return verdict.decision.replace("_", " "), f": {one_line(verdict.explanation, 1_000)}"
