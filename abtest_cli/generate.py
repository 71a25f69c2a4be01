"""`abtest generate`: synthetic traffic with a known truth."""

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abtest_cli.options import parse_day

if TYPE_CHECKING:
    from abtest_lib.traffic.events import Traffic


def generate(  # noqa: PLR0917  the options of the command, all given by name
    users: Annotated[int, typer.Option(help="How many users; each comes at least once.")] = 20_000,
    days: Annotated[int, typer.Option(help="How many days.")] = 14,
    seed: Annotated[int, typer.Option(help="Equal settings and seeds give equal bytes.")] = 20_210_801,
    effects: Annotated[
        Path | None, typer.Option(help="YAML or JSON with true effects, e.g. `search/aa-test: {'4515': 0.1}`.")
    ] = None,
    dirty: Annotated[
        float, typer.Option(help="The share of rows that are broken, duplicated or unusual, e.g. 0.02.")
    ] = 0.0,
    columns: Annotated[
        bool,
        typer.Option("--columns", help="Add price and device, and experiments with goals and guardrails."),
    ] = False,
    correlation: Annotated[
        float, typer.Option(help="With --columns: the correlation of a user's revenue from week to week, 0.1 to 0.75.")
    ] = 0.5,
    out: Annotated[
        Path,
        typer.Option(
            help="A file ending in .csv, .csv.gz, .json, .jsonl (.gz) or .parquet, or a folder: a file per day."
        ),
    ] = Path("events.csv"),
    file_format: Annotated[str, typer.Option("--format", help="The format of the files of a folder.")] = "csv",
    start: Annotated[
        date,
        typer.Option(parser=parse_day, metavar="DAY", show_default=False, help="The first day.  [default: 2021-08-01]"),
    ] = date(2021, 8, 1),
    timezone: Annotated[str, typer.Option(help="The time zone of the users' clocks.")] = "America/New_York",
) -> None:
    """Write synthetic events, with their true effects and the matching experiment registry."""
    from zoneinfo import ZoneInfo

    from abtest_lib.errors import UsageError, one_line
    from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS
    from abtest_lib.traffic.effects import read_effects
    from abtest_lib.traffic.events import Traffic
    from abtest_lib.traffic.metric_experiments import EXPERIMENTS_WITH_METRICS
    from abtest_lib.traffic.writers import SUFFIXES

    suffix = "." + file_format.lstrip(".")
    if suffix not in SUFFIXES:
        formats = ", ".join(known.lstrip(".") for known in SUFFIXES)
        raise UsageError(f"--format is '{one_line(file_format, 60)}': must be one of {formats}")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"timezone = '{timezone}': must be an IANA time zone such as America/New_York or UTC"
        ) from None
    known = EXPERIMENTS_WITH_METRICS if columns else DEFAULT_EXPERIMENTS
    experiments = read_effects(effects, known) if effects else known
    traffic = Traffic(users, days, seed, start, timezone, experiments, dirty, columns, correlation)
    _report(traffic, out, suffix)


def _report(traffic: "Traffic", out: Path, folder_suffix: str) -> None:
    from time import perf_counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from abtest_lib.traffic.generate import generate_traffic

    console, began = Console(stderr=True), perf_counter()
    columns = (
        TextColumn("generating day"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
    )
    # Where the bar is not drawn, it would leave an empty line.
    is_hidden = not console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=is_hidden) as progress:
        task = progress.add_task("", total=traffic.days, rows=0)
        generated = generate_traffic(
            traffic, out, folder_suffix, lambda day, rows: progress.update(task, completed=day, rows=rows)
        )
    seconds = perf_counter() - began
    place = out if len(generated.files) == 1 else f"{out}{os.sep} ({len(generated.files)} files)"
    events = "event" if generated.rows == 1 else "events"
    console.print(f"{generated.rows:,} {events} in {seconds:.1f} s → {place}", highlight=False)
    metrics = f", metrics → {generated.metrics}" if generated.metrics else ""
    console.print(f"true effects → {generated.truth}, registry → {generated.registry}{metrics}", highlight=False)
