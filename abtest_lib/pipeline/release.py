"""Publish a release: the version of every gold table that readers should see together."""

from datetime import UTC, datetime

from pyspark.sql import functions as F

from abtest_lib.contracts import GOLD_TABLES, RELEASES
from abtest_lib.pipeline.run import Run
from abtest_lib.pipeline.step import Outcome, SimpleStep
from abtest_lib.spark.small_frames import literal_rows


def _publish(run: Run) -> Outcome:
    """Publish the current versions of the gold tables; do nothing if the last release has the same."""
    versions = run.lake.versions(*GOLD_TABLES)
    if versions == _published(run):
        return Outcome(input_versions=versions)
    row = (run.run_id, datetime.now(UTC), versions)
    commit = run.lake[RELEASES].append(literal_rows(run.lake.session, [row], RELEASES.types))
    return Outcome(rows_written=1, input_versions=versions, output_versions={RELEASES.full_name: commit.version})


def _published(run: Run) -> dict[str, int] | None:
    if not run.lake[RELEASES].exists:
        return None
    latest = run.lake[RELEASES].read().orderBy(F.col("published_at").desc()).select("versions").first()
    return None if latest is None else dict(latest["versions"])


PUBLISH_RELEASE = SimpleStep("publish_release", _publish)
"""Publishes a release: readers see all gold tables change at once."""
