"""How long judging takes: 100,000 unplanned and 10,000 planned experiments of three arms, 28 daily looks each.

python benchmarks/decide/run.py [--experiments 100000] [--processes 2]

Time runs from rows (day × experiment × variant, as they come from gold) to the rows of gold/verdicts and
gold/comparisons for the last day, the sentences among them; the history of every experiment is looked at on all days.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr

from abtest_lib.registry import Allocation, Experiment, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import verdict_columns

DAYS, ARMS, DAILY, RATE = 28, 3, 1000, 0.05
SHARES = Allocation(None, tuple((str(arm), 1 / ARMS) for arm in range(ARMS)))


def rows(first: int, number: int) -> dict[str, np.ndarray]:
    """Counts of some experiments, one row per day × experiment × variant."""
    rng = np.random.default_rng([first, number])
    new = rng.poisson(DAILY, (number, DAYS, ARMS))
    bought = rng.binomial(new, RATE)
    users, purchases = new.cumsum(axis=1), bought.cumsum(axis=1)
    p = purchases / users
    error = np.sqrt(p * (1 - p) / users)
    belief = ndtr((p - p[:, :, :1]) / np.hypot(error, error[:, :, :1]))
    e, t, k = np.indices(new.shape).reshape(3, -1)
    return {
        "experiment_name": np.array([f"e{first + i}" for i in range(number)], dtype=object)[e],
        "variant_id": np.array([str(i) for i in range(ARMS)], dtype=object)[k],
        "day": np.datetime64("2021-08-01") + t,
        "period_start": np.full(e.size, np.datetime64("2021-08-01")),
        "users": users.ravel(),
        "purchases": purchases.ravel(),
        "cross_exposed_users": np.zeros(e.size),
        "cross_exposed_purchases": np.zeros(e.size),
        "probability_best": belief.ravel(),
        "probability_beats_control": belief.ravel(),
        "day_users": new.ravel(),
        "day_purchases": bought.ravel(),
    }


def judge_share(task: tuple[int, int, bool]) -> tuple[int, float, float]:
    """Judge some experiments; returns verdicts, and wall and processor seconds without making the rows."""
    first, number, is_planned = task
    columns = rows(first, number)
    plan = DAYS * DAILY * ARMS if is_planned else None
    names = [f"e{first + i}" for i in range(number)] if is_planned else []
    registry = Registry({n: Experiment(n, control="0", planned_users=plan, allocations=(SHARES,)) for n in names})
    started, processor, verdicts = time.perf_counter(), time.process_time(), 0
    for panel in build_panels(columns, Context(registry)):
        result, last = judge(panel), np.zeros_like(panel.is_day)
        last[:, -1] = True
        verdicts += len(verdict_columns(result, last)["day"])
        comparison_columns(result, last)
    return verdicts, time.perf_counter() - started, time.process_time() - processor


def tasks(unplanned: int, planned: int, size: int) -> Iterator[tuple[int, int, bool]]:
    """Shares of the work, as a cluster would hand them out."""
    for start in range(0, unplanned, size):
        yield start, min(size, unplanned - start), False
    for start in range(0, planned, size // 5):
        yield unplanned + start, min(size // 5, planned - start), True


def main() -> None:
    """Measure and print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=100_000, help="unplanned ones; a tenth as many are planned")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    work = list(tasks(options.experiments, options.experiments // 10, 5_000))
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        results = pool.map(judge_share, work, chunksize=1)
    for kind, flag in (("unplanned", False), ("planned", True)):
        part = [result for result, task in zip(results, work, strict=True) if task[2] is flag]
        wall, processor = sum(r[1] for r in part) / options.processes, sum(r[2] for r in part) / options.processes
        print(f"{kind}: {sum(r[0] for r in part):,} verdicts, {wall:.1f} s ({processor:.1f} s of each processor)")
    total, spent = (sum(r[i] for r in results) / options.processes for i in (1, 2))
    print(f"together on {options.processes} processes: {total:.1f} s ({spent:.1f} s of each processor)")


if __name__ == "__main__":
    main()
