"""The charts of one experiment, as Plotly figures; axes carry their units, numbers are never in scientific notation."""

from collections.abc import Sequence

import plotly.graph_objects as go

from abtest_lib import answers
from dashboard import formatting, labels
from dashboard.charts.arm_style import GREY, arm_style
from dashboard.charts.layout import as_percentages, escape_label, finish, set_day_axis
from dashboard.charts.series import LARGEST_Z, Series, arm_series

_ROW_HEIGHT = 46


def _arm_label(arm: answers.Arm) -> str:
    return escape_label(formatting.arm_name(arm["id"], arm["role"]))


def _error_bars(arms: Sequence[answers.Arm]) -> dict[str, object]:
    above, below = [], []
    for arm in arms:
        rate, interval = arm["conversion_rate"] or 0.0, arm["interval"]
        above.append(0.0 if interval is None else 100 * max(0.0, interval["upper"] - rate))
        below.append(0.0 if interval is None else 100 * max(0.0, rate - interval["lower"]))
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": GREY, "thickness": 2}


def conversion(arms: Sequence[answers.Arm]) -> go.Figure:
    """Draw the conversion of each arm as a bar, with its 95 % interval."""
    hover = [[formatting.percent(arm["conversion_rate"]), formatting.percent_interval(arm["interval"])] for arm in arms]
    figure = go.Figure(
        go.Bar(
            y=[_arm_label(arm) for arm in arms],
            x=as_percentages([arm["conversion_rate"] for arm in arms]),
            orientation="h",
            marker_color=[arm_style(index).colour for index in range(len(arms))],
            error_x=_error_bars(arms),
            width=0.5,
            customdata=hover,
            hovertemplate="%{y}: %{customdata[0]}, %{customdata[1]}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(rangemode="tozero", ticksuffix=labels.PERCENT)
    return finish(figure, labels.AXIS_CONVERSION, labels.AXIS_ARM, 110 + _ROW_HEIGHT * len(arms))


def trend(points: Sequence[answers.HistoryPoint], arms: Sequence[answers.Arm]) -> go.Figure:
    """Draw the conversion of each arm by day, with the band of its 95 % interval."""
    figure = go.Figure()
    for index, arm in enumerate(arms):
        series = arm_series(points, arm)
        _add_band(figure, series, index, arm)
        _add_line(figure, series, index, arm, [values["conversion_rate"] for _, values in series])
    set_day_axis(figure, len(points))
    figure.update_yaxes(ticksuffix=labels.PERCENT)
    return finish(figure, labels.AXIS_DAY, labels.AXIS_CONVERSION)


def _add_band(figure: go.Figure, series: Series, index: int, arm: answers.Arm) -> None:
    known = [(day, values["interval"]) for day, values in series if values["interval"] is not None]
    ends = [(day, interval) for day, interval in known if interval is not None]
    figure.add_scatter(
        x=[day for day, _ in ends] + [day for day, _ in reversed(ends)],
        y=as_percentages([end["upper"] for _, end in ends] + [end["lower"] for _, end in reversed(ends)]),
        mode="lines",  # without a mode Plotly marks the corners of a band of few days
        fill="toself",
        fillcolor=arm_style(index).shade(0.13),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        legendgroup=str(arm["id"]),
    )


def _add_line(
    figure: go.Figure,
    series: Series,
    index: int,
    arm: answers.Arm,
    values: Sequence[float | None],
    *,
    is_share: bool = True,
) -> None:
    style, suffix = arm_style(index), labels.PERCENT if is_share else ""
    figure.add_scatter(
        x=[day for day, _ in series],
        y=as_percentages(values) if is_share else list(values),
        name=_arm_label(arm),
        legendgroup=str(arm["id"]),
        mode="lines+markers",
        line={"color": style.colour, "width": 2, "dash": style.dash},
        marker={"symbol": style.symbol, "size": 6},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.2f}" + suffix,
    )


def posterior(arms: Sequence[answers.PosteriorVariant]) -> go.Figure:
    """Draw the density of each arm's conversion, with the 95 % highest-density interval below it."""
    figure = go.Figure()
    peak = max((max(arm["density"]["density"]) for arm in arms if arm["density"]), default=1.0)
    for index, arm in enumerate(arms):
        if arm["density"] is None:
            continue
        _add_density(figure, index, arm, arm["density"], peak)
        if arm["hdi"] is not None:
            _add_hdi(figure, index, arm, arm["hdi"])
    figure.update_xaxes(ticksuffix=labels.PERCENT)
    figure.update_yaxes(showticklabels=False)
    return finish(figure, labels.AXIS_CONVERSION, labels.AXIS_DENSITY)


def _add_density(figure: go.Figure, index: int, arm: answers.Arm, curve: answers.Density, peak: float) -> None:
    style = arm_style(index)
    figure.add_scatter(
        x=as_percentages(curve["conversion"]),
        y=[value / peak for value in curve["density"]],
        name=_arm_label(arm),
        legendgroup=str(arm["id"]),
        fill="tozeroy",
        fillcolor=style.shade(0.15),
        line={"color": style.colour, "width": 2, "dash": style.dash},
        hoverinfo="skip",
    )


def _add_hdi(figure: go.Figure, index: int, arm: answers.Arm, hdi: answers.Interval) -> None:
    style = arm_style(index)
    low, high = formatting.percent(hdi["lower"]), formatting.percent(hdi["upper"])
    figure.add_scatter(
        x=as_percentages([hdi["lower"], hdi["upper"]]),
        y=[-0.06 * (index + 1)] * 2,
        mode="lines+markers",
        line={"color": style.colour, "width": 5},
        marker={"symbol": style.symbol, "size": 9},
        legendgroup=str(arm["id"]),
        showlegend=False,
        text=[labels.HDI_OF.format(arm=_arm_label(arm), low=low, high=high)] * 2,
        hoverinfo="text",
    )


def lift(arms: Sequence[answers.Arm]) -> go.Figure | None:
    """Draw the median lift of each arm with its 95 % interval; return None if no arm has one."""
    figure = go.Figure()
    for index, arm in enumerate(arms):
        if arm["lift"] is not None:
            _add_lift(figure, index, arm, arm["lift"])
    if not figure.data:
        return None
    drawn = len(figure.data)
    figure.add_vline(x=0.0, line_dash="dot", line_color=GREY)
    figure.update_xaxes(ticksuffix=labels.PERCENT)
    figure.update_yaxes(autorange="reversed", type="category")
    return finish(figure, labels.AXIS_LIFT, labels.AXIS_ARM, 130 + _ROW_HEIGHT * drawn)


def _add_lift(figure: go.Figure, index: int, arm: answers.Arm, estimate: answers.Lift) -> None:
    if estimate["lower"] is None or estimate["upper"] is None:
        return
    style, median = arm_style(index), 100 * estimate["median"]
    figure.add_scatter(
        x=[median],
        y=[_arm_label(arm)],
        mode="markers",
        marker={"color": style.colour, "size": 12, "symbol": style.symbol},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * estimate["upper"] - median],
            "arrayminus": [median - 100 * estimate["lower"]],
            "color": style.colour,
            "thickness": 3,
            "width": 8,
        },
        showlegend=False,
        text=[labels.PERCENT_OF.format(arm=_arm_label(arm), value=formatting.lift(estimate))],
        hoverinfo="text",
    )


