"""Care of a table's files, one table at a time."""

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.contracts import FORGOTTEN
from abtest_lib.spark.literal import literal_rows
from abtest_lib.spark.log import last_commit
from abtest_lib.spark.tables import append
from abtest_lib.spark.upkeep import remember_removed


def test_removed_files_are_remembered_for_as_long_as_they_are_kept(spark: SparkSession, tmp_path: Path) -> None:
    lake = str(tmp_path)
    made = append(literal_rows(spark, [], FORGOTTEN.types), FORGOTTEN, lake)
    for _ in range(2):
        remember_removed(spark, FORGOTTEN, lake, timedelta(days=30))
    commit = last_commit(spark, FORGOTTEN, lake)
    assert commit is not None
    assert commit.version == made.version + 1  # said once
    properties = spark.sql(f"DESCRIBE DETAIL delta.`{FORGOTTEN.path(lake)}`").select("properties").first()
    assert properties is not None
    assert properties[0]["delta.deletedFileRetentionDuration"] == "interval 30 days"
