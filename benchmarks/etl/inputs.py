"""The inputs: the sample or traffic of its size, copies of it with new users, and sixty days and one."""

import csv
import gzip
from datetime import date
from pathlib import Path
from typing import IO

from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic

HISTORY_DAYS = 60


def base_events(sample: Path, folder: Path) -> Path:
    """The sample; where it is absent, generated traffic of two days and about as many rows."""
    if sample.exists():
        return sample
    path = folder / "generated.csv.gz"
    if not path.exists():
        traffic = Traffic(10_800, 2, 1, date(2021, 8, 1), "America/New_York", DEFAULT_EXPERIMENTS)
        generate_traffic(traffic, path)
    return path


def copies(base: Path, times: int, folder: Path) -> Path:
    """The base as plain CSV, `times` over, each copy with users of its own; streamed, never in memory as a whole.

    Args:
        base: CSV, plain or compressed.
        times: How many copies.
        folder: Where the result goes; it is made once.

    Returns:
        The file.
    """
    path = folder / f"events-x{times}.csv"
    if path.exists():
        return path
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        for copy in range(times):
            with _opened(base) as source:
                reader = csv.reader(source)
                header = next(reader)
                user = header.index("user_id")
                if copy == 0:
                    writer.writerow(header)
                writer.writerows([*row[:user], f"{copy}-{row[user]}", *row[user + 1 :]] for row in reader)
    part.replace(path)
    return path


def _opened(path: Path) -> IO[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8", newline="")


def rows_of(path: Path) -> int:
    """Rows of a CSV file without line breaks in fields, not counting the header."""
    with _opened(path) as file:
        return sum(1 for _ in file) - 1


def days(users: int, folder: Path) -> tuple[Path, Path]:
    """Sixty days of traffic in a folder, and the day after them as a file."""
    history, new = folder / f"history-{users}", folder / f"new-day-{users}"
    if not new.exists():
        everything = folder / f"all-days-{users}"
        traffic = Traffic(users, HISTORY_DAYS + 1, 1, date(2021, 8, 1), "UTC", DEFAULT_EXPERIMENTS)
        *_, last = generate_traffic(traffic, everything).files
        new.mkdir()
        last.replace(new / last.name)
        everything.replace(history)
    return history, next(new.iterdir())
