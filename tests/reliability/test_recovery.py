"""The ways back of docs/operations.md: bronze rows, a silver table and the history get lost, and gold is the same."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import EVENTS, EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, VERDICTS, TableContract
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_pipeline, run_steps
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS
from abtest_lib.traffic.generate import Traffic, generate_traffic

TABLES = (EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, VERDICTS)
SETTINGS = load_settings(overrides={"engine": "exact", "shuffle_partitions": 2})


def contents(spark: SparkSession, lake: str) -> dict[str, list[tuple[object, ...]]]:
    def rows(table: TableContract) -> list[tuple[object, ...]]:
        return sorted((tuple(row) for row in Lake(spark, lake)[table].read().collect()), key=repr)

    return {table.full_name: rows(table) for table in TABLES}


@pytest.fixture
def events(tmp_path: Path) -> Path:
    folder = tmp_path / "events"
    generate_traffic(Traffic(60, 2, 1, date(2021, 8, 1), "UTC", DEFAULT_EXPERIMENTS[:2]), folder)
    return folder


def test_what_was_lost_comes_back(spark: SparkSession, events: Path, tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    run_pipeline(Lake(spark, lake), SETTINGS, str(events))
    before, rows = contents(spark, lake), Lake(spark, lake)[EVENTS].read().count()
    assert all(before.values())
    good = Lake(spark, lake)[EVENTS].last_commit()
    assert good is not None

    spark.sql(f"DELETE FROM delta.`{EVENTS.path(lake)}` WHERE user_id < '5'")  # noqa: S608
    assert Lake(spark, lake)[EVENTS].read().count() < rows
    shutil.rmtree(Path(lake) / "silver" / "exposures")
    shutil.rmtree(Path(lake) / "ops" / "runs")

    DeltaTable(EVENTS.path(lake)).restore(good.version)
    run_pipeline(Lake(spark, lake), SETTINGS, None, full_refresh=True)
    assert contents(spark, lake) == before

    (again,) = run_steps(Lake(spark, lake), SETTINGS, [ingest_bronze(str(events))])
    assert (again.rows_written, again.duplicates) == (0, rows)
