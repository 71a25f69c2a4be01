"""The charts of the pipeline, as Plotly figures: where rows went, why rows were rejected, the funnel."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from abtest_lib import answers
from dashboard import formatting, labels
from dashboard.charts.arm_style import GREY, arm_style
from dashboard.charts.layout import escape_label, finish

_LINK_COLOUR = "rgba(127,127,127,0.35)"
_GAP = 0.13
"""The gap between the ends of the flow, as a share of its height; a line of text must fit into it."""
_PATTERNS = ("", "/", "x", ".", "-", "+")


@dataclass(frozen=True, slots=True)
class _End:
    """One end of the flow of rows."""

    name: str
    rows: int
    colour: str

    @property
    def label(self) -> str:
        return f"{self.name} {formatting.count(self.rows)}"


def flow(read: int, new: int, duplicates: int, rejected: int, forgotten: int) -> go.Figure:
    """Draw where the rows of a run went; widths are numbers of rows, each end is labelled at its right."""
    all_ends = (
        _End(labels.FLOW_NEW, new, arm_style(2).colour),
        _End(labels.FLOW_DUPLICATES, duplicates, arm_style(0).colour),
        _End(labels.FLOW_REJECTED, rejected, arm_style(1).colour),
        _End(labels.FLOW_FORGOTTEN, forgotten, arm_style(3).colour),
    )
    ends = [end for end in all_ends if end.rows]
    heights = _middles([end.rows for end in ends])
    figure = _sankey(_End(labels.FLOW_READ, read, GREY), ends, heights)
    for end, height in zip(ends, heights, strict=True):
        figure.add_annotation(
            x=1, y=1 - height, text=end.label, xanchor="left", yanchor="middle", xshift=12, showarrow=False
        )
    figure.update_layout(height=260, margin={"l": 8, "r": 190, "t": 24, "b": 24}, font_size=13)
    return figure


def _sankey(source: _End, ends: Sequence[_End], heights: Sequence[float]) -> go.Figure:
    return go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [source.label, *("" for _ in ends)],
                "customdata": [source.label, *(end.label for end in ends)],
                "color": [source.colour, *(end.colour for end in ends)],
                "x": [0.001, *(0.999 for _ in ends)],
                "y": [0.5, *heights],
                "thickness": 18,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": [0] * len(ends),
                "target": list(range(1, len(ends) + 1)),
                "value": [end.rows for end in ends],
                "color": [_LINK_COLOUR] * len(ends),
                "hovertemplate": "%{target.customdata}<extra></extra>",
            },
        )
    )


def _middles(rows: Sequence[int]) -> list[float]:
    """Return the height of the middle of each end, from 0 at the top to 1."""
    free = 1.0 - _GAP * (len(rows) - 1)
    shares = [free * count / max(sum(rows), 1) for count in rows]
    return [sum(shares[:index]) + _GAP * index + share / 2 for index, share in enumerate(shares)]


def rejected_rows(by_rule: Sequence[answers.QuarantineRule]) -> go.Figure:
    """Draw the number of rejected rows for each validation rule."""
    figure = go.Figure(
        go.Bar(
            y=[escape_label(rejected["rule"]) for rejected in by_rule],
            x=[rejected["rows"] for rejected in by_rule],
            orientation="h",
            marker_color=arm_style(1).colour,
            text=[formatting.count(rejected["rows"]) for rejected in by_rule],
            textposition="auto",
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=",d", nticks=5)
    return finish(figure, labels.AXIS_ROWS, labels.AXIS_VALIDATION_RULE, 120 + 34 * len(by_rule))


def funnel(answer: answers.Funnel, arm_names: dict[answers.VariantId, str]) -> go.Figure:
    """Draw the number of people of each arm at each step."""
    figure = go.Figure()
    steps = [escape_label(step["event_name"]) for step in answer["steps"]]
    for index, (variant, name) in enumerate(arm_names.items()):
        people = _people_by_step(answer, variant)
        figure.add_bar(
            y=steps,
            x=[people.get(step, 0) for step in steps],
            name=escape_label(name),
            orientation="h",
            marker_color=arm_style(index).colour,
            marker_pattern_shape=_PATTERNS[index % len(_PATTERNS)],
            hovertemplate=f"%{{y}}, {escape_label(name)}: %{{x:,}}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=",d", nticks=6)
    figure.update_layout(barmode="group")
    height = 150 + 26 * len(steps) * max(1, len(arm_names))
    return finish(figure, labels.AXIS_PEOPLE, labels.AXIS_STEP, height)


def _people_by_step(answer: answers.Funnel, variant: answers.VariantId) -> dict[str, int]:
    return {
        escape_label(step["event_name"]): arm["users"]
        for step in answer["steps"]
        for arm in step["variants"]
        if arm["id"] == variant
    }
