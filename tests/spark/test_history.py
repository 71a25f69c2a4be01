"""What a lake remembers of its runs: where each step goes on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings, load_settings
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.history import FULL_REFRESH, History, StepReport, announce, open_history, write_history

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = load_settings()


def _report(job: str, version: int, status: str = "succeeded") -> StepReport:
    inputs, outputs = {"bronze/events": version}, {f"to/{job}": version}
    return StepReport(job, NOON, NOON, input_versions=inputs, output_versions=outputs, status=status)


def _write(spark: SparkSession, lake: str, *reports: StepReport, settings: Settings = SETTINGS) -> History:
    """One run: what the lake remembers, and these reports."""
    history = open_history(Lake(spark, lake), settings, full_refresh=False)
    for report in reports:
        history.add(report)
    write_history(Lake(spark, lake), settings, "run", history)
    return open_history(Lake(spark, lake), settings, full_refresh=False)


def test_a_run_goes_on_where_the_last_success_of_each_step_ended(spark: SparkSession, tmp_path: Path) -> None:
    lake = str(tmp_path)
    _write(spark, lake, _report("build_silver", 3), _report("aggregate_gold", 3))
    history = _write(spark, lake, _report("build_silver", 4), _report("aggregate_gold", 9, "failed"))
    silver, gold = history.last("build_silver"), history.last("aggregate_gold")
    assert silver is not None
    assert gold is not None
    assert (silver.input_versions, silver.output_versions) == ({"bronze/events": 4}, {"to/build_silver": 4})
    assert gold.input_versions == {"bronze/events": 3}
    assert gold.finished_at == NOON
    assert history.last("decide") is None


@pytest.mark.parametrize(("job", "left"), [("build_silver", {"aggregate_gold"}), (FULL_REFRESH, set[str]())])
def test_tables_about_to_be_rebuilt_are_not_built_upon(
    spark: SparkSession, tmp_path: Path, job: str, left: set[str]
) -> None:
    lake = str(tmp_path)
    history = _write(spark, lake, _report("build_silver", 3), _report("aggregate_gold", 3))
    announce(Lake(spark, lake), SETTINGS, "next", history, job)
    assert set(open_history(Lake(spark, lake), SETTINGS, full_refresh=False).succeeded) == left


def test_rows_and_note_tell_the_same(spark: SparkSession, tmp_path: Path) -> None:
    lake = str(tmp_path)
    history = _write(spark, lake, _report("build_silver", 3))
    row = spark.read.format("delta").load(f"{lake}/ops/runs").first()
    last = history.last("build_silver")
    assert row is not None
    assert last is not None
    assert (row["input_versions"], row["output_versions"]) == (last.input_versions, last.output_versions)


def test_other_settings_are_told_apart(spark: SparkSession, tmp_path: Path) -> None:
    lake = str(tmp_path)
    _write(spark, lake, _report("build_silver", 3))
    others = load_settings(overrides={"reporting_timezone": "Asia/Tokyo"})
    with pytest.raises(ConfigError, match="reporting_timezone = UTC, this run has Asia/Tokyo"):
        open_history(Lake(spark, lake), others, full_refresh=False)
    assert open_history(Lake(spark, lake), others, full_refresh=True).succeeded == {}
