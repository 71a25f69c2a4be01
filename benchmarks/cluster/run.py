"""Measure a standalone cluster: raw events to gold against one JVM, and the Bayesian stage on one and two executors.

    python benchmarks/cluster/run.py                  # both; needs dist/abtest-environment.tar.gz (make package)
    python benchmarks/cluster/run.py --only bayes --groups 2048

Every run is a whole job through spark-submit.sh, cold. Seconds are those of the steps, as the job logs them; the start
of the session and of the executors is told beside them. Each worker has one core of its own.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from abtest_lib.config import load_settings  # noqa: E402  the checkout that the benchmark lies in
from abtest_lib.contracts import EXPERIMENT_DAILY, EXPERIMENT_TO_DATE  # noqa: E402
from abtest_lib.lake.lake import Lake  # noqa: E402
from abtest_lib.spark.session import build_session  # noqa: E402
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS  # noqa: E402
from abtest_lib.traffic.events import Traffic  # noqa: E402
from abtest_lib.traffic.generate import generate_traffic  # noqa: E402
from tests.cluster.standalone import HOST, Cluster  # noqa: E402

ARCHIVE = ROOT / "dist" / "abtest-environment.tar.gz"
ETL = ("ingest_bronze", "build_silver", "aggregate_gold")
_FINISHED = re.compile(r'"step finished" job=(?P<job>\w+) seconds=(?P<seconds>[\d.]+)')


Jobs = Callable[[list[str], Path], list[str]]
"""From options of the launcher and a lake to a job's command line."""


@dataclass(frozen=True)
class Run:
    """One job: seconds inside the steps that are measured, and seconds by the clock on the wall."""

    steps: float
    wall: float


def main() -> None:
    """Measure what was asked for and print the tables."""
    options = _options()
    if not ARCHIVE.exists():
        sys.exit(f"error: no packed environment at {ARCHIVE}: run make package")
    options.work.mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} cores; median of {options.repeat}; load before: {os.getloadavg()[0]:.1f}")
    if "etl" in options.only:
        print("\n".join(["", *_etl(options)]), flush=True)
    if "bayes" in options.only:
        print("\n".join(["", *_bayes(options)]), flush=True)


def _etl(options: argparse.Namespace) -> Iterator[str]:
    events = options.work / f"events-{options.users}.csv"
    if not events.exists():
        traffic = Traffic(options.users, 7, 1, date(2021, 8, 1), "America/New_York", DEFAULT_EXPERIMENTS)
        generate_traffic(traffic, events)
    with events.open(encoding="utf-8") as lines:
        rows = sum(1 for _ in lines) - 1
    yield f"| raw events to gold, {rows:,} rows | seconds in steps | rows/s | seconds by the wall |"
    yield "|---|--:|--:|--:|"
    for name, workers in (("local[2]", 0), ("standalone, 2 workers × 1 core", 2)):
        job = partial(_pipeline_job, events)
        runs = [_once(options.work, workers, job, ETL, None) for _ in range(options.repeat)]
        steps, wall = (statistics.median(getattr(run, field) for run in runs) for field in ("steps", "wall"))
        yield f"| {name} | {steps:.1f} | {rows / steps:,.0f} | {wall:.1f} |"


def _pipeline_job(events: Path, place: list[str], lake: Path) -> list[str]:
    return ["run_pipeline", *place, "--lake", str(lake), "--input", str(events)]


def _bayes(options: argparse.Namespace) -> Iterator[str]:
    counts = _counts(options)
    # Fills the cache of compiled programs, which a cluster has after its first day.
    _once(options.work, 2, _bayes_job, ("fit_bayes",), counts)
    yield f"| Bayesian stage, {options.groups:,} groups, mcmc | seconds in the step | groups/s | against one executor |"
    yield "|---|--:|--:|--:|"
    alone = None
    for workers, name in ((1, "1 executor"), (2, "2 executors")):
        runs = [_once(options.work, workers, _bayes_job, ("fit_bayes",), counts) for _ in range(options.repeat)]
        seconds = statistics.median(run.steps for run in runs)
        alone = alone or seconds
        yield f"| {name} | {seconds:.1f} | {options.groups / seconds:.1f} | {alone / seconds:.2f} × |"


