"""Figures of one experiment, as Plotly objects; axes carry their units, nothing is in scientific notation."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import shapes, texts, words
from dashboard.palette import GREY, look

_HEIGHT = 340
_ROW = 46
_TALLEST_Z = 8.0
"""Boundaries of early looks lie far out; the axis ends here, so that the path stays readable."""


def finish(figure: go.Figure, x: str, y: str, height: int = _HEIGHT) -> go.Figure:
    """Axis titles, room, and a legend above the plot."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None},
        hovermode="closest",
        barcornerradius=3,
    )
    figure.update_xaxes(title_text=x, automargin=True, exponentformat="none", separatethousands=True)
    figure.update_yaxes(title_text=y, automargin=True, exponentformat="none", separatethousands=True)
    return figure


def _days(figure: go.Figure, points: Sequence[object]) -> None:
    figure.update_xaxes(type="date", tickformat="%b %-d", hoverformat="%Y-%m-%d", nticks=min(8, max(2, len(points))))


def _percents(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else 100 * value for value in values]


def _name(arm: shapes.Arm) -> str:
    return label(words.arm(arm["id"], arm["role"]))


def label(text: str) -> str:
    """A text that Plotly takes neither for markup nor for a placeholder.

    Examples:
        >>> label("<b>50%</b>")
        '&lt;b>50&#37;&lt;/b>'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%", "&#37;")


def _whisker(arms: Sequence[shapes.Arm]) -> dict[str, object]:
    up, down = [], []
    for arm in arms:
        rate, found = arm["conversion_rate"] or 0.0, arm["interval"]
        up.append(0.0 if found is None else 100 * max(0.0, found["upper"] - rate))
        down.append(0.0 if found is None else 100 * max(0.0, rate - found["lower"]))
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": GREY, "thickness": 2}


def conversion(arms: Sequence[shapes.Arm]) -> go.Figure:
    """Conversion of each arm as a bar, with its 95 % interval."""
    names = [_name(arm) for arm in arms]
    figure = go.Figure(
        go.Bar(
            y=names,
            x=_percents([arm["conversion_rate"] for arm in arms]),
            orientation="h",
            marker_color=[look(place).colour for place in range(len(arms))],
            error_x=_whisker(arms),
            width=0.5,
            customdata=[[words.percent(arm["conversion_rate"]), words.interval(arm["interval"])] for arm in arms],
            hovertemplate="%{y}: %{customdata[0]}, %{customdata[1]}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(rangemode="tozero", ticksuffix=texts.PERCENT)
    return finish(figure, texts.AXIS_CONVERSION, texts.AXIS_ARM, 110 + _ROW * len(arms))


def trend(points: Sequence[shapes.Point], arms: Sequence[shapes.Arm]) -> go.Figure:
    """Conversion of each arm by day, with the band of its 95 % interval."""
    figure = go.Figure()
    for place, arm in enumerate(arms):
        series = _series(points, arm)
        with_band = [(day, found) for day, found in series if found["interval"] is not None]
        ends = [(day, found["interval"]) for day, found in with_band if found["interval"] is not None]
        figure.add_scatter(
            x=[day for day, _ in ends] + [day for day, _ in reversed(ends)],
            y=_percents([end["upper"] for _, end in ends] + [end["lower"] for _, end in reversed(ends)]),
            mode="lines",  # by itself Plotly marks the corners of a band of few days
            fill="toself",
            fillcolor=look(place).shade(0.13),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=str(arm["id"]),
        )
        _line(figure, series, place, arm, [found["conversion_rate"] for _, found in series])
    _days(figure, points)
    figure.update_yaxes(ticksuffix=texts.PERCENT)
    return finish(figure, texts.AXIS_DAY, texts.AXIS_CONVERSION)


def _series(points: Sequence[shapes.Point], arm: shapes.Arm) -> list[tuple[str, shapes.HistoryArm]]:
    return [(point["day"], found) for point in points for found in point["variants"] if found["id"] == arm["id"]]


def _line(
    figure: go.Figure,
    series: Sequence[tuple[str, shapes.HistoryArm]],
    place: int,
    arm: shapes.Arm,
    values: Sequence[float | None],
    scale: float = 100.0,
) -> None:
    shown, suffix = look(place), texts.PERCENT if scale != 1.0 else ""
    figure.add_scatter(
        x=[day for day, _ in series],
        y=[None if value is None else scale * value for value in values],
        name=_name(arm),
        legendgroup=str(arm["id"]),
        mode="lines+markers",
        line={"color": shown.colour, "width": 2, "dash": shown.dash},
        marker={"symbol": shown.symbol, "size": 6},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.2f}" + suffix,
    )


def posterior(arms: Sequence[shapes.PosteriorArm]) -> go.Figure:
    """The density of each arm's conversion, with the 95 % highest-density interval below it."""
    figure = go.Figure()
    curves = [(place, arm, arm["density"]) for place, arm in enumerate(arms)]
    peak = max((max(curve["density"]) for _, _, curve in curves if curve), default=1.0)
    for place, arm, curve in curves:
        if curve is None:
            continue
        shown = look(place)
        figure.add_scatter(
            x=_percents(curve["conversion"]),
            y=[value / peak for value in curve["density"]],
            name=_name(arm),
            legendgroup=str(arm["id"]),
            fill="tozeroy",
            fillcolor=shown.shade(0.15),
            line={"color": shown.colour, "width": 2, "dash": shown.dash},
            hoverinfo="skip",
        )
        found = arm["hdi"]
        if found is not None:
            low, high = words.percent(found["lower"]), words.percent(found["upper"])
            figure.add_scatter(
                x=_percents([found["lower"], found["upper"]]),
                y=[-0.06 * (place + 1)] * 2,
                mode="lines+markers",
                line={"color": shown.colour, "width": 5},
                marker={"symbol": shown.symbol, "size": 9},
                legendgroup=str(arm["id"]),
                showlegend=False,
                text=[texts.HDI_OF.format(arm=_name(arm), low=low, high=high)] * 2,
                hoverinfo="text",
            )
    figure.update_xaxes(ticksuffix=texts.PERCENT)
    figure.update_yaxes(showticklabels=False)
    return finish(figure, texts.AXIS_CONVERSION, texts.AXIS_DENSITY)


