"""`abtest results`: what is believed of every arm of one experiment."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abtest_cli.options import LakeOption

if TYPE_CHECKING:
    from rich.table import Table

_NARROWEST_PLOT, _WIDEST_PLOT = 12, 32
_ARM = 16
"""Characters that the name of an arm keeps on one line, however narrow the terminal."""

_TWO_DIGITS = 0.0999
"""A scale that ends below it has room for two digits behind the point."""

_PLOT = "plot"
_COLUMNS = ("arm", "users", "purchases", "conversion", _PLOT, "best", "beats", "lift, 95 % interval", "expected loss")
_FIRST_TO_GO = ("expected loss", "purchases", _PLOT, "best", "beats", "users", "conversion")

Row = dict[str, Any]


def results(
    lake: LakeOption,
    experiment: Annotated[str | None, typer.Argument(help="The experiment's name; without it all are listed.")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of which day; the last one when not given.")
    ] = None,
    window: Annotated[str, typer.Option(help="`to_date`: the experiment so far; `day`: that day alone.")] = "to_date",
) -> None:
    """Print the arms of an experiment: conversion, chance to be best and to beat control, lift, and the decision."""
    from rich.console import Console
    from rich.markup import escape

    from abtest_lib.errors import UsageError, one_line

    if experiment is None:
        _list_all(lake)
        return
    if window not in {"to_date", "day"}:
        raise UsageError(f"unknown window '{one_line(window, 60)}': the windows are to_date, day")
    wanted = None if day is None else day.date()
    shown, rows = find_posterior(lake, experiment, wanted, window)
    console = Console()
    name = escape(one_line(experiment))
    console.print(f"[bold]{name}[/] on {shown}, {'to date' if window == 'to_date' else 'that day alone'}")
    columns = fit_columns(rows, console.width)
    console.print(arms_table(rows, columns))
    for line in (_legend(columns), *_notes(rows)):
        console.print(f"[dim]{escape(line)}[/]", highlight=False)
    verdict = find_verdict(lake, experiment, shown)
    if verdict is not None:
        decision = verdict["decision"].replace("_", " ")
        console.print(f"[bold]{decision}[/]: {escape(one_line(verdict['explanation'], 1_000))}", highlight=False)


def _list_all(lake: str) -> None:
    from rich.console import Console

    from abtest_cli.verdict_table import print_verdicts, read_latest
    from abtest_lib.errors import LakeError

    verdicts = read_latest(lake)
    if not verdicts.rows:
        raise LakeError(f"lake {lake} has no gold/verdicts: run the pipeline first")
    print_verdicts(Console(), verdicts, lake, most=None)


def find_posterior(lake: str, experiment: str, day: date | None, window: str) -> tuple[date, list[Row]]:
    """Read one experiment's rows of gold/posteriors.

    Args:
        lake: The lake.
        experiment: The experiment.
        day: The day, or None for the last one on which the experiment has a posterior.
        window: `to_date` or `day`.

    Returns:
        The day and its rows, arms in their natural order.

    Raises:
        LakeError: The lake has no posteriors.
        UsageError: The experiment has none, or none on that day; the message names close names, or the days.
    """
    from abtest_lib.contracts import POSTERIORS
    from abtest_lib.errors import LakeError, UsageError, one_line
    from abtest_lib.lake.reader import open_table, read_rows
    from abtest_lib.verdict.control import arm_order

    table = open_table(POSTERIORS, lake)
    if table is None:
        raise LakeError(f"lake {lake} has no gold/posteriors: run the pipeline first")
    key = {"experiment_name": experiment, "window": window}
    days = {row["day"] for row in read_rows(table, ["day"], **key)}
    if not days:
        raise UsageError(f"no experiment '{one_line(experiment, 80)}' in {lake}{_suggestion(table, experiment)}")
    shown = max(days) if day is None else day
    if shown not in days:
        first, last = min(days), max(days)
        raise UsageError(
            f"no posterior of '{one_line(experiment, 80)}' on {shown}: there are some from {first} to {last}"
        )
    return shown, sorted(read_rows(table, **key, day=shown), key=lambda row: arm_order(row["variant_id"]))


def find_verdict(lake: str, experiment: str, day: date) -> Row | None:
    """The experiment's row of gold/verdicts on a day, or None."""
    from abtest_lib.contracts import VERDICTS
    from abtest_lib.lake.reader import open_table, read_rows

    table = open_table(VERDICTS, lake)
    if table is None:
        return None
    rows = read_rows(table, experiment_name=experiment, day=day)
    return rows[0] if rows else None


def fit_columns(rows: Sequence[Row], width: int) -> dict[str, int]:
    """The columns that a terminal has room for; nothing that is shown is cut.

    Args:
        rows: Rows of gold/posteriors, one per arm.
        width: Characters of the terminal.

    Returns:
        Column to its width in characters, in the order of the table.
    """
    from rich.text import Text

    cells = [_cells(row) for row in rows]
    widths = {name: max([len(name), *(Text.from_markup(cell[name]).cell_len for cell in cells)]) for name in _COLUMNS}
    arm, widths["arm"], widths[_PLOT] = widths["arm"], min(widths["arm"], _ARM), _NARROWEST_PLOT
    for name in _FIRST_TO_GO:
        if _total(widths) > width:
            del widths[name]
    widths["arm"] += max(0, min(arm - widths["arm"], width - _total(widths)))
    if _PLOT in widths:
        widths[_PLOT] = min(_WIDEST_PLOT, _NARROWEST_PLOT + width - _total(widths))
    return widths


