"""Publish a release: the version of every gold table that readers should see together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from abtest_lib.contracts import GOLD_TABLES, RELEASES
from abtest_lib.lake.delta_log import last_commit
from abtest_lib.lake.table import append, read_table
from abtest_lib.pipeline.context import Run, versions_of
from abtest_lib.spark.small_frames import literal_rows

JOB = "publish_release"


def publish_release(run: Run) -> Mapping[str, Any]:
    """Publish the gold tables as they are; nothing happens when the last release says the same.

    Returns:
        The fields of the step's report.
    """
    versions = versions_of(run, *GOLD_TABLES)
    if versions == _published(run):
        return {"input_versions": versions}
    row = (run.run_id, datetime.now(UTC), versions)
    commit = append(literal_rows(run.spark, [row], RELEASES.types), RELEASES, run.lake)
    return {
        "rows_written": 1,
        "input_versions": versions,
        "output_versions": {RELEASES.full_name: commit.version},
    }


def _published(run: Run) -> dict[str, int] | None:
    if last_commit(run.spark, RELEASES, run.lake) is None:
        return None
    latest = read_table(run.spark, RELEASES, run.lake).orderBy(F.col("published_at").desc()).select("versions").first()
    return None if latest is None else dict(latest["versions"])
