"""The scorecard of an experiment and its segments as tables, for the terminal and as HTML."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from abtest_lib.analysis.display import html_line, html_small_print, html_table
from abtest_lib.analysis.scorecard import MetricResult
from abtest_lib.contracts.enums import MetricRole, MetricStatus
from abtest_lib.errors import one_line
from abtest_lib.formatting import STATUS_WORDS, metric_difference, metric_value, p_equation, status_mark

SEGMENTS_DESCRIBE = "Segments describe; they never decide."
NOTE = (
    "✓ good, ✗ bad, ! open; a status allows for a look every day, the interval of the lift for one look; a lift is "
    "adjusted where its metric has a covariate"
)
_TITLES = {MetricRole.GOAL: "Goals", MetricRole.GUARDRAIL: "Guardrails", MetricRole.OBSERVED: "Observed"}
_STYLES = {"✓": "green", "✗": "bold red", "!": "yellow"}
_HEADINGS = ("arm", "control", "value", "observed lift, 95 % interval", "status")
_SEGMENT_HEADINGS = ("metric", "arm", "users", "control", "value", "observed lift, 95 % interval")
_LONGEST_UNIT = 16
_NUMBERS = {"users", "control", "value", "observed lift, 95 % interval"}


def scorecard_table(metrics: Sequence[MetricResult]) -> Table:
    """Make the table of all metrics: goals first, then guardrails, then the others."""
    table = _table("metric", _HEADINGS)
    for role, group in groupby(metrics, key=lambda item: item.role):
        table.add_row(Text(_TITLES[role], style="bold"))
        for item in group:
            mark = status_mark(item.status)
            name = Text.assemble((mark, _STYLES[mark]), f" {_shorten(item.metric)}")
            table.add_row(name, *map(Text, _cells(item)))
    return table


def segments_table(segments: Sequence[MetricResult]) -> Table:
    """Make the table of the segments of goals and guardrails."""
    table = _table("segment", _SEGMENT_HEADINGS)
    for item in _shown(segments):
        table.add_row(Text(_shorten(item.segment)), *map(Text, _segment_cells(item)))
    return table


def segment_notes(segments: Sequence[MetricResult]) -> Iterator[str]:
    """Yield that segments do not decide, and whether the effect of each metric differs between them."""
    yield SEGMENTS_DESCRIBE
    tested = {
        (item.metric, item.segment.partition("=")[0], item.arm): item.interaction_p_value for item in _shown(segments)
    }
    for (metric, column, arm), p_value in tested.items():
        if p_value is not None:
            yield f"{metric} of {arm}, does the effect differ by {column}? {p_equation(p_value)}"


def scorecard_html(metrics: Sequence[MetricResult]) -> str:
    """Write the scorecard as HTML."""
    rows = [
        [f"{status_mark(item.status)} {item.metric}", _TITLES[item.role].lower().rstrip("s"), *_cells(item)]
        for item in metrics
    ]
    return html_table(["metric", "role", *_HEADINGS], rows) + html_small_print(NOTE)


def segments_html(segments: Sequence[MetricResult]) -> str:
    """Write the segments of goals and guardrails as HTML."""
    rows = [[item.segment, *_segment_cells(item)] for item in _shown(segments)]
    first, *others = segment_notes(segments)
    return html_line(first) + html_table(["segment", *_SEGMENT_HEADINGS], rows) + "".join(map(html_small_print, others))


def status_words(item: MetricResult) -> str:
    """Say what is proven, with the margin of a guardrail.

    A guardrail that is not proven may still be worse by more than its margin.
    """
    if item.status is None:
        return ""
    words = STATUS_WORDS[item.status]
    if item.margin is None or item.status in (MetricStatus.WORSE, MetricStatus.NOT_TESTED):
        return words
    margin = metric_difference(
        item.margin, is_proportion=item.is_proportion, unit=one_line(item.unit, 16), signed=False
    )
    return f"{words}, margin {margin}"


def _table(first: str, headings: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in (first, *headings):
        is_name = heading in {first, "metric"}
        table.add_column(heading, justify="right" if heading in _NUMBERS else "left", overflow="fold", no_wrap=is_name)
    return table


def _shown(segments: Sequence[MetricResult]) -> list[MetricResult]:
    return [item for item in segments if item.role is not MetricRole.OBSERVED]


def _cells(item: MetricResult) -> list[str]:
    values = (_value(item, item.control_value), _value(item, item.value))
    return [_shorten(item.arm), *values, _lift(item), status_words(item)]


def _segment_cells(item: MetricResult) -> list[str]:
    users = "" if item.users is None else f"{item.users:,}"
    values = (_value(item, item.control_value), _value(item, item.value))
    return [_shorten(item.metric), _shorten(item.arm), users, *values, _lift(item)]


def _value(item: MetricResult, value: float | None) -> str:
    return (
        ""
        if value is None
        else metric_value(value, is_proportion=item.is_proportion, unit=one_line(item.unit, _LONGEST_UNIT))
    )


def _lift(item: MetricResult) -> str:
    if item.lift is None:
        return ""
    interval = item.lift_interval
    ends = "" if interval is None else f" {interval.lower:+.1%}…{interval.upper:+.1%}"
    return f"{item.lift:+.1%}{ends}"


def _shorten(text: str) -> str:
    return one_line(text, 40)
