"""A lake that version 0.1 wrote, stored as it was: today's version reads it, and goes on with it."""

import shutil
import tarfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import ALL_TABLES, LAKE_DAILY
from abtest_lib.errors import LakeError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import all_steps, run_steps
from abtest_lib.spark.embedded import is_embedded
from tests.api.serving import served

STORED = Path(__file__).with_name("lake-0.1.tar.gz")
HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
KNOWN = 'BUY,7,2021-08-01T10:00:00.000-0400,MLA,"{search/one=A, search/two=0}",0\n'
NEW = 'BUY,7,2021-08-03T10:00:00.000-0400,MLA,"{search/one=A, search/two=0}",0\n'


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    with tarfile.open(STORED) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "lake"


def test_it_is_read(spark: SparkSession, lake: Path, tmp_path: Path) -> None:
    tables = [Lake(spark, lake)[item] for item in ALL_TABLES]
    assert [table.name for table in tables if not table.exists] == ["gold/lake_daily", "gold/metric_to_date"]
    rows = {table.name: table.read().count() for table in tables if table.exists}
    assert all(rows.values()), rows
    with served(lake, tmp_path / "cache") as client:
        result = client.get("/experiment/search|one/result").json()["results"]
    assert (result["exp_name"], result["number_of_participants"]) == ("search|one", 24)


@pytest.mark.both_engines
def test_it_is_gone_on_with(spark: SparkSession, lake: Path, tmp_path: Path) -> None:
    source = tmp_path / "more.csv"
    source.write_text(HEADER + KNOWN + NEW)
    settings = load_settings(overrides={"engine": "exact"})
    if is_embedded(spark):  # its bronze has Delta's change feed
        with pytest.raises(LakeError, match=r"the embedded engine cannot write .* ChangeDataFeed"):
            run_steps(Lake(spark, lake), settings, all_steps(str(source)))
        return
    ingested, *_ = run_steps(Lake(spark, lake), settings, all_steps(str(source)))
    assert (ingested.duplicates, ingested.rows_written) == (1, 1)
    assert Lake(spark, lake)[LAKE_DAILY].read().count() > 0
    flagged = Lake(spark, lake)[next(item for item in ALL_TABLES if item.name == "exposures")].read()
    assert flagged.where("user_id = '0' AND NOT flag_purchase").count() == 0
    shutil.rmtree(lake)