def loss(arms: Sequence[answers.Arm]) -> go.Figure | None:
    """Draw the expected loss of each arm; return None if no arm has one."""
    known = [(index, arm) for index, arm in enumerate(arms) if arm["expected_loss"] is not None]
    if not known:
        return None
    figure = go.Figure(
        go.Bar(
            y=[_arm_label(arm) for _, arm in known],
            x=as_percentages([arm["expected_loss"] for _, arm in known]),
            orientation="h",
            width=0.5,
            marker_color=[arm_style(index).colour for index, _ in known],
            text=[formatting.percentage_points(arm["expected_loss"]) for _, arm in known],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    largest = max(100 * (arm["expected_loss"] or 0.0) for _, arm in known)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(range=[0, 1.25 * largest or 1.0])
    return finish(figure, labels.AXIS_LOSS, labels.AXIS_ARM, 110 + _ROW_HEIGHT * len(known))


def best(points: Sequence[answers.HistoryPoint], arms: Sequence[answers.Arm]) -> go.Figure | None:
    """Draw the probability of each arm to be best, by day; return None if the model has none."""
    figure = go.Figure()
    for index, arm in enumerate(arms):
        series = arm_series(points, arm)
        values = [day_values["probability_best"] for _, day_values in series]
        if any(value is not None for value in values):
            _add_line(figure, series, index, arm, values)
    if not figure.data:
        return None
    set_day_axis(figure, len(points))
    figure.update_yaxes(range=[-3, 103], ticksuffix=labels.PERCENT)
    return finish(figure, labels.AXIS_DAY, labels.AXIS_BEST)


def boundary(points: Sequence[answers.HistoryPoint], arms: Sequence[answers.Arm]) -> go.Figure | None:
    """Draw the path of each arm's score z and the boundaries of its looks; return None if there was no look."""
    figure, reach, looks = go.Figure(), 3.0, 0
    for index, arm in enumerate(arms):
        series = [(day, values) for day, values in arm_series(points, arm) if values["statistic"] is not None]
        if not series:
            continue
        _add_line(figure, series, index, arm, [values["statistic"] for _, values in series], is_share=False)
        boundaries = [(day, values["boundary"]) for day, values in series if values["boundary"] is not None]
        limits = [(day, limit) for day, limit in boundaries if limit is not None]
        _add_boundaries(figure, limits, index, arm)
        looks += len(limits)
        sizes = [abs(values["statistic"] or 0.0) for _, values in series] + [limit for _, limit in limits]
        reach = max(reach, *(min(LARGEST_Z, 1.15 * size) for size in sizes))
    if not looks:
        return None
    figure.add_hline(y=0.0, line_color=GREY, line_width=1)
    set_day_axis(figure, len(points))
    figure.update_yaxes(range=[-reach, reach])
    return finish(figure, labels.AXIS_DAY, labels.AXIS_Z)


def _add_boundaries(figure: go.Figure, limits: Sequence[tuple[str, float]], index: int, arm: answers.Arm) -> None:
    for sign in (1, -1):
        figure.add_scatter(
            x=[day for day, _ in limits],
            y=[sign * limit for _, limit in limits],
            name=labels.BOUNDARY_OF.format(arm=_arm_label(arm)),
            legendgroup=f"boundary {arm['id']}",
            showlegend=sign > 0 and bool(limits),
            mode="lines+markers",
            line={"color": arm_style(index).colour, "width": 2, "dash": "dot"},
            marker={"symbol": "line-ew-open", "size": 9},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.2f}",
        )
