"""Plots as SVG text: no script, no fonts, a few kilobytes, sharp on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.charts.arm_style import arm_style

WIDTH = 660
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 30, 46
_TICKS = 5
_INK, _GRID = "#333", "#DDD"
_DASHES = {
    "solid": "",
    "dash": "8 4",
    "dashdot": "8 4 2 4",
    "longdash": "14 5",
    "longdashdot": "14 5 2 5",
    "dot": "2 4",
}
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        title: The title, with the unit.
        low: The smallest value shown.
        high: The largest value shown.
        labels: Value and text of each tick.
    """

    title: str
    low: float
    high: float
    labels: Sequence[tuple[float, str]]


def ticks(low: float, high: float, unit: str = "") -> list[tuple[float, str]]:
    """Return about five round values from low to high, each with only the digits it needs.

    Examples:
        >>> ticks(0, 0.9, " %")
        [(0.0, '0.0 %'), (0.2, '0.2 %'), (0.4, '0.4 %'), (0.6, '0.6 %'), (0.8, '0.8 %')]
    """
    rough = (high - low) / _TICKS
    if not rough > 0:
        return [(low, f"{low:,.2f}{unit}")]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(round(tick * step, 12), f"{tick * step:,.{digits}f}{unit}") for tick in range(first, last + 1)]


def number_axis(title: str, values: Sequence[float], unit: str = "") -> Axis:
    """Return an axis that covers the values, with a small margin."""
    known = values or [0.0, 1.0]
    low, high = min(known), max(known)
    margin = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    low, high = low - margin, high + margin
    return Axis(title, low, high, ticks(low, high, unit))


def name_axis(title: str, names: Sequence[str], most_labels: int = 8) -> Axis:
    """Return an axis with one position for each name; if there are many, only some names are written."""
    step = max(1, math.ceil(len(names) / most_labels))
    labels = [(float(index), name) for index, name in enumerate(names) if index % step == 0]
    return Axis(title, -0.5, len(names) - 0.5, labels)


class Plot:
    """Collect the parts of a plot and write them as SVG.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        title: What the plot shows, for screen readers.
        height: The height in pixels.
        left: The width of the labels of the vertical axis in pixels.
    """

    def __init__(self, x: Axis, y: Axis, title: str, height: int = 260, left: int = _LEFT) -> None:
        self._x, self._y, self._title, self._height, self._left = x, y, title, height, left
        self._parts: list[str] = []
        self._legend: list[str] = []

    def _at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self._x.low) / (self._x.high - self._x.low)
        up = (y - self._y.low) / (self._y.high - self._y.low)
        width, height = WIDTH - self._left - _RIGHT, self._height - _TOP - _BOTTOM
        return round(self._left + across * width, 1), round(_TOP + (1 - up) * height, 1)

    def _path(self, points: Points) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in (self._at(*point) for point in points))

    def line(self, points: Points, index: int, name: str = "", *, dotted: bool = False, dots: bool = True) -> None:
        """Add a line in the style of the arm at an index; a line with a name appears in the legend."""
        style = arm_style(index)
        dash = _DASHES["dot" if dotted else style.dash]
        stroke = f"stroke='{style.colour}' stroke-width='2' stroke-dasharray='{dash}'"
        self._parts.append(f"<polyline points='{self._path(points)}' fill='none' {stroke}/>")
        for x, y in (self._at(*point) for point in points) if dots and not dotted else ():
            self._parts.append(f"<circle cx='{x:g}' cy='{y:g}' r='3' fill='{style.colour}'/>")
        if name:
            self._legend.append(f"<tspan fill='{style.colour}' dx='10'>{'┄' if dotted else '●'}</tspan> {escape(name)}")

    def area(self, points: Points, index: int) -> None:
        """Add a filled area."""
        self._parts.append(
            f"<polygon points='{self._path(points)}' fill='{arm_style(index).colour}' fill-opacity='.13'/>"
        )

    def interval(self, y: float, ends: tuple[float, float], middle: float | None, index: int) -> None:
        """Add a horizontal interval with a dot at its middle."""
        colour = arm_style(index).colour
        (left, height), (right, _) = self._at(ends[0], y), self._at(ends[1], y)
        self._parts.append(
            f"<line x1='{left:g}' x2='{right:g}' y1='{height:g}' y2='{height:g}' stroke='{colour}' stroke-width='5'/>"
        )
        if middle is not None:
            across, height = self._at(middle, y)
            self._parts.append(f"<circle cx='{across:g}' cy='{height:g}' r='6' fill='{colour}' stroke='#fff'/>")

    def mark_zero(self) -> None:
        """Add a dashed horizontal line at zero, below everything else."""
        if self._y.low <= 0 <= self._y.high:
            ends = [(self._x.low, 0.0), (self._x.high, 0.0)]
            style = "stroke='#777' stroke-dasharray='3 3'"
            self._parts.insert(0, f"<polyline points='{self._path(ends)}' fill='none' {style}/>")

    def render(self) -> str:
        """Return the SVG text."""
        legend = f"<text x='{self._left}' y='16'>{''.join(self._legend)}</text>" if self._legend else ""
        return (
            f"<svg viewBox='0 0 {WIDTH} {self._height}' role='img' aria-label='{escape(self._title, quote=True)}' "
            f"font-family='sans-serif' font-size='12' fill='{_INK}'>"
            f"{self._grid()}{''.join(self._parts)}{legend}</svg>"
        )

    def _grid(self) -> str:
        bottom, middle = self._height - _BOTTOM, (self._left + WIDTH - _RIGHT) / 2
        parts = []
        for value, text in self._x.labels:
            across, _ = self._at(value, self._y.low)
            parts.append(f"<text x='{across:g}' y='{bottom + 18}' text-anchor='middle'>{escape(text)}</text>")
        for value, text in self._y.labels:
            _, height = self._at(self._x.low, value)
            rule = f"<line x1='{self._left}' x2='{WIDTH - _RIGHT}' y1='{height:g}' y2='{height:g}' stroke='{_GRID}'/>"
            label = f"<text x='{self._left - 6}' y='{height + 4:g}' text-anchor='end'>{escape(text)}</text>"
            parts.append(rule + label)
        x_title = f"<text x='{middle:g}' y='{self._height - 8}' text-anchor='middle'>{escape(self._x.title)}</text>"
        centre = (_TOP + bottom) / 2
        y_title = f"<text transform='translate(13 {centre:g}) rotate(-90)' text-anchor='middle'>{escape(self._y.title)}"
        return "".join(parts) + x_title + (f"{y_title}</text>" if self._y.title else "")
