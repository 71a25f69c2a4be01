"""The arms of an experiment as a table: for the terminal, with their intervals drawn on one scale, and as HTML."""

from collections.abc import Container, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from abtest_lib.analysis.arms import Arm
from abtest_lib.analysis.display import html_small_print, html_table
from abtest_lib.errors import one_line
from abtest_lib.formatting import probability

_NARROWEST_PLOT, _WIDEST_PLOT = 12, 32
_ARM = 16
"""Characters that the name of an arm keeps on one line, however narrow the terminal."""

_TWO_DIGITS = 0.0999
"""A scale that ends below it has room for two digits behind the point."""

_PLOT = "plot"
_COLUMNS = ("arm", "users", "purchases", "conversion", _PLOT, "best", "beats", "lift, 95 % interval", "expected loss")
_FIRST_TO_GO = ("expected loss", "purchases", _PLOT, "best", "beats", "users", "conversion")
_MEANINGS = {
    "arm": "* control",
    "conversion": "conversion: purchases / users",
    _PLOT: "├─●─┤: posterior mean and 95 % interval, on the scale above",
    "best": "best: probability to convert best",
    "beats": "beats: probability to beat the control",
}


def fit_columns(arms: Sequence[Arm], width: int) -> dict[str, int]:
    """Choose the columns that a terminal has room for; nothing that is shown is cut.

    Args:
        arms: The arms.
        width: Characters of the terminal.

    Returns:
        Column to its width in characters, in the order of the table.
    """
    cells = [_cells(arm) for arm in arms]
    widths = {name: max([len(name), *(cell[name].cell_len for cell in cells)]) for name in _COLUMNS}
    arm, widths["arm"], widths[_PLOT] = widths["arm"], min(widths["arm"], _ARM), _NARROWEST_PLOT
    for name in _FIRST_TO_GO:
        if _total(widths) > width:
            del widths[name]
    widths["arm"] += max(0, min(arm - widths["arm"], width - _total(widths)))
    if _PLOT in widths:
        widths[_PLOT] = min(_WIDEST_PLOT, _NARROWEST_PLOT + width - _total(widths))
    return widths


def arms_table(arms: Sequence[Arm], columns: Mapping[str, int]) -> Table:
    """Make the table.

    Args:
        arms: The arms.
        columns: Column to its width in characters, as `fit_columns` chooses them.
    """
    low, high = _scale(arms)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in columns.items():
        title = _ends(low, high, width) if name == _PLOT else name
        is_text = name in {"arm", _PLOT}
        table.add_column(
            title, justify="left" if is_text else "right", width=width, no_wrap=name != "arm", overflow="fold"
        )
    for arm in arms:
        cells = _cells(arm)
        if _PLOT in columns and arm.posterior is not None:
            ends = arm.posterior.interval.lower, arm.posterior.mean, arm.posterior.interval.upper
            cells[_PLOT] = Text(interval_plot(*ends, low, high, columns[_PLOT]))
        table.add_row(*(cells[name] for name in columns))
    return table


def arms_html(arms: Sequence[Arm]) -> str:
    """Write the table as HTML with its legend, without the drawn intervals."""
    names = [name for name in _COLUMNS if name != _PLOT]
    rows = [[_cells(arm)[name].plain for name in names] for arm in arms]
    return html_table(names, rows) + html_small_print(legend(names))


def legend(columns: Container[str]) -> str:
    """Explain the marks and short headings of the table."""
    return "; ".join(meaning for name, meaning in _MEANINGS.items() if name in columns)


def interval_plot(
    lower: float | None, mean: float | None, upper: float | None, low: float, high: float, width: int
) -> str:
    """Draw an interval and its mean as text, on a scale from `low` to `high`; what lies outside is drawn at its end.

    Examples:
        >>> interval_plot(0.1, 0.2, 0.3, 0.0, 0.4, width=21).rstrip()
        '     ├────●────┤'
    """
    if lower is None or mean is None or upper is None:
        return ""
    shares = ((value - low) / (high - low) for value in (lower, mean, upper))
    first, middle, last = (round(max(0.0, min(1.0, share)) * (width - 1)) for share in shares)
    cells = [" "] * first + ["─"] * (last - first + 1) + [" "] * (width - 1 - last)
    cells[first], cells[last] = "├", "┤"
    cells[middle] = "●"
    return "".join(cells)


def _total(widths: Mapping[str, int]) -> int:
    """Characters that a table takes: the columns, two between any two, one at each edge."""
    return sum(widths.values()) + 2 * len(widths)


def _scale(arms: Sequence[Arm]) -> tuple[float, float]:
    """The least and the largest of all that is drawn; a mean may lie outside its interval."""
    known = [arm.posterior for arm in arms if arm.posterior is not None]
    drawn = [end for one in known for end in (one.interval.lower, one.mean, one.interval.upper)]
    if not drawn or max(drawn) <= min(drawn):
        return 0.0, 1.0
    return min(drawn), max(drawn)


def _ends(low: float, high: float, width: int) -> str:
    """The ends of the scale, above its ends; they take no more than the narrowest plot."""
    digits = 2 if high < _TWO_DIGITS else 1
    first, last = f"{low:.{digits}%}", f"{high:.{digits}%}"
    return first + last.rjust(width - len(first))


def _cells(arm: Arm) -> dict[str, Text]:
    known = arm.posterior
    cells = (
        one_line(arm.id, 40) + (" *" if arm.is_control else ""),
        _count(arm.users),
        _count(arm.purchases),
        _percent(arm.conversion, 2),
        "",
        "" if known is None else _probability(known.probability_best),
        "" if known is None else _probability(known.probability_beats_control),
        _lift(arm),
        "" if known is None else _percent(known.expected_loss, 3),
    )
    texts = (cell if isinstance(cell, Text) else Text(cell) for cell in cells)
    return dict(zip(_COLUMNS, texts, strict=True))


def _lift(arm: Arm) -> Text:
    if arm.lift is None or arm.lift_interval is None:
        return Text()
    ends = f"{arm.lift_interval.lower:+.1%}…{arm.lift_interval.upper:+.1%}"
    return Text.assemble(f"{arm.lift:+.1%} ", (ends, "dim"))


def _percent(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}%}"


def _probability(value: float | None) -> str:
    return "" if value is None else probability(value).replace(" ", "")


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
