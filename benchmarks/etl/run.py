"""Measure raw events to gold: the plain way, the project on both engines, and DuckDB, side by side.

    python benchmarks/etl/run.py                      # the sample and ten times as much, three runs each
    python benchmarks/etl/run.py --sizes 1 10 100 --repeat 1
    python benchmarks/etl/run.py --only days          # one new day onto sixty

Every run is a process of its own (cold); the start of its session is not counted. The table is printed, and
written to results.md beside the inputs.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import inputs
from measure import Measured, measure

HERE = Path(__file__).parent
SAMPLE = HERE.parents[2] / "shared" / "data" / "events.csv.gz"
ZONE = "America/Bogota"
WAYS = {
    "plain": ("plain_etl.py",),
    "spark": ("project_etl.py", "spark"),
    "embedded": ("project_etl.py", "embedded"),
    "duckdb": ("duckdb_etl.py",),
}
_PROJECT = "project_etl.py"
HEADER = (
    "| input | rows | way | seconds | processor s | rows/s | plain ÷ this | peak memory | written |",
    "|---|--:|---|--:|--:|--:|--:|--:|--:|",
)


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    lines = [f"{os.cpu_count()} cores; median of {options.repeat}; load before: {os.getloadavg()[0]:.1f}", ""]
    if "sizes" in options.only:
        lines += [*HEADER, *_sizes(options)]
    if "days" in options.only:
        lines += [
            "",
            "| attribution | rows of the day | the day alone | the day onto 60 | ratio |",
            "|---|--:|--:|--:|--:|",
        ]
        lines += list(_days(options))
    (options.work / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10], help="how many times the base")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each")
    parser.add_argument("--only", nargs="+", default=["sizes", "days"], choices=["sizes", "days"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--engine", default="embedded", choices=["embedded", "spark"], help="of the sixty days")
    parser.add_argument("--users", type=int, default=60_000, help="users of the sixty days")
    parser.add_argument("--input", type=Path, default=SAMPLE, help="CSV to copy; generated where it is absent")
    work = Path(tempfile.gettempdir()) / "abtest-benchmark"
    parser.add_argument("--work", type=Path, default=work, help="folder for inputs and outputs")
    return parser.parse_args()


def _sizes(options: argparse.Namespace) -> Iterator[str]:
    base = inputs.base_events(options.input, options.work)
    for times in options.sizes:
        source = inputs.copies(base, times, options.work)
        rows = inputs.rows_of(source)
        medians = {way: _median(options, *WAYS[way], str(source)) for way in options.ways}
        plain = medians.get("plain")
        for way, run in medians.items():
            ratio = f"{plain.seconds / run.seconds:.1f}" if plain else ""
            yield (
                f"| ×{times} | {rows:,} | {way} | {run.seconds:.1f} | {run.cpu_seconds:.0f} "
                f"| {rows / run.seconds:,.0f} | {ratio} "
                f"| {run.peak_bytes / 2**30:.1f} GiB | {run.written_bytes / 1e6:,.0f} MB |"
            )


def _median(options: argparse.Namespace, script: str, *arguments: str) -> Measured:
    """The run of the median time out of several into fresh folders."""
    runs = []
    for _ in range(options.repeat):
        output = options.work / "output"
        shutil.rmtree(output, ignore_errors=True)
        runs.append(measure(HERE / script, [*arguments, str(output), ZONE], output))
        print(f"{script} {' '.join(arguments)}: {runs[-1]}", flush=True)
    shutil.rmtree(options.work / "output", ignore_errors=True)
    return sorted(runs, key=lambda run: run.seconds)[(len(runs) - 1) // 2]


def _days(options: argparse.Namespace) -> Iterator[str]:
    history, new_day = inputs.days(options.users, options.work)
    rows = inputs.rows_of(new_day)
    for window in ("7d", "unlimited"):
        alone = _seconds(options, new_day, window, None)
        prepared = options.work / f"history-lake-{options.engine}-{window}"
        if not prepared.exists():
            measure(HERE / _PROJECT, [options.engine, str(history), str(prepared), "UTC", window], prepared)
        onto = _seconds(options, new_day, window, prepared)
        yield f"| {window} | {rows:,} | {alone:.1f} s | {onto:.1f} s | {onto / alone:.2f} |"


def _seconds(options: argparse.Namespace, new_day: Path, window: str, prepared: Path | None) -> float:
    """The median time of a run of the project with one day, onto a copy of a lake or onto none."""
    seconds = []
    for _ in range(options.repeat):
        lake = options.work / "output"
        shutil.rmtree(lake, ignore_errors=True)
        if prepared is not None:
            shutil.copytree(prepared, lake)
        run = measure(HERE / _PROJECT, [options.engine, str(new_day), str(lake), "UTC", window], lake)
        print(f"one day, {window}, {'onto 60' if prepared else 'alone'}: {run}", flush=True)
        seconds.append(run.seconds)
    shutil.rmtree(options.work / "output", ignore_errors=True)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
