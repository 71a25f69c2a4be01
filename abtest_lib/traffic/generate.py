"""Write synthetic traffic to disk in constant memory."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from abtest_lib.errors import MachineError, UsageError, one_line
from abtest_lib.traffic.corruption import corrupt_rows
from abtest_lib.traffic.events import COLUMNS, FIELDS, EventSource, Traffic
from abtest_lib.traffic.truth import write_truth
from abtest_lib.traffic.writers import SUFFIXES, OutputFile, suffix_of


@dataclass(frozen=True, slots=True)
class Generated:
    """The files that were written.

    Attributes:
        rows: Rows in all files, duplicates and broken ones included, headers not.
        files: The files with events, in the order of the days.
        truth: The file with the true effects.
        registry: The file with the experiments as they were declared.
        metrics: The file with the metric catalogue; None where events have no further columns.
        corruptions: How often each kind of corruption was used.
    """

    rows: int
    files: tuple[Path, ...]
    truth: Path
    registry: Path
    metrics: Path | None
    corruptions: dict[str, int]


def generate_traffic(
    traffic: Traffic,
    out: Path,
    folder_suffix: str = ".csv",
    on_day: Callable[[int, int], None] = lambda _day, _rows: None,
) -> Generated:
    """Generate events day by day, and write them and the truth about them.

    Args:
        traffic: What to generate.
        out: A file whose suffix names the format, or a folder that gets one file per day.
        folder_suffix: The format of the files of a folder.
        on_day: Called after each day with the days done and the rows written.

    Returns:
        What was written.

    Raises:
        UsageError: A setting or the output's name is not allowed.
        MachineError: The disk refuses the files.
    """
    _check(traffic)
    suffix = suffix_of(out)
    if folder_suffix not in SUFFIXES:
        raise UsageError(f"unknown format '{folder_suffix}': must be one of {', '.join(SUFFIXES)}")
    try:
        return _generate(traffic, out, suffix, folder_suffix, on_day)
    except OSError as error:
        raise MachineError(f"cannot write {out}: {one_line(error)}") from None


def _generate(
    traffic: Traffic, out: Path, suffix: str, folder_suffix: str, on_day: Callable[[int, int], None]
) -> Generated:
    (out.parent if suffix else out).mkdir(parents=True, exist_ok=True)
    source, rows, corruptions, files = EventSource(traffic), 0, Counter[str](), []
    names = (*FIELDS, *COLUMNS) if traffic.columns else FIELDS
    whole: AbstractContextManager[OutputFile | None] = OutputFile(out, names) if suffix else nullcontext()
    with whole as single:
        for day in range(traffic.days):
            if single is not None:
                rows += _write_day(source, day, single, corruptions)
            else:
                files.append(_day_path(traffic, out, day, folder_suffix))
                with OutputFile(files[-1], names) as daily:
                    rows += _write_day(source, day, daily, corruptions)
            on_day(day + 1, rows)
    stem = out.with_name(out.name[: len(out.name) - len(suffix)])
    truth = write_truth(traffic, stem)
    return Generated(rows, tuple(files) or (out,), truth.truth, truth.registry, truth.metrics, dict(corruptions))


def _write_day(source: EventSource, day: int, file: OutputFile, corruptions: Counter[str]) -> int:
    written = 0
    for rng, rows in source.blocks(day):
        corrupted = corrupt_rows(rng, rows, source.traffic.dirty, every_kind=not corruptions)
        corruptions.update(corrupted.counts)
        file.write(rows, corrupted)
        written += len(rows)
    return written


def _day_path(traffic: Traffic, folder: Path, day: int, suffix: str) -> Path:
    return folder / f"events-{traffic.start + timedelta(days=day)}{suffix}"


def _check(traffic: Traffic) -> None:
    for value, place in ((traffic.users, "users"), (traffic.days, "days")):
        if value < 1:
            raise UsageError(f"{place} = {value}: must be at least 1")
    if not 0 <= traffic.dirty <= 1:
        raise UsageError(f"dirty = {traffic.dirty}: must be a share from 0 to 1")
    if traffic.seed < 0:
        raise UsageError(f"seed = {traffic.seed}: must not be negative")
