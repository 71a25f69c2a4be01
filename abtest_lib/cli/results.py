"""`abtest results`: what is believed of every arm of one experiment."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

_NARROWEST_PLOT, _WIDEST_PLOT = 14, 32
_WIDE = 112
"""Columns of a terminal that has room for everything."""

_ONLY_WIDE = ("purchases", "expected loss")

Row = dict[str, Any]


def results(
    experiment: Annotated[str, typer.Argument(help="The experiment's name.")],
    lake: Annotated[str, typer.Option(help="Where the tables live: a directory or s3a://bucket/prefix.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of which day; the last one when not given.")
    ] = None,
    window: Annotated[str, typer.Option(help="`to_date`: the experiment so far; `day`: that day alone.")] = "to_date",
) -> None:
    """Print the arms of an experiment: conversion, chance to be best and to beat control, lift, and the decision."""
    from rich.console import Console
    from rich.markup import escape

    from abtest_lib.errors import UsageError, one_line

    if window not in {"to_date", "day"}:
        raise UsageError(f"unknown window '{one_line(window, 60)}': the windows are to_date, day")
    wanted = None if day is None else day.date()
    shown, rows = find_posterior(lake, experiment, wanted, window)
    console = Console()
    name = escape(one_line(experiment))
    console.print(f"[bold]{name}[/] on {shown}, {'to date' if window == 'to_date' else 'that day alone'}")
    console.print(arms_table(rows, console.width))
    for line in _notes(rows):
        console.print(f"[dim]{escape(line)}[/]", highlight=False)
    verdict = find_verdict(lake, experiment, shown)
    if verdict is not None:
        decision = verdict["decision"].replace("_", " ")
        console.print(f"[bold]{decision}[/]: {escape(one_line(verdict['explanation'], 1_000))}", highlight=False)


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
    from abtest_lib.cli.lake import open_table
    from abtest_lib.contracts import POSTERIORS
    from abtest_lib.errors import LakeError, UsageError, one_line
    from abtest_lib.verdict.control import arm_order

    table = open_table(POSTERIORS, lake)
    if table is None:
        raise LakeError(f"lake {lake} has no gold/posteriors: run the pipeline first")
    key = [("experiment_name", "=", experiment), ("window", "=", window)]
    days = set(table.to_pyarrow_table(columns=["day"], filters=key).column("day").to_pylist())
    if not days:
        raise UsageError(f"no experiment '{one_line(experiment, 80)}' in {lake}{_suggestion(table, experiment)}")
    shown = max(days) if day is None else day
    if shown not in days:
        first, last = min(days), max(days)
        raise UsageError(
            f"no posterior of '{one_line(experiment, 80)}' on {shown}: there are some from {first} to {last}"
        )
    rows: list[Row] = table.to_pyarrow_table(filters=[*key, ("day", "=", shown)]).to_pylist()
    return shown, sorted(rows, key=lambda row: arm_order(row["variant_id"]))


def find_verdict(lake: str, experiment: str, day: date) -> Row | None:
    """The experiment's row of gold/verdicts on a day, or None."""
    from abtest_lib.cli.lake import open_table
    from abtest_lib.contracts import VERDICTS

    table = open_table(VERDICTS, lake)
    if table is None:
        return None
    rows: list[Row] = table.to_pyarrow_table(
        filters=[("experiment_name", "=", experiment), ("day", "=", day)]
    ).to_pylist()
    return rows[0] if rows else None


def arms_table(rows: Sequence[Row], width: int) -> "Table":
    """The arms as a table for the terminal, with their 95 % intervals drawn on one scale.

    Args:
        rows: Rows of gold/posteriors, one per arm.
        width: Columns of the terminal; a narrow one gets a smaller plot and only what matters most.

    Returns:
        The table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    is_narrow = width < _WIDE
    plot_width = max(_NARROWEST_PLOT, min(_WIDEST_PLOT, width - _WIDE + _NARROWEST_PLOT))
    low, high = _scale(rows)
    scale = f"{low:.2%}".ljust(plot_width - 7) + f"{high:.2%}".rjust(7)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    columns = [column for column in _columns(scale) if not (is_narrow and column in _ONLY_WIDE)]
    for column in columns:
        is_text = column in {"arm", scale}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column != "arm", overflow="fold")
    for row in rows:
        plot = interval_plot(
            row["interval_lower"], row["conversion_mean"], row["interval_upper"], low, high, plot_width
        )
        cells = dict(zip(_columns(scale), _cells(row, plot), strict=True))
        table.add_row(*(cells[column] for column in columns))
    return table


def interval_plot(
    lower: float | None, mean: float | None, upper: float | None, low: float, high: float, width: int
) -> str:
    """An interval and its mean as text, on a scale from `low` to `high`.

    Examples:
        >>> interval_plot(0.1, 0.2, 0.3, 0.0, 0.4, width=21).rstrip()
        '     ├────●────┤'
    """
    if lower is None or mean is None or upper is None:
        return ""
    first, middle, last = (round((value - low) / (high - low) * (width - 1)) for value in (lower, mean, upper))
    cells = [" "] * first + ["─"] * (last - first + 1) + [" "] * (width - 1 - last)
    cells[first], cells[last] = "├", "┤"
    cells[middle] = "●"
    return "".join(cells)


def _columns(scale: str) -> tuple[str, ...]:
    return ("arm", "users", "purchases", "conversion", scale, "best", "beats", "lift, 95 % interval", "expected loss")


def _scale(rows: Sequence[Row]) -> tuple[float, float]:
    lows = [row["interval_lower"] for row in rows if row["interval_lower"] is not None]
    highs = [row["interval_upper"] for row in rows if row["interval_upper"] is not None]
    if not lows or max(highs) <= min(lows):
        return 0.0, 1.0
    return min(lows), max(highs)


def _cells(row: Row, plot: str) -> tuple[str, ...]:
    from rich.markup import escape

    from abtest_lib.errors import one_line

    lift = ""
    if row["lift_median"] is not None:
        lift = f"{row['lift_median']:+.1%} [dim]{row['lift_lower']:+.1%}…{row['lift_upper']:+.1%}[/]"
    return (
        escape(one_line(row["variant_id"], 40)) + (" [dim](control)[/]" if row["is_control"] else ""),
        _count(row["users"]),
        _count(row["purchases"]),
        _percent(row["conversion_mean"], 2),
        plot,
        _percent(row["probability_best"], 1),
        _percent(row["probability_beats_control"], 1),
        lift,
        _percent(row["expected_loss"], 3),
    )


def _percent(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}%}"


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

    names = sorted(set(table.to_pyarrow_table(columns=["experiment_name"]).column("experiment_name").to_pylist()))
    close = get_close_matches(experiment, names, n=3, cutoff=0.4)
    return f": did you mean {', '.join(close)}?" if close else f": it holds {len(names)} others"
