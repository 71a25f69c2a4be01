"""How many cores a day's events take, and what they cost: measured rates in rates.yaml, prices in assumptions.yaml.

python -m deploy.sizing --events 5000000 --minutes 60
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
EXECUTOR_CORES = 4
EXECUTOR_MEMORY_GB = 9
"""Heap. The local benchmark stays below 6 GB with two cores busy."""
EXECUTOR_OVERHEAD_GB = 2
"""Outside the heap: four Python workers of 380 MiB with `mcmc` (benchmarks/bayes), and Spark's own."""
_WINDOWS = 2
_HOUR = 3_600
_DAYS_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class Size:
    """What a day's run needs.

    Attributes:
        core_seconds: Work, in seconds of one core of a cluster.
        executors: Executors of EXECUTOR_CORES cores each.
        minutes: How long the run takes, the start of the machines included.
        lake_gb_a_day: How much the lake grows.
        dollars: Platform to the cost of the run.
        storage_dollars_a_month: What a month's days cost to keep, per month.
    """

    core_seconds: float
    executors: int
    minutes: float
    lake_gb_a_day: float
    dollars: dict[str, float]
    storage_dollars_a_month: float


def load(name: str, folder: Path = HERE) -> dict[str, Any]:
    """The figures of `rates` or `assumptions`."""
    content: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def size_for(
    events: int,
    minutes: float,
    *,
    experiments: int = 1_000,
    engine: str = "mcmc",
    rates: dict[str, Any] | None = None,
    assumed: dict[str, Any] | None = None,
) -> Size:
    """The cluster that takes a day's events in within a time.

    Args:
        events: New events a day.
        minutes: How long the run may take; a longer one wastes nothing, executors are what is paid for.
        experiments: Experiments running on a day; each has a posterior of the day and one to date, and a verdict.
        engine: Which engine fits them.
        rates: Measured rates; None reads rates.yaml.
        assumed: Prices and losses; None reads assumptions.yaml.

    Raises:
        ValueError: The time is shorter than what a run takes before and beside its work.
    """
    rates, assumed = rates or load("rates"), assumed or load("assumptions")
    counting = events / rates["events_per_core_second"]
    fitting = experiments * _WINDOWS / rates["groups_per_core_second"][engine]
    judging = experiments / rates["verdicts_per_core_second"]
    work = (counting + fitting + judging) / assumed["cluster_efficiency"]
    beside = assumed["start_seconds"] + rates["fixed_seconds"]
    left = minutes * 60 - beside
    if left <= 0:
        raise ValueError(f"{minutes:g} minutes are too few: starting and committing take {beside:g} seconds")
    executors = max(1, math.ceil(work / (left * EXECUTOR_CORES)))
    seconds = beside + work / (executors * EXECUTOR_CORES)
    grown = events * rates["lake_bytes_per_event"] / 1e9
    return Size(
        core_seconds=work,
        executors=executors,
        minutes=seconds / 60,
        lake_gb_a_day=grown,
        dollars=_dollars(executors, seconds / _HOUR, assumed),
        storage_dollars_a_month=grown * _DAYS_A_MONTH * assumed["s3"]["gb_month"],
    )


def _dollars(executors: int, hours: float, assumed: dict[str, Any]) -> dict[str, float]:
    """The driver is counted as one more executor."""
    workers = executors + 1
    serverless, ec2, databricks = assumed["emr_serverless"], assumed["emr_ec2"], assumed["databricks"]
    per_worker = EXECUTOR_CORES * serverless["vcpu_hour"]
    per_worker += (EXECUTOR_MEMORY_GB + EXECUTOR_OVERHEAD_GB) * serverless["gb_hour"]
    machines = math.ceil(workers * EXECUTOR_CORES / ec2["cores"])
    dbu = databricks["dbu"] * databricks["dbu_hour"]
    return {
        "emr_serverless": workers * hours * per_worker,
        "emr_ec2": machines * hours * (ec2["instance_hour"] + ec2["emr_hour"]),
        "databricks": machines * hours * (databricks["instance_hour"] + dbu),
    }


def describe(size: Size) -> list[str]:
    """A size in lines for a person."""
    costs = ", ".join(f"{platform} {dollars:.2f}" for platform, dollars in size.dollars.items())
    worker = f"{EXECUTOR_CORES} cores and {EXECUTOR_MEMORY_GB} + {EXECUTOR_OVERHEAD_GB} GB"
    kept = f"a month's days cost {size.storage_dollars_a_month:.2f} a month to keep"
    return [
        f"executors: {size.executors} of {worker}, and as much for the driver",
        f"work: {size.core_seconds:,.0f} core-seconds; the run: {size.minutes:.0f} minutes",
        f"cost of the run, US dollars: {costs}",
        f"lake: {size.lake_gb_a_day:.1f} GB a day; {kept}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the size for a day's events."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=int, required=True, help="new events a day")
    parser.add_argument("--minutes", type=float, default=60, help="how long the run may take")
    parser.add_argument("--experiments", type=int, default=1_000, help="experiments running on a day")
    parser.add_argument("--engine", default="mcmc", choices=["mcmc", "exact"])
    given = parser.parse_args(arguments)
    try:
        size = size_for(given.events, given.minutes, experiments=given.experiments, engine=given.engine)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write("\n".join(describe(size)) + "\n")


if __name__ == "__main__":
    main()