def arms_table(rows: Sequence[Row], columns: Mapping[str, int]) -> "Table":
    """The arms as a table for the terminal, with their 95 % intervals drawn on one scale.

    Args:
        rows: Rows of gold/posteriors, one per arm.
        columns: Column to its width in characters.

    Returns:
        The table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    low, high = _scale(rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in columns.items():
        title = _ends(low, high, width) if name == _PLOT else name
        is_text = name in {"arm", _PLOT}
        table.add_column(
            title, justify="left" if is_text else "right", width=width, no_wrap=name != "arm", overflow="fold"
        )
    for row in rows:
        cells = _cells(row)
        if _PLOT in columns:
            ends = row["interval_lower"], row["conversion_mean"], row["interval_upper"]
            cells[_PLOT] = interval_plot(*ends, low, high, columns[_PLOT])
        table.add_row(*(cells[name] for name in columns))
    return table


def interval_plot(
    lower: float | None, mean: float | None, upper: float | None, low: float, high: float, width: int
) -> str:
    """An interval and its mean as text, on a scale from `low` to `high`; what lies beyond it is drawn at its end.

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


def _scale(rows: Sequence[Row]) -> tuple[float, float]:
    """The least and the largest of all that is drawn; a mean may lie outside its interval."""
    keys = ("interval_lower", "conversion_mean", "interval_upper")
    drawn = [row[key] for row in rows for key in keys if row[key] is not None]
    if not drawn or max(drawn) <= min(drawn):
        return 0.0, 1.0
    return min(drawn), max(drawn)


def _ends(low: float, high: float, width: int) -> str:
    """The ends of the scale, above its ends; they take no more than the narrowest plot."""
    digits = 2 if high < _TWO_DIGITS else 1
    first, last = f"{low:.{digits}%}", f"{high:.{digits}%}"
    return first + last.rjust(width - len(first))


def _cells(row: Row) -> dict[str, str]:
    from rich.markup import escape

    from abtest_lib.errors import one_line

    lift = ""
    if row["lift_median"] is not None:
        lift = f"{row['lift_median']:+.1%} [dim]{row['lift_lower']:+.1%}…{row['lift_upper']:+.1%}[/]"
    counted = row["purchases"] / row["users"] if row["users"] and row["purchases"] is not None else None
    cells = (
        escape(one_line(row["variant_id"], 40)) + (" *" if row["is_control"] else ""),
        _count(row["users"]),
        _count(row["purchases"]),
        _percent(counted, 2),
        "",
        _probability(row["probability_best"]),
        _probability(row["probability_beats_control"]),
        lift,
        _percent(row["expected_loss"], 3),
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _legend(columns: Mapping[str, int]) -> str:
    """What the marks and short headings of the table mean."""
    meanings = {
        "arm": "* control",
        "conversion": "conversion: purchases / users",
        _PLOT: "├─●─┤: posterior mean and 95 % interval, on the scale above",
        "best": "best: probability to convert best",
        "beats": "beats: probability to beat the control",
    }
    return "; ".join(meaning for name, meaning in meanings.items() if name in columns)


def _percent(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}%}"


def _probability(value: float | None) -> str:
    from abtest_lib.formatting import probability

    return "" if value is None else probability(value).replace(" ", "")


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _notes(rows: Sequence[Row]) -> list[str]:
    """How the numbers were made, and what is wrong with them."""
    notes = sorted({f"{row['status']}: {row['reason']}" for row in rows if row["reason"]})
    fitted = next((row for row in rows if row["conversion_mean"] is not None), None)
    if fitted is None:
        return notes
    proof = ""
    if fitted["r_hat"] is not None:
        proof = f", R-hat {fitted['r_hat']:.4f}, effective sample size {fitted['ess_bulk']:,.0f}"
    return [*notes, f"{fitted['engine']}{proof}, prior {fitted['prior']}, model {fitted['model_version']}"]


def _suggestion(table: Any, experiment: str) -> str:  # noqa: ANN401  deltalake comes with a command, not with this module
    from difflib import get_close_matches

    from abtest_lib.errors import one_line
    from abtest_lib.lake.reader import read_rows

    names = sorted({row["experiment_name"] for row in read_rows(table, ["experiment_name"])})
    close = get_close_matches(experiment, names, n=3, cutoff=0.4)
    if close:
        return f": did you mean {', '.join(one_line(name, 80) for name in close)}?"
    nearest = ", ".join(one_line(name, 80) for name in get_close_matches(experiment, names, n=3, cutoff=0.0))
    others = "1 other" if len(names) == 1 else f"{len(names):,} others"
    return f": it holds {others}; the nearest: {nearest}" if nearest else f": it holds {others}"
