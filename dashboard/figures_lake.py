"""Figures of the pipeline and of plans, as Plotly objects."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import shapes, shapes_lake, texts, words
from dashboard.figures import finish, label
from dashboard.palette import GREY, look

_TRANSPARENT = "rgba(127,127,127,0.35)"


_FLOW_GAP = 0.13
"""Between the ends of a flow, as a share of its height; a line of text must fit."""


def flow(read: int, new: int, duplicates: int, rejected: int, forgotten: int) -> go.Figure:
    """Where the rows of a run went, as a flow; widths are rows, and what is told of each end stands beside it."""
    ends = [
        (texts.FLOW_NEW, new, look(2).colour),
        (texts.FLOW_DUPLICATES, duplicates, look(0).colour),
        (texts.FLOW_REJECTED, rejected, look(1).colour),
        (texts.FLOW_FORGOTTEN, forgotten, look(3).colour),
    ]
    ends = [end for end in ends if end[1]]
    places = _middles([rows for _, rows, _ in ends])
    told = [f"{name} {words.count(rows)}" for name, rows, _ in ends]
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [f"{texts.FLOW_READ} {words.count(read)}", *("" for _ in ends)],
                "customdata": [f"{texts.FLOW_READ} {words.count(read)}", *told],
                "color": [GREY, *(colour for _, _, colour in ends)],
                "x": [0.001, *(0.999 for _ in ends)],
                "y": [0.5, *places],
                "thickness": 18,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": [0] * len(ends),
                "target": list(range(1, len(ends) + 1)),
                "value": [rows for _, rows, _ in ends],
                "color": [_TRANSPARENT] * len(ends),
                "hovertemplate": "%{target.customdata}<extra></extra>",
            },
        )
    )
    for text, place in zip(told, places, strict=True):
        figure.add_annotation(x=1, y=1 - place, text=text, xanchor="left", yanchor="middle", xshift=12, showarrow=False)
    figure.update_layout(height=260, margin={"l": 8, "r": 190, "t": 24, "b": 24}, font_size=13)
    return figure


def _middles(rows: Sequence[int]) -> list[float]:
    """Where the middle of each end is, from 0 at the top to 1."""
    free = 1.0 - _FLOW_GAP * (len(rows) - 1)
    shares = [free * count / max(sum(rows), 1) for count in rows]
    return [sum(shares[:place]) + _FLOW_GAP * place + share / 2 for place, share in enumerate(shares)]


def rules(found: Sequence[shapes_lake.Rule]) -> go.Figure:
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
        hovertemplate="%{x:,.0f}: %{y:.1f}" + texts.PERCENT + "<extra></extra>",
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
    figure.update_yaxes(range=[0, 104], ticksuffix=texts.PERCENT)
    figure.update_xaxes(rangemode="tozero", tickformat=",d", nticks=6)
    return finish(figure, texts.AXIS_PER_ARM, texts.AXIS_POWER, 360)
