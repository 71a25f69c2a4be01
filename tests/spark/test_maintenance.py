"""Care of a table's files, one table at a time."""

from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from abtest_lib.contracts import FORGOTTEN
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.maintenance import checkpoint, remember_removed
from abtest_lib.lake.table import Table
from abtest_lib.spark.small_frames import literal_rows


def properties(lake: str) -> dict[str, str | None]:
    return dict(DeltaTable(FORGOTTEN.path(lake)).metadata().configuration)


def test_removed_files_are_remembered_for_as_long_as_they_are_kept(spark: SparkSession, tmp_path: Path) -> None:
    lake = str(tmp_path)
    made = Lake(spark, lake)[FORGOTTEN].append(literal_rows(spark, [], FORGOTTEN.types))
    for _ in range(2):
        remember_removed(Lake(spark, lake)[FORGOTTEN], timedelta(days=30))
    commit = Lake(spark, lake)[FORGOTTEN].last_commit()
    assert commit is not None
    assert commit.version == made.version + 1  # said once
    assert properties(lake)["delta.deletedFileRetentionDuration"] == "interval 30 days"


@pytest.mark.spark_only
def test_a_checkpoint_that_somebody_stops_leaves_no_checkpoint_with_each_commit(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    lake = str(tmp_path)
    Lake(spark, lake)[FORGOTTEN].append(literal_rows(spark, [], FORGOTTEN.types))
    monkeypatch.setattr(Table, "last_commit", stopped)
    with pytest.raises(KeyboardInterrupt):
        checkpoint(Lake(spark, lake)[FORGOTTEN], timedelta(days=30))
    found = properties(lake)
    assert found["delta.logRetentionDuration"] == "interval 30 days"
    assert "delta.checkpointInterval" not in found
