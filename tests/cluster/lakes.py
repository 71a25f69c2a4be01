"""Tiny traffic, runs through the launcher, and what a lake holds."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.contracts import ALL_TABLES
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic
from tests.oracle.compare import read_records

ROOT = Path(__file__).parents[2]
CHANGES_FROM_RUN_TO_RUN = {"ingested_at", "quarantined_at"}

Contents = dict[str, Counter[str]]


@dataclass(frozen=True)
class Input:
    """Generated events and the registry of their experiments."""

    events: Path
    registry: Path

    def arguments(self, lake: Path) -> list[str]:
        return ["--input", str(self.events), "--lake", str(lake)]

    def environment(self) -> dict[str, str]:
        """The environment of a run on these events; what a developer has set for others stays out."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("ABTEST_", "PYSPARK_", "SPARK_"))}
        settings = {
            "ABTEST_REGISTRY": str(self.registry),
            "ABTEST_REPORTING_TIMEZONE": "America/New_York",
            "ABTEST_FALLBACK_VARIANTS": "DEFAULT",
            "ABTEST_METRICS": str(ROOT / "tests" / "metrics.yaml"),
        }
        return own | settings | {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}


def make_input(folder: Path, users: int, days: int) -> Input:
    """Traffic with dirt and late rows, the same for the same numbers."""
    traffic = Traffic(users, days, 7, date(2021, 8, 1), "America/New_York", DEFAULT_EXPERIMENTS, dirty=0.05)
    generate_traffic(traffic, folder / "events.csv")
    return Input(folder / "events.csv", folder / "events.registry.yaml")


def launch(given: Input, arguments: Sequence[str], **environment: str) -> subprocess.Popen[str]:
    """Start spark-submit.sh; both streams are one, for spark-submit moves a job's lines from one to the other."""
    return subprocess.Popen(
        [str(ROOT / "spark-submit.sh"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=given.environment() | environment,
    )


def run_locally(given: Input, lake: Path) -> None:
    """The whole pipeline in one JVM on this machine."""
    process = launch(given, ["run_pipeline", *given.arguments(lake)], ABTEST_DRIVER_MEMORY="2g")
    log, _ = process.communicate()
    assert process.returncode == 0, log


def contents(spark: SparkSession, lake: Path) -> Contents:
    """Every row of every table but ops/*, as text, without what differs from run to run."""
    found: Contents = {}
    for contract in ALL_TABLES:
        if contract.layer == "ops":
            continue
        names = [name for name in contract.column_names if name not in CHANGES_FROM_RUN_TO_RUN]
        records = read_records(spark, str(lake), contract)
        found[contract.full_name] = Counter(repr([record[name] for name in names]) for record in records)
    assert all(found.values()), {name: rows.total() for name, rows in found.items()}
    return found


def differences(expected: Contents, found: Contents) -> list[str]:
    """The tables that differ, each with a few of the rows that do."""
    return [
        f"{name}: missing {sorted(rows - found[name])[:2]}, wrong {sorted(found[name] - rows)[:2]}"
        for name, rows in expected.items()
        if rows != found[name]
    ]
