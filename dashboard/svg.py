"""Plots as SVG text for the report: no script, no fonts, a few kilobytes, sharp on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.palette import look

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
        title: With the unit.
        low: The least value shown.
        high: The largest value shown.
        labels: Value and text of each tick.
    """

    title: str
    low: float
    high: float
    labels: Sequence[tuple[float, str]]


def ticks(low: float, high: float, unit: str = "") -> list[tuple[float, str]]:
    """Round values from low to high, about five, with just the digits they need.

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
    return [(round(place * step, 12), f"{place * step:,.{digits}f}{unit}") for place in range(first, last + 1)]


def numbers(title: str, values: Sequence[float], unit: str = "", *, zero: bool = False) -> Axis:
    """An axis around values, with a little room; with `zero` it holds zero."""
    known = [*values, *([0.0] if zero else [])] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    low, high = (low if zero and low == 0 else low - room), high + room
    return Axis(title, low, high, ticks(low, high, unit))


def places(title: str, names: Sequence[str], most: int = 8) -> Axis:
    """An axis with one place for each name, some of which are written."""
    step = max(1, math.ceil(len(names) / most))
    labels = [(float(place), name) for place, name in enumerate(names) if place % step == 0]
    return Axis(title, -0.5, len(names) - 0.5, labels)


class Plot:
    """An SVG in the making.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        title: What it shows, for those who cannot see it.
        height: In pixels.
        left: Room for the labels of the vertical axis, in pixels.
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

    def line(self, points: Points, place: int, name: str = "", *, dotted: bool = False, dots: bool = True) -> None:
        """A line, in the look of the arm at a place; with a name it gets a line of the legend."""
        shown = look(place)
        dash = _DASHES["dot" if dotted else shown.dash]
        style = f"stroke='{shown.colour}' stroke-width='2' stroke-dasharray='{dash}'"
        self._parts.append(f"<polyline points='{self._path(points)}' fill='none' {style}/>")
        for x, y in (self._at(*point) for point in points) if dots and not dotted else ():
            self._parts.append(f"<circle cx='{x:g}' cy='{y:g}' r='3' fill='{shown.colour}'/>")
        if name:
            self._legend.append(f"<tspan fill='{shown.colour}' dx='10'>{'┄' if dotted else '●'}</tspan> {escape(name)}")

    def area(self, points: Points, place: int) -> None:
        """A filled shape."""
        self._parts.append(f"<polygon points='{self._path(points)}' fill='{look(place).colour}' fill-opacity='.13'/>")

    def interval(self, y: float, ends: tuple[float, float], middle: float | None, place: int) -> None:
        """A horizontal interval with its middle."""
        colour = look(place).colour
        (left, height), (right, _) = self._at(ends[0], y), self._at(ends[1], y)
        self._parts.append(
            f"<line x1='{left:g}' x2='{right:g}' y1='{height:g}' y2='{height:g}' stroke='{colour}' stroke-width='5'/>"
        )
        if middle is not None:
            across, height = self._at(middle, y)
            self._parts.append(f"<circle cx='{across:g}' cy='{height:g}' r='6' fill='{colour}' stroke='#fff'/>")

    def mark_zero(self, *, vertical: bool) -> None:
        """A dashed line at zero of one axis, if it is in sight."""
        axis = self._x if vertical else self._y
        if axis.low <= 0 <= axis.high:
            ends = [(0.0, self._y.low), (0.0, self._y.high)] if vertical else [(self._x.low, 0.0), (self._x.high, 0.0)]
            style = "stroke='#777' stroke-dasharray='3 3'"
            self._parts.insert(0, f"<polyline points='{self._path(ends)}' fill='none' {style}/>")

    def render(self) -> str:
        """The SVG."""
        legend = f"<text x='{self._left}' y='16'>{''.join(self._legend)}</text>" if self._legend else ""
        return (
            f"<svg viewBox='0 0 {WIDTH} {self._height}' role='img' aria-label='{escape(self._title, quote=True)}' "
            f"font-family='sans-serif' font-size='12' fill='{_INK}'>"
            f"{self._grid()}{''.join(self._parts)}{legend}</svg>"
        )

    def _grid(self) -> str:
        bottom, middle = self._height - _BOTTOM, (self._left + WIDTH - _RIGHT) / 2
        found = []
        for value, text in self._x.labels:
            across, _ = self._at(value, self._y.low)
            found.append(f"<text x='{across:g}' y='{bottom + 18}' text-anchor='middle'>{escape(text)}</text>")
        for value, text in self._y.labels:
            _, height = self._at(self._x.low, value)
            rule = f"<line x1='{self._left}' x2='{WIDTH - _RIGHT}' y1='{height:g}' y2='{height:g}' stroke='{_GRID}'/>"
            label = f"<text x='{self._left - 6}' y='{height + 4:g}' text-anchor='end'>{escape(text)}</text>"
            found.append(rule + label)
        x_title = f"<text x='{middle:g}' y='{self._height - 8}' text-anchor='middle'>{escape(self._x.title)}</text>"
        centre = (_TOP + bottom) / 2
        y_title = f"<text transform='translate(13 {centre:g}) rotate(-90)' text-anchor='middle'>{escape(self._y.title)}"
        return "".join(found) + x_title + (f"{y_title}</text>" if self._y.title else "")
