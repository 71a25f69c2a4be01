"""The chart of a sample-size plan, as a Plotly figure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from abtest_lib import answers
from dashboard import formatting, labels
from dashboard.charts.arm_style import GREY, arm_style
from dashboard.charts.layout import finish


def power(curve: Sequence[answers.PowerPoint], planned: int, target: float) -> go.Figure:
    """Draw power against people per arm and mark the planned number.

    Args:
        curve: The power that each number of people per arm gives.
        planned: People per arm that reach the target.
        target: The power asked for, a proportion.

    Returns:
        The figure.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[point["users_per_arm"] for point in curve],
        y=[100 * point["power"] for point in curve],
        mode="lines",
        line={"color": arm_style(0).colour, "width": 3},
        showlegend=False,
        hovertemplate="%{x:,.0f}: %{y:.1f}" + labels.PERCENT + "<extra></extra>",
    )
    figure.add_scatter(
        x=[planned],
        y=[100 * target],
        mode="markers+text",
        marker={"color": arm_style(1).colour, "size": 12},
        text=[formatting.count(planned)],
        textposition="bottom right",
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_hline(y=100 * target, line_dash="dot", line_color=GREY)
    figure.update_yaxes(range=[0, 104], ticksuffix=labels.PERCENT)
    figure.update_xaxes(rangemode="tozero", tickformat=",d", nticks=6)
    return finish(figure, labels.AXIS_PER_ARM, labels.AXIS_POWER, 360)