def lift(arms: Sequence[shapes.Arm]) -> go.Figure | None:
    """Median lift of each arm with its 95 % interval, and a line at no lift; None without any."""
    figure, drawn = go.Figure(), 0
    for place, arm in enumerate(arms):
        found = arm["lift"]
        if found is None or found["lower"] is None or found["upper"] is None:
            continue
        drawn += 1
        shown = look(place)
        middle = 100 * found["median"]
        figure.add_scatter(
            x=[middle],
            y=[_name(arm)],
            mode="markers",
            marker={"color": shown.colour, "size": 12, "symbol": shown.symbol},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * found["upper"] - middle],
                "arrayminus": [middle - 100 * found["lower"]],
                "color": shown.colour,
                "thickness": 3,
                "width": 8,
            },
            showlegend=False,
            text=[texts.PERCENT_OF.format(arm=_name(arm), value=words.lift(found))],
            hoverinfo="text",
        )
    if not drawn:
        return None
    figure.add_vline(x=0.0, line_dash="dot", line_color=GREY)
    figure.update_xaxes(ticksuffix=texts.PERCENT)
    figure.update_yaxes(autorange="reversed", type="category")
    return finish(figure, texts.AXIS_LIFT, texts.AXIS_ARM, 130 + _ROW * drawn)


def loss(arms: Sequence[shapes.Arm]) -> go.Figure | None:
    """Expected loss of each arm; None without any."""
    known = [(place, arm) for place, arm in enumerate(arms) if arm["expected_loss"] is not None]
    if not known:
        return None
    figure = go.Figure(
        go.Bar(
            y=[_name(arm) for _, arm in known],
            x=_percents([arm["expected_loss"] for _, arm in known]),
            orientation="h",
            width=0.5,
            marker_color=[look(place).colour for place, _ in known],
            text=[words.points(arm["expected_loss"]) for _, arm in known],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    largest = max(100 * (arm["expected_loss"] or 0.0) for _, arm in known)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(range=[0, 1.25 * largest or 1.0])
    return finish(figure, texts.AXIS_LOSS, texts.AXIS_ARM, 110 + _ROW * len(known))


def best(points: Sequence[shapes.Point], arms: Sequence[shapes.Arm]) -> go.Figure | None:
    """The probability of each arm to be best, by day; None where the model has none."""
    figure = go.Figure()
    for place, arm in enumerate(arms):
        series = _series(points, arm)
        values = [found["probability_best"] for _, found in series]
        if any(value is not None for value in values):
            _line(figure, series, place, arm, values)
    if not figure.data:
        return None
    _days(figure, points)
    figure.update_yaxes(range=[-3, 103], ticksuffix=texts.PERCENT)
    return finish(figure, texts.AXIS_DAY, texts.AXIS_BEST)


def boundary(points: Sequence[shapes.Point], arms: Sequence[shapes.Arm]) -> go.Figure | None:
    """The path of each arm's score z, between the boundaries of the looks; None where none was made."""
    figure, reach, looks = go.Figure(), 3.0, 0
    for place, arm in enumerate(arms):
        series = [(day, found) for day, found in _series(points, arm) if found["statistic"] is not None]
        if not series:
            continue
        _line(figure, series, place, arm, [found["statistic"] for _, found in series], scale=1.0)
        walls = [(day, found["boundary"]) for day, found in series if found["boundary"] is not None]
        looks += len(walls)
        seen = [abs(found["statistic"] or 0.0) for _, found in series] + [wall for _, wall in walls]
        reach = max(reach, *(min(_TALLEST_Z, value * 1.15) for value in seen))
        for sign in (1, -1):
            figure.add_scatter(
                x=[day for day, _ in walls],
                y=[sign * wall for _, wall in walls],
                name=texts.BOUNDARY_OF.format(arm=_name(arm)),
                legendgroup=f"boundary {arm['id']}",
                showlegend=sign > 0 and bool(walls),
                mode="lines+markers",
                line={"color": look(place).colour, "width": 2, "dash": "dot"},
                marker={"symbol": "line-ew-open", "size": 9},
                hovertemplate="%{x|%Y-%m-%d}: %{y:.2f}",
            )
    if not looks:
        return None
    figure.add_hline(y=0.0, line_color=GREY, line_width=1)
    _days(figure, points)
    figure.update_yaxes(range=[-reach, reach])
    return finish(figure, texts.AXIS_DAY, texts.AXIS_Z)
