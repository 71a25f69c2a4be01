"""The layout that all Plotly charts share: axes with units, plain numbers, a legend above the plot."""

from collections.abc import Sequence

import plotly.graph_objects as go

DEFAULT_HEIGHT = 340


def finish(figure: go.Figure, x_title: str, y_title: str, height: int = DEFAULT_HEIGHT) -> go.Figure:
    """Set axis titles, margins, height and the legend; return the figure."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None},
        hovermode="closest",
        barcornerradius=3,
    )
    figure.update_xaxes(title_text=x_title, automargin=True, exponentformat="none", separatethousands=True)
    figure.update_yaxes(title_text=y_title, automargin=True, exponentformat="none", separatethousands=True)
    return figure


def set_day_axis(figure: go.Figure, days: int) -> None:
    """Make the horizontal axis one of dates, with at most eight ticks."""
    figure.update_xaxes(type="date", tickformat="%b %-d", hoverformat="%Y-%m-%d", nticks=min(8, max(2, days)))


def escape_label(text: str) -> str:
    """Escape a text so that Plotly reads neither markup nor a placeholder in it.

    Examples:
        >>> escape_label("<b>50%</b>")
        '&lt;b>50&#37;&lt;/b>'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%", "&#37;")


def as_percentages(values: Sequence[float | None]) -> list[float | None]:
    """Multiply proportions by 100."""
    return [None if value is None else 100 * value for value in values]
