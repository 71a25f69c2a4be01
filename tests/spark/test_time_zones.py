"""A time zone that Python knows and the engine does not is refused before a lake is written."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.doctor import Health, examine
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import open_lake
from abtest_lib.spark.embedded import is_embedded
from abtest_lib.spark.java import java_zones


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[str]:
    """A zone of a newer tzdata than Java's: America/Coyhaique was one, for a time."""
    before = zoneinfo.TZPATH
    utc = next(Path(folder) / "UTC" for folder in before if (Path(folder) / "UTC").exists())
    (tmp_path / "zones" / "America").mkdir(parents=True)
    (tmp_path / "zones" / "America" / "Nowhere").write_bytes(utc.read_bytes())
    zoneinfo.reset_tzpath([str(tmp_path / "zones"), *before])
    yield "America/Nowhere"
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize("setting", ["reporting_timezone", "timestamp_timezone"])
def test_a_run_ends_before_anything_is_written(spark: SparkSession, nowhere: str, tmp_path: Path, setting: str) -> None:
    compute, who = ("embedded", "the embedded engine") if is_embedded(spark) else ("spark", "Spark's Java")
    settings = load_settings(overrides={setting: nowhere, "compute": compute})
    with pytest.raises(ConfigError, match=f"{setting} = 'America/Nowhere': {who} does not know"):
        open_lake(settings, tmp_path / "lake").__enter__()
    assert not (tmp_path / "lake").exists()
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_the_doctor_says_so_without_a_jvm(nowhere: str) -> None:
    settings = load_settings(overrides={"reporting_timezone": nowhere})
    (found,) = (finding for finding in examine(settings, None) if finding.check == "time zone")
    assert found.health is Health.FAILED
    assert found.found == f"America/Nowhere is not among the time zones of Java ({java_zones()[0]})"


@pytest.mark.spark_only
def test_the_list_read_from_the_jdk_is_the_one_that_the_engine_has(spark: SparkSession) -> None:
    _, names = java_zones()
    told = {str(name) for name in spark._jvm.java.time.ZoneId.getAvailableZoneIds()}  # type: ignore[union-attr]
    region_names = {name for name in told if not name.startswith("SystemV/")}
    assert len(region_names) > 500
    assert region_names <= names
