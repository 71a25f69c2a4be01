"""Runs in an order that is easily got wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.errors import LakeError
from abtest_lib.pipeline.aggregate_gold import JOB as AGGREGATE
from abtest_lib.pipeline.aggregate_gold import aggregate_gold
from abtest_lib.pipeline.build_silver import JOB as BUILD
from abtest_lib.pipeline.build_silver import build_silver
from abtest_lib.pipeline.ingest_bronze import JOB as INGEST
from abtest_lib.pipeline.run import ingesting, run_steps
from tests.oracle.compare import assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
START = datetime(2021, 8, 1, 9, tzinfo=UTC)
WORLD = World({"reporting_timezone": "UTC", "attribution_window": "36h"})


def write(path: Path, *events: tuple[str, int, str, str]) -> Path:
    """Events as (name, hours since the start, experiments, user)."""
    lines = [
        f'{name},,{(START + timedelta(hours=hours)).isoformat()},MLA,"{{{experiments}}}",{user}\n'
        for name, hours, experiments, user in events
    ]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return WORLD.settings(tmp_path)


def test_a_last_day_without_any_experiment(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """The first purchases after midnight may be all that there is of a day; they explain events of the day before."""
    lake = str(tmp_path / "lake")
    seen = [("SEARCH", 0, f"a={user % 2}", f"u{user}") for user in range(6)]
    first = write(tmp_path / "first.csv", *seen)
    second = write(tmp_path / "second.csv", ("BUY", 24, "", "u0"), ("BUY", 24, "", "u3"), ("SEARCH", 24, "", "new"))
    third = write(tmp_path / "third.csv", ("SEARCH", 48, "a=1", "u0"), ("SEARCH", 48, "a=0", "later"))
    run_etl(spark, settings, first, lake)
    _, silver, _ = run_etl(spark, settings, second, lake)
    assert_lake_equals_oracle(spark, lake, [first, second], WORLD.oracle())
    # Two purchases, two searches of the day before flagged, and two participants who are buyers now.
    assert silver.rows_written == 6
    run_etl(spark, settings, third, lake)
    assert_lake_equals_oracle(spark, lake, [first, second, third], WORLD.oracle())


def test_gold_is_made_of_what_silver_was_made_of(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """Jobs may be run one by one: gold does not build upon events that silver has not seen."""
    lake = str(tmp_path / "lake")
    first = write(tmp_path / "first.csv", ("SEARCH", 0, "a=1", "u1"), ("SEARCH", 0, "a=2", "u2"))
    second = write(tmp_path / "second.csv", ("BUY", 1, "a=1", "u1"), ("BUY", 1, "a=2", "u2"))
    run_etl(spark, settings, first, lake)
    run_steps(spark, settings, lake, {INGEST: ingesting(str(second))})
    with pytest.raises(LakeError, match=r"bronze/events at version \d+, .*: run build_silver first"):
        run_steps(spark, settings, lake, {AGGREGATE: aggregate_gold})
    run_steps(spark, settings, lake, {BUILD: build_silver})
    run_steps(spark, settings, lake, {AGGREGATE: aggregate_gold})
    assert_lake_equals_oracle(spark, lake, [first, second], WORLD.oracle())