def _bayes_job(place: list[str], lake: Path) -> list[str]:
    return ["fit_bayes", *place, "--lake", str(lake)]


def _counts(options: argparse.Namespace) -> Path:
    """A lake with gold counts and nothing else: two windows of half as many experiments' days each."""
    lake: Path = options.work / f"counts-{options.groups}"
    if lake.exists():
        return lake
    chance, days = random.Random(1), 8  # noqa: S311  a benchmark
    names = [f"experiment/{number}" for number in range(options.groups // 2 // days)]
    rows = []
    for number, name in enumerate(names):
        arms = ("A", "B", "C") if number % 4 == 0 else ("A", "B")
        for day in range(days):
            for arm in arms:
                users = chance.randint(200, 50_000)
                rows.append((date(2021, 8, 1) + timedelta(days=day), name, arm, users, users // chance.randint(4, 50)))
    spark = build_session(load_settings(overrides={"driver_memory": "2g"}), "counts")
    daily = spark.createDataFrame(rows, EXPERIMENT_DAILY.ddl)
    part = str(lake) + ".part"
    Lake(daily.sparkSession, part)[EXPERIMENT_DAILY].overwrite(daily)
    zero = ("0L AS cross_exposed_users", "0L AS cross_exposed_purchases")
    columns = ("day", "experiment_name", "variant_id", "day AS period_start", "users", "purchases", *zero)
    Lake(spark, part)[EXPERIMENT_TO_DATE].overwrite(daily.selectExpr(*columns))
    spark.stop()
    return Path(shutil.move(part, lake))


def _once(work: Path, workers: int, job: Jobs, steps: Collection[str], counts: Path | None) -> Run:
    """Run a job in a fresh lake, on a fresh cluster or, without workers, in one JVM."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        lake = Path(folder) / "lake"
        if counts is not None:
            shutil.copytree(counts, lake)
        if workers == 0:
            local = {"ABTEST_SPARK_MASTER": "local[2]", "ABTEST_DRIVER_MEMORY": "4g"}
            return _run(job([], lake), steps, **local)
        cluster = Cluster(Path(folder) / "cluster", 0)
        try:
            cluster.add_workers(workers, pin=True)
            place = ["--profile", "standalone", "--master", cluster.url, "--archive", str(ARCHIVE)]
            conf = {"spark.driver.host": HOST, "spark.executor.memory": "1500m", "spark.driver.memory": "1g"}
            place += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
            return _run(job(place, lake), steps)
        finally:
            cluster.stop()


def _run(job: list[str], steps: Collection[str], **settings: str) -> Run:
    environment = os.environ | {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)} | settings
    began = time.perf_counter()
    command = [str(ROOT / "spark-submit.sh"), *job]
    # spark-submit gives a job's standard error out on its own standard output.
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    wall = time.perf_counter() - began
    seconds = {match["job"]: float(match["seconds"]) for match in _FINISHED.finditer(done.stdout)}
    if done.returncode != 0 or not set(steps) <= set(seconds):
        sys.exit(f"error: {' '.join(command)} failed:\n{done.stdout}")
    return Run(sum(seconds[step] for step in steps), wall)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", default=["etl", "bayes"], choices=["etl", "bayes"])
    parser.add_argument("--users", type=int, default=60_000, help="users of the generated traffic")
    parser.add_argument("--groups", type=int, default=4_096, help="groups to fit")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each")
    work = Path(tempfile.gettempdir()) / "abtest-cluster-benchmark"
    parser.add_argument("--work", type=Path, default=work, help="folder for inputs and lakes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
