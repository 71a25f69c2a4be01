"""Measure how often A/A experiments on means and ratios are decided; write aa.csv to this folder.

python benchmarks/calibration/metrics/run.py            everything
python benchmarks/calibration/metrics/run.py --quick    an eighth of the experiments
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from simulation import World, covers, judge, simulate  # noqa: E402  in this folder

SEED, EXPERIMENTS, BATCH = 20_261_126, 2_000, 250
METRICS = {
    "revenue": World("revenue", ()),
    "revenue, covariate": World("revenue", (), covariate=True),
    "revenue, growing": World("revenue", (), growing=True),
    "revenue, growing, covariate": World("revenue", (), covariate=True, growing=True),
    "revenue, capped": World("capped", ()),
    "revenue, capped, growing": World("capped", (), growing=True),
    "count": World("count", ()),
    "ratio": World("ratio", ()),
}
SIZES: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "revenue": ((50, 50), (500, 500), (1_000, 500), (13_500, 1_500), (200,) * 3, (200,) * 4),
    "events": ((10, 10), (100, 100), (200, 100), (1_350, 150), (50,) * 3, (50,) * 4),
}
"""New users of each arm on a day, the control first."""


def cells() -> Iterator[tuple[str, World]]:
    """Yield every kind of experiment."""
    for title, kind in METRICS.items():
        for daily in SIZES["events" if kind.metric in {"count", "ratio"} else "revenue"]:
            yield title, replace(kind, daily=daily)


def measure(title: str, world: World, experiments: int, seed: int) -> Mapping[str, Any]:
    """Return one row: the share of experiments that are ever decided, by rule, and the coverage on the last day."""
    rng = np.random.default_rng([SEED, seed])
    rules = ({"planned": True}, {"planned": False}, {"planned": True, "gated": False})
    shares, coverage = np.zeros(len(rules)), np.zeros(2)
    batches = experiments // BATCH
    for _ in range(batches):
        sums = simulate(world, BATCH, rng)
        shares += [judge(sums, **rule).ever.mean() / batches for rule in rules]
        coverage += np.array(covers(sums)) / batches
    names = ("planned", "unplanned", "planned_without_gate", "coverage", "coverage_lift")
    return {
        "metric": title,
        "daily_users": " : ".join(map(str, world.daily)),
        "experiments": experiments,
        **dict(zip(names, np.round([*shares, *coverage], 4).tolist(), strict=True)),
    }


def main() -> None:
    """Run all cells in one process; every row is written when it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    experiments = EXPERIMENTS // (8 if parser.parse_args().quick else 1)
    with (HERE / "aa.csv").open("w", newline="", encoding="utf-8") as file:
        writer = None
        for seed, (title, world) in enumerate(cells()):
            row = measure(title, world, experiments, seed)
            writer = writer or csv.DictWriter(file, row)
            if seed == 0:
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            print(*row.values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()
