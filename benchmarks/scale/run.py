"""Measure what skew costs: one experiment with half of all events and one user with a million, against even traffic.

    python benchmarks/scale/run.py                     # 1.5 million events, a million of them by one user
    python benchmarks/scale/run.py --events 30000 --of-one-user 20000

Both shapes have the same number of events, exposures, users, experiments and days and run one after the other, each in
a process of its own; only the ratio is meant to be read on another machine. The table is printed, and written with
every figure to results.json beside the inputs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from traffic import Shape, write_traffic

HERE = Path(__file__).parent
_MEASURES = {
    "seconds": "the whole pipeline, s",
    "task_seconds": "all tasks together, processor s",
    "longest_path": "the longest task of every stage, added up, processor s",
    "longest_task": "the longest task, processor s",
    "longest_keyed_task": "the longest task behind a shuffle, processor s",
    "spilled_mb": "spilled to disk, MB",
}


def main() -> None:
    """Generate, measure and print."""
    options = _options()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    size = (options.events, options.users, options.experiments, options.days)
    shapes = (Shape("even", *size), Shape("skewed", *size, options.of_one_user, 0.5))
    runs = {shape.name: _run(shape, options) for shape in shapes}
    told = {"options": {key: str(value) for key, value in vars(options).items()}, "cores": os.cpu_count(), "runs": runs}
    (options.work / "results.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    print("\n".join(_table(runs["even"], runs["skewed"])))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=1_500_000, help="events of each shape")
    parser.add_argument("--of-one-user", type=int, default=1_000_000, help="how many of them are one user's, if skewed")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--experiments", type=int, default=50)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--partitions", type=int, default=16, help="shuffle partitions, the same for both")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "abtest-scale")
    return parser.parse_args()


def _run(shape: Shape, options: argparse.Namespace) -> dict[str, Any]:
    """Write one shape's events, take them through the pipeline, and throw both away."""
    events, lake, log = (options.work / f"{shape.name}{end}" for end in (".csv", "-lake", "-log"))
    write_traffic(shape, events)
    command = [sys.executable, str(HERE / "one_run.py"), *map(str, (events, lake, log, options.partitions))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if told["rows_read"] != shape.events:
        raise RuntimeError(f"{shape.name}: {told['rows_read']} rows read of {shape.events} written")
    for path in (lake, log):
        shutil.rmtree(path)
    events.unlink()
    return told


def _table(even: dict[str, Any], skewed: dict[str, Any]) -> list[str]:
    rows = [(label, even[key], skewed[key]) for key, label in _MEASURES.items()]
    rows += [(step, seconds, skewed["steps"][step]) for step, seconds in even["steps"].items()]
    lines = ["| | even | skewed | ratio |", "|---|--:|--:|--:|"]
    return lines + [f"| {name} | {a:.1f} | {b:.1f} | {f'{b / a:.2f}' if a else ''} |" for name, a, b in rows]


if __name__ == "__main__":
    main()
