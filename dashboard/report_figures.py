"""The report's plots of one experiment."""

from collections.abc import Sequence

from dashboard import shapes, svg, texts, words

_TALLEST_Z = 8.0
_LONGEST_NAME = 22


def conversion(arms: Sequence[shapes.HistoryArm]) -> str:
    """Conversion of each arm with its interval; empty where the model has none."""
    known = [(place, arm, arm["interval"]) for place, arm in enumerate(arms)]
    values = [100 * end for _, _, found in known if found for end in (found["lower"], found["upper"])]
    if not values:
        return ""
    names = [_short(words.arm(arm["id"], arm["role"])) for arm in reversed(arms)]
    height = 80 + 40 * len(arms)
    axes = svg.numbers(texts.AXIS_CONVERSION, values, texts.PERCENT), svg.places("", names, len(names))
    plot = svg.Plot(*axes, texts.CONVERSION_TITLE, height, 8 + 7 * max(map(len, names)))
    for place, arm, found in known:
        rate = arm["conversion_rate"]
        if found is not None:
            middle = None if rate is None else 100 * rate
            plot.interval(len(arms) - 1 - place, (100 * found["lower"], 100 * found["upper"]), middle, place)
    return plot.render()


def trend(points: Sequence[shapes.Point], arms: Sequence[shapes.HistoryArm]) -> str:
    """Conversion to date by day, with bands."""
    series = [_series(points, arm) for arm in arms]
    bands = [[(day, found["interval"]) for day, found in one if found["interval"] is not None] for one in series]
    ends = [100 * end for one in bands for _, found in one if found for end in (found["lower"], found["upper"])]
    rates = [
        100 * found["conversion_rate"] for one in series for _, found in one if found["conversion_rate"] is not None
    ]
    y = svg.numbers(texts.AXIS_CONVERSION, [*ends, *rates], texts.PERCENT)
    plot = svg.Plot(_days(points), y, texts.TREND_TITLE["to_date"])
    for place, (arm, one, band) in enumerate(zip(arms, series, bands, strict=True)):
        above = [(float(day), 100 * found["upper"]) for day, found in band if found]
        below = [(float(day), 100 * found["lower"]) for day, found in band if found]
        if above:
            plot.area([*above, *reversed(below)], place)
        plot.line(_rates(one), place, _short(words.arm(arm["id"], arm["role"])))
    return plot.render()


def boundary(points: Sequence[shapes.Point], arms: Sequence[shapes.HistoryArm]) -> str:
    """The path of each arm's z between the boundaries; empty where no look was made."""
    paths = [
        [(float(day), found["statistic"]) for day, found in _series(points, arm) if found["statistic"] is not None]
        for arm in arms
    ]
    walls = [
        [(float(day), found["boundary"]) for day, found in _series(points, arm) if found["boundary"] is not None]
        for arm in arms
    ]
    if not any(walls):
        return ""
    seen = [abs(value) for one in (*paths, *walls) for _, value in one]
    reach = max(3.0, min(_TALLEST_Z, 1.1 * max(seen)))
    y = svg.Axis(texts.AXIS_Z, -reach, reach, svg.ticks(-reach, reach))
    plot = svg.Plot(_days(points), y, texts.BOUNDARY_TITLE)
    plot.mark_zero(vertical=False)
    for place, (arm, path, wall) in enumerate(zip(arms, paths, walls, strict=True)):
        name = _short(words.arm(arm["id"], arm["role"]))
        if path:
            plot.line([(day, max(-reach, min(reach, value))) for day, value in path], place, name)
        for sign in (1, -1):
            inside = [(day, sign * value) for day, value in wall if value <= reach]
            if not inside:  # the control, which is compared with nothing, and arms without a look
                continue
            title = texts.BOUNDARY_OF.format(arm=name) if sign > 0 else ""
            plot.line(inside, place, title, dotted=True)
    return plot.render()


def posterior(arms: Sequence[shapes.PosteriorArm]) -> str:
    """The density of each arm's conversion; empty where the model has none."""
    known = [(place, arm, arm["density"]) for place, arm in enumerate(arms) if arm["density"] is not None]
    curves = [curve for _, _, curve in known if curve]
    if not curves:
        return ""
    peak = max(max(curve["density"]) for curve in curves)
    x = svg.numbers(
        texts.AXIS_CONVERSION, [100 * value for curve in curves for value in curve["conversion"]], texts.PERCENT
    )
    plot = svg.Plot(x, svg.Axis(texts.AXIS_DENSITY, -0.07 * (len(arms) + 1), 1.05, []), texts.POSTERIOR_TITLE)
    for place, arm, curve in known:
        if curve is None:
            continue
        points = [(100 * a, b / peak) for a, b in zip(curve["conversion"], curve["density"], strict=True)]
        plot.area([(points[0][0], 0.0), *points, (points[-1][0], 0.0)], place)
        plot.line(points, place, _short(words.arm(arm["id"], arm["role"])), dots=False)
        if arm["hdi"] is not None:
            plot.interval(-0.07 * (place + 1), (100 * arm["hdi"]["lower"], 100 * arm["hdi"]["upper"]), None, place)
    return plot.render()


def _series(points: Sequence[shapes.Point], arm: shapes.HistoryArm) -> list[tuple[int, shapes.HistoryArm]]:
    return [
        (place, found) for place, point in enumerate(points) for found in point["variants"] if found["id"] == arm["id"]
    ]


def _rates(series: Sequence[tuple[int, shapes.HistoryArm]]) -> list[tuple[float, float]]:
    """Day and conversion in per cent, where anybody was counted."""
    known = [(float(day), found["conversion_rate"]) for day, found in series]
    return [(day, 100 * rate) for day, rate in known if rate is not None]


def _days(points: Sequence[shapes.Point]) -> svg.Axis:
    return svg.places(texts.AXIS_DAY, [point["day"] for point in points], 7)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
