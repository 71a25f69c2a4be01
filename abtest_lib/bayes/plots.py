"""Posterior and lift figures as Plotly objects, for notebooks and the dashboard."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import gaussian_kde

from abtest_lib.bayes.draws import Floats
from abtest_lib.bayes.hdi import highest_density_interval
from abtest_lib.errors import StatisticsError, one_line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours, which people with any kind of colour vision can distinguish.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_POINTS = 256


def posterior_figure(draws: Mapping[str, Floats], title: str = "Conversion") -> "Figure":
    """Draw the posterior density of every arm's conversion, with its 95 % highest-density interval below.

    Args:
        draws: Variant to draws of its conversion, a proportion, as from `export.conversion_draws`.
        title: The figure's title.

    Returns:
        A figure with two traces per arm: the density and the interval.

    Raises:
        StatisticsError: There are no draws.
    """
    return _densities(draws, title, "conversion", zero_line=False)


def lift_figure(draws: Mapping[str, Floats], control: str, title: str = "Lift over control") -> "Figure":
    """Draw the posterior density of every other arm's relative lift over control.

    Args:
        draws: As in `posterior_figure`.
        control: The control's variant.
        title: The figure's title.

    Returns:
        A figure with two traces per arm, and a line at no lift.

    Raises:
        StatisticsError: The control is not among the arms, or is the only one.
    """
    if control not in draws:
        raise StatisticsError(
            f"control '{one_line(control, 60)}' is not among the arms: {one_line(', '.join(draws), 120)}"
        )
    baseline = np.maximum(draws[control], np.finfo(float).tiny)
    lifts = {arm: values / baseline - 1.0 for arm, values in draws.items() if arm != control}
    return _densities(lifts, title, "lift", zero_line=True)


def _densities(draws: Mapping[str, Floats], title: str, axis: str, *, zero_line: bool) -> "Figure":
    import plotly.graph_objects as go  # noqa: PLC0415  executors draw no figures

    if not draws:
        raise StatisticsError(f"no arm to draw in '{title}': at least one is needed")
    figure = go.Figure()
    curves = {arm: _density(np.asarray(values, dtype=np.float64)) for arm, values in draws.items()}
    peak = max(float(curve.max()) for _, curve in curves.values())
    for place, (arm, (x, y)) in enumerate(curves.items()):
        colour, name = _COLOURS[place % len(_COLOURS)], one_line(arm, 60)
        low, high = (float(end[0]) for end in highest_density_interval(np.sort(draws[arm])[None, :]))
        figure.add_scatter(x=x, y=y, name=name, legendgroup=arm, fill="tozeroy", line={"color": colour, "width": 2})
        bar = {"color": colour, "width": 5}
        height = -0.05 * peak * (place + 1)
        text = f"{name}: 95 % between {low:.2%} and {high:.2%}"
        figure.add_scatter(
            x=[low, high],
            y=[height, height],
            mode="lines",
            line=bar,
            legendgroup=arm,
            showlegend=False,
            text=[text] * 2,
        )
    if zero_line:
        figure.add_vline(x=0.0, line_dash="dot", line_color="#666666")
    figure.update_traces(hoverinfo="text+name")
    figure.update_layout(title=title, template="plotly_white", legend_title_text="arm")
    figure.update_xaxes(title=axis, tickformat=".1%")
    figure.update_yaxes(title="density", showticklabels=False)
    return figure


def _density(values: Floats) -> tuple[Floats, Floats]:
    """Estimate a kernel density over the central 99.8 % of the draws; a spike where all draws are equal."""
    low, high = np.quantile(values, [0.001, 0.999])
    if not high > low:
        return np.array([low, low]), np.array([0.0, 1.0])
    inside = values[(values >= low) & (values <= high)]
    margin = 0.1 * (high - low)
    x = np.linspace(low - margin, high + margin, _POINTS)
    return x, np.asarray(gaussian_kde(inside)(x), dtype=np.float64)
