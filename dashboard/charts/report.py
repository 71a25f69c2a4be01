"""The charts of the report, as SVG text; an empty text means that there is nothing to draw."""

from collections.abc import Sequence
from typing import Literal

from abtest_lib import answers
from abtest_lib.contracts.enums import Window
from dashboard import formatting, labels
from dashboard.charts import svg
from dashboard.charts.series import LARGEST_Z, arm_series

_LONGEST_NAME = 22
_Measure = Literal["conversion_rate", "statistic", "boundary"]
_Line = list[tuple[float, float]]
"""The index of the day, and a value."""


def conversion(arms: Sequence[answers.HistoryVariant]) -> str:
    """Draw the conversion of each arm with its interval; return nothing if the model has none."""
    known = [(index, arm, arm["interval"]) for index, arm in enumerate(arms)]
    ends = [100 * end for _, _, interval in known if interval for end in (interval["lower"], interval["upper"])]
    if not ends:
        return ""
    names = [_arm_label(arm) for arm in reversed(arms)]
    x = svg.number_axis(labels.AXIS_CONVERSION, ends, labels.PERCENT)
    height, left = 80 + 40 * len(arms), 8 + 7 * max(map(len, names))
    plot = svg.Plot(x, svg.name_axis("", names, len(names)), labels.CONVERSION_TITLE, height, left)
    for index, arm, interval in known:
        rate = arm["conversion_rate"]
        if interval is not None:
            middle = None if rate is None else 100 * rate
            plot.interval(len(arms) - 1 - index, _percent_ends(interval), middle, index)
    return plot.render()


def trend(points: Sequence[answers.HistoryPoint], arms: Sequence[answers.HistoryVariant]) -> str:
    """Draw the conversion to date by day, with the bands of the intervals."""
    rates = [_percentages(_line(points, arm, "conversion_rate")) for arm in arms]
    bands = [_bands(points, arm) for arm in arms]
    shown = [end for band in bands for _, ends in band for end in ends] + [rate for line in rates for _, rate in line]
    y = svg.number_axis(labels.AXIS_CONVERSION, shown, labels.PERCENT)
    plot = svg.Plot(_day_axis(points), y, labels.TREND_TITLE[Window.TO_DATE])
    for index, (arm, line, band) in enumerate(zip(arms, rates, bands, strict=True)):
        if band:
            upper = [(day, ends[1]) for day, ends in band]
            lower = [(day, ends[0]) for day, ends in reversed(band)]
            plot.area([*upper, *lower], index)
        plot.line(line, index, _arm_label(arm))
    return plot.render()


def boundary(points: Sequence[answers.HistoryPoint], arms: Sequence[answers.HistoryVariant]) -> str:
    """Draw the path of each arm's score z and its boundaries; return nothing if there was no look."""
    paths = [_line(points, arm, "statistic") for arm in arms]
    boundaries = [_line(points, arm, "boundary") for arm in arms]
    if not any(boundaries):
        return ""
    sizes = [abs(value) for line in (*paths, *boundaries) for _, value in line]
    reach = max(3.0, min(LARGEST_Z, 1.1 * max(sizes)))
    y = svg.Axis(labels.AXIS_Z, -reach, reach, svg.ticks(-reach, reach))
    plot = svg.Plot(_day_axis(points), y, labels.BOUNDARY_TITLE)
    plot.mark_zero()
    for index, (arm, path, limits) in enumerate(zip(arms, paths, boundaries, strict=True)):
        if path:
            plot.line([(day, max(-reach, min(reach, value))) for day, value in path], index, _arm_label(arm))
        _add_boundaries(plot, [(day, value) for day, value in limits if value <= reach], index, arm)
    return plot.render()


def _add_boundaries(plot: svg.Plot, limits: _Line, index: int, arm: answers.HistoryVariant) -> None:
    if not limits:  # the control is compared with nothing; an arm may have no look yet
        return
    plot.line(limits, index, labels.BOUNDARY_OF.format(arm=_arm_label(arm)), dotted=True)
    plot.line([(day, -value) for day, value in limits], index, dotted=True)


def posterior(arms: Sequence[answers.PosteriorVariant]) -> str:
    """Draw the density of each arm's conversion; return nothing if the model has none."""
    curves = [(index, arm, arm["density"]) for index, arm in enumerate(arms) if arm["density"] is not None]
    known = [(index, arm, curve) for index, arm, curve in curves if curve]
    if not known:
        return ""
    peak = max(max(curve["density"]) for _, _, curve in known)
    conversions = [100 * value for _, _, curve in known for value in curve["conversion"]]
    x = svg.number_axis(labels.AXIS_CONVERSION, conversions, labels.PERCENT)
    plot = svg.Plot(x, svg.Axis(labels.AXIS_DENSITY, -0.07 * (len(arms) + 1), 1.05, []), labels.POSTERIOR_TITLE)
    for index, arm, curve in known:
        line = [(100 * rate, value / peak) for rate, value in zip(curve["conversion"], curve["density"], strict=True)]
        plot.area([(line[0][0], 0.0), *line, (line[-1][0], 0.0)], index)
        plot.line(line, index, _arm_label(arm), dots=False)
        if arm["hdi"] is not None:
            plot.interval(-0.07 * (index + 1), _percent_ends(arm["hdi"]), None, index)
    return plot.render()


def _series(
    points: Sequence[answers.HistoryPoint], arm: answers.HistoryVariant
) -> list[tuple[float, answers.HistoryVariant]]:
    days = {point["day"]: float(index) for index, point in enumerate(points)}
    return [(days[day], values) for day, values in arm_series(points, arm)]


def _line(points: Sequence[answers.HistoryPoint], arm: answers.HistoryVariant, measure: _Measure) -> _Line:
    """Return a measure of an arm by the index of the day, where it is known."""
    known = [(day, values[measure]) for day, values in _series(points, arm)]
    return [(day, value) for day, value in known if value is not None]


def _percentages(line: _Line) -> _Line:
    return [(day, 100 * value) for day, value in line]


def _bands(
    points: Sequence[answers.HistoryPoint], arm: answers.HistoryVariant
) -> list[tuple[float, tuple[float, float]]]:
    """Return the ends of an arm's interval in per cent by the index of the day, where they are known."""
    known = [(day, values["interval"]) for day, values in _series(points, arm)]
    return [(day, _percent_ends(interval)) for day, interval in known if interval is not None]


def _percent_ends(interval: answers.Interval) -> tuple[float, float]:
    return 100 * interval["lower"], 100 * interval["upper"]


def _day_axis(points: Sequence[answers.HistoryPoint]) -> svg.Axis:
    return svg.name_axis(labels.AXIS_DAY, [point["day"] for point in points], 7)


def _arm_label(arm: answers.Arm) -> str:
    name = formatting.arm_name(arm["id"], arm["role"])
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
