"""How long judging takes: 100,000 unplanned and 10,000 planned experiments of three arms, 28 daily looks each.

python benchmarks/decide/run.py [--experiments 100000] [--processes 2] [--metrics 10]

With metrics, every experiment has two goals, two guardrails and observed metrics, and a tenth as many are planned.

Time runs from rows (day × experiment × variant, as they come from gold) to the rows of gold/verdicts and
gold/comparisons for the last day, the sentences among them; the history of every experiment is looked at on all days.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from abtest_lib.contracts.enums import MetricType
from abtest_lib.metrics import Catalogue, Measure, Metric
from abtest_lib.registry import Allocation, Experiment, Guardrail, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.metric_rows import read_metric_rows
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import verdict_columns

DAYS, ARMS, DAILY, RATE = 28, 3, 1000, 0.05
GOALS, GUARDRAILS = ("metric_0", "metric_1"), (Guardrail("metric_2", 0.02), Guardrail("metric_3", 0.02))
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


def metric_column(columns: dict[str, np.ndarray], metrics: int) -> pa.ChunkedArray:
    """Sums of metrics with a covariate: revenue with nine tenths of zeros, a correlation of one half."""
    rng = np.random.default_rng(int(columns["users"][0]))
    users = np.repeat(columns["users"], metrics).astype(float)
    mean, covariate = rng.normal(2.0, np.sqrt(50 / users)), rng.normal(2.0, np.sqrt(50 / users))
    sums = {
        "users": users.astype(np.int64),
        "sum_x": users * mean,
        "sum_xx": users * (50 + mean**2),
        "sum_c": users * covariate,
        "sum_cc": users * (50 + covariate**2),
        "sum_xc": users * (25 + mean * covariate),
        "probability_beats_control": rng.random(users.size),
    }
    names = pa.array([f"metric_{m}" for m in range(metrics)] * columns["users"].size)
    segments = pa.array(["all"]).take(pa.array(np.zeros(users.size, dtype=np.int64)))
    fields = {"metric": names, "segment": segments} | {name: pa.array(values) for name, values in sums.items()}
    structs = pa.StructArray.from_arrays([*fields.values()], [*fields])
    offsets = np.arange(columns["users"].size + 1, dtype=np.int32) * metrics
    return pa.chunked_array([pa.ListArray.from_arrays(offsets, structs)])


def declare(name: str, plan: int | None, metrics: int) -> Experiment:
    """Declare an experiment."""
    of_metrics = {"goals": GOALS, "guardrails": GUARDRAILS} if metrics else {}
    return Experiment(name, control="0", planned_users=plan, allocations=(SHARES,), **of_metrics)


def catalogue(metrics: int) -> Catalogue:
    """Declare the metrics."""
    names = [f"metric_{m}" for m in range(metrics)]
    day = timedelta(days=1)
    return Catalogue({n: Metric(n, MetricType.SUM, Measure("true", "price"), lookback=day) for n in names})


def judge_share(task: tuple[int, int, bool, int]) -> tuple[int, float, float]:
    """Judge some experiments; returns verdicts, and wall and processor seconds without making the rows."""
    first, number, is_planned, metrics = task
    columns = rows(first, number)
    column = metric_column(columns, metrics) if metrics else None
    plan = DAYS * DAILY * ARMS if is_planned else None
    names = [f"e{first + i}" for i in range(number)] if is_planned or metrics else []
    registry = Registry({name: declare(name, plan, metrics) for name in names})
    context = Context(registry, catalogue=catalogue(metrics))
    started, processor, verdicts = time.perf_counter(), time.process_time(), 0
    for panel in build_panels(columns, context, read_metric_rows(column)):
        result, last = judge(panel), np.zeros_like(panel.is_day)
        last[:, -1] = True
        verdicts += len(verdict_columns(result, last)["day"])
        comparison_columns(result, last)
    return verdicts, time.perf_counter() - started, time.process_time() - processor


def tasks(unplanned: int, planned: int, size: int, metrics: int) -> Iterator[tuple[int, int, bool, int]]:
    """Shares of the work, as a cluster would hand them out."""
    for start in range(0, unplanned, size):
        yield start, min(size, unplanned - start), False, metrics
    for start in range(0, planned, size // 5):
        yield unplanned + start, min(size // 5, planned - start), True, metrics


def main() -> None:
    """Measure and print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=100_000, help="unplanned ones; a tenth as many are planned")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--metrics", type=int, default=0, help="metrics of the catalogue")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    work = list(
        tasks(options.experiments, options.experiments // 10, 5_000 // (1 + options.metrics // 2), options.metrics)
    )
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
