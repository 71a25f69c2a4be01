"""Publish a release: the version of every gold table that readers should see together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from abtest_lib.contracts import GOLD_TABLES, RELEASES
from abtest_lib.pipeline.run import Run
from abtest_lib.spark.small_frames import literal_rows

JOB = "publish_release"


def publish_release(run: Run) -> Mapping[str, Any]:
    """Publish the gold tables as they are; nothing happens when the last release says the same.

    Returns:
        The fields of the step's report.
    """
    versions = run.lake.versions(*GOLD_TABLES)
    if versions == _published(run):
        return {"input_versions": versions}
    row = (run.run_id, datetime.now(UTC), versions)
    commit = run.lake[RELEASES].append(literal_rows(run.lake.session, [row], RELEASES.types))
    return {
        "rows_written": 1,
        "input_versions": versions,
        "output_versions": {RELEASES.full_name: commit.version},
    }


def _published(run: Run) -> dict[str, int] | None:
    if run.lake[RELEASES].last_commit() is None:
        return None
    latest = run.lake[RELEASES].read().orderBy(F.col("published_at").desc()).select("versions").first()
    return None if latest is None else dict(latest["versions"])
