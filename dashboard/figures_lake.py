"""Figures of the pipeline and of plans, as Plotly objects."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import shapes, texts, words
from dashboard.figures import finish, label
from dashboard.palette import GREY, look

_TRANSPARENT = "rgba(127,127,127,0.35)"


def flow(read: int, new: int, duplicates: int, rejected: int) -> go.Figure:
    """Where the rows of a run went, as a flow; widths are rows."""
    ends = [
        (texts.FLOW_NEW, new, look(2).colour),
        (texts.FLOW_DUPLICATES, duplicates, look(0).colour),
        (texts.FLOW_REJECTED, rejected, look(1).colour),
    ]
    names = [texts.FLOW_READ, *(name for name, _, _ in ends)]
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            node={
                "label": [f"{name} {words.count(rows)}" for name, rows in zip(names, _rows(read, ends), strict=True)],
                "color": [GREY, *(colour for _, _, colour in ends)],
                "pad": 26,
                "thickness": 18,
                "hovertemplate": "%{label}<extra></extra>",
            },
            link={
                "source": [0] * len(ends),
                "target": list(range(1, len(ends) + 1)),
                "value": [rows for _, rows, _ in ends],
                "color": [_TRANSPARENT] * len(ends),
                "hovertemplate": "%{target.label}<extra></extra>",
            },
        )
    )
    figure.update_layout(height=260, margin={"l": 8, "r": 8, "t": 24, "b": 24}, font_size=13)
    return figure


def _rows(read: int, ends: Sequence[tuple[str, int, str]]) -> list[int]:
    return [read, *(rows for _, rows, _ in ends)]


def rules(found: Sequence[shapes.Rule]) -> go.Figure:
    """Rejected rows by the rule that they broke."""
    figure = go.Figure(
        go.Bar(
            y=[label(rule["rule"]) for rule in found],
            x=[rule["rows"] for rule in found],
            orientation="h",
            marker_color=look(1).colour,
            text=[words.count(rule["rows"]) for rule in found],
            textposition="auto",
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=",d", nticks=5)
    return finish(figure, texts.AXIS_ROWS, texts.AXIS_RULE, 120 + 34 * len(found))


def funnel(found: shapes.Funnel, names: dict[shapes.VariantId, str]) -> go.Figure:
    """People of each arm at each step."""
    figure = go.Figure()
    steps = [label(step["event_name"]) for step in found["steps"]]
    for place, (variant, name) in enumerate(names.items()):
        people = {
            label(step["event_name"]): arm["users"]
            for step in found["steps"]
            for arm in step["variants"]
            if arm["id"] == variant
        }
        figure.add_bar(
            y=steps,
            x=[people.get(step, 0) for step in steps],
            name=label(name),
            orientation="h",
            marker_color=look(place).colour,
            marker_pattern_shape=["", "/", "x", ".", "-", "+"][place % 6],
            hovertemplate=f"%{{y}}, {label(name)}: %{{x:,}}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(tickformat=",d", nticks=6)
    figure.update_layout(barmode="group")
    return finish(figure, texts.AXIS_PEOPLE, texts.AXIS_STEP, 150 + 26 * len(steps) * max(1, len(names)))


def power(curve: Sequence[tuple[int, float]], planned: int, wanted: float) -> go.Figure:
    """Power against people per arm, with the planned number marked.

    Args:
        curve: People per arm and the power they give, a proportion.
        planned: People per arm that reach the wanted power.
        wanted: The power asked for.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[people for people, _ in curve],
        y=[100 * value for _, value in curve],
        mode="lines",
        line={"color": look(0).colour, "width": 3},
        showlegend=False,
        hovertemplate="%{x:,.0f}: %{y:.1f} %<extra></extra>",
    )
    figure.add_scatter(
        x=[planned],
        y=[100 * wanted],
        mode="markers+text",
        marker={"color": look(1).colour, "size": 12},
        text=[words.count(planned)],
        textposition="bottom right",
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_hline(y=100 * wanted, line_dash="dot", line_color=GREY)
    figure.update_yaxes(range=[0, 104], ticksuffix=" %")
    figure.update_xaxes(rangemode="tozero", tickformat=",d", nticks=6)
    return finish(figure, texts.AXIS_PER_ARM, texts.AXIS_POWER, 360)
