"""How long the first page takes in a browser: over a lake, and over 10,000 experiments.

    python benchmarks/dashboard/run.py [--lake .demo/lake]

Time is from asking for the address to the last piece of the page, in a fresh browser profile without any cache.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/api"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/dashboard"))

import lakes
from looking import Looker
from playwright.sync_api import Browser, sync_playwright
from serving import listening
from sites import dashboard

EXPERIMENTS, DAYS, ROUNDS = 10_000, 14, 5
PAGES = ("", "experiment", "pipeline", "plan", "try", "reference")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path, help="a lake to measure first")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("| lake | page | first (s) | median of 5 (s) | worst (s) |\n|---|---|---|---|---|")
        if given.lake:
            measure("demo", given.lake, Path(folder) / "demo")
        large = Path(folder) / "lake"
        build(large)
        measure(f"{EXPERIMENTS:,} experiments, {DAYS} days", large, Path(folder) / "large")


def measure(name: str, lake: Path, cache: Path) -> None:
    """Open every page of a dashboard over a lake, the first time and then some more."""
    cache.mkdir()
    with listening(lake, cache, cache_bytes="4GiB") as api, dashboard(api) as shown, chromium() as browser:
        for path in PAGES:
            seconds = [once(browser, shown, path) for _ in range(ROUNDS)]
            cells = (seconds[0], statistics.median(seconds), max(seconds))
            print(
                f"| {name} | {path or 'overview'} | " + " | ".join(f"{value:.2f}" for value in cells) + " |", flush=True
            )


def once(browser: Browser, address: str, path: str) -> float:
    """Seconds until a page is complete, without a cache."""
    looker = Looker(browser.new_context(), address)
    began = perf_counter()
    looker.open(path)
    took = perf_counter() - began
    looker.close()
    return took


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    executable = shutil.which("chromium") or sys.exit("error: no Chromium")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def build(lake: Path) -> None:
    """Write a lake with many experiments of two arms on each of some days."""
    names = [f"team-{number % 40}/experiment-{number:05}" for number in range(EXPERIMENTS)]
    days = [date(2021, 8, 1) + timedelta(days=day) for day in range(DAYS)]
    versions: dict[str, int] = {}
    for place, day in enumerate(days):
        for contract, rows in day_rows(names, day, days[0]).items():
            found = lakes.BY_NAME[contract][0]
            versions[contract] = lakes.write(lake, found, rows, mode="append" if place else "overwrite")
    lakes.write_runs(lake)
    lakes.publish(lake, "large", versions)


def day_rows(names: list[str], day: date, first: date) -> dict[str, list[dict[str, Any]]]:
    """One day of every gold table."""
    counts = {"A": (500, 25), "B": (505, 29)}
    crossed = {"period_start": first, "cross_exposed_users": 0, "cross_exposed_purchases": 0}
    daily = [row for name in names for row in lakes.arm_rows(day, name, counts)]
    to_date = [row for name in names for row in lakes.arm_rows(day, name, counts, **crossed)]
    health = [
        {
            "day": day, "experiment_name": name, "participants": 1005, "participants_to_date": 1005,
            "cross_exposed_users": 0, "cross_exposed_users_to_date": 0, "first_day": first, "days_running": 14,
        }
        for name in names
    ]  # fmt: skip
    template = {row["variant_id"]: row for row in lakes.posteriors() if row["window"] == "to_date"}
    posteriors = [
        {**template["4915" if arm == "A" else "4916"], "experiment_name": name, "variant_id": arm, "day": day}
        for name in names
        for arm in counts
    ]
    verdict = {**lakes.verdicts()[0], "control_id": "A", "winner": "B", "day": day, "period_start": first}
    verdicts = [{**verdict, "experiment_name": name} for name in names]
    compared = {**lakes.comparisons()[0], "day": day, "variant_id": "B", "control_id": "A"}
    comparisons = [{**compared, "experiment_name": name} for name in names]
    return {
        "gold/experiment_daily": daily, "gold/experiment_to_date": to_date, "gold/experiment_health": health,
        "gold/posteriors": posteriors, "gold/verdicts": verdicts, "gold/comparisons": comparisons,
    }  # fmt: skip


if __name__ == "__main__":
    main()
