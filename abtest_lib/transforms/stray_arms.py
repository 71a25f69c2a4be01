"""Arms without a registered share that few users saw, usually testers. They are left out (ADR 9)."""

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.registry import Experiment
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.verdict.rules import STRAY_SHARE, STRAY_SHARE_OF_FEW, STRAY_USERS

_DECLARED = {"experiment_name": "string", "starts": "date", "arms": "array<string>"}


def stray_arms(to_date: DataFrame, experiments: Iterable[Experiment]) -> DataFrame:
    """Find the stray arms of each day, as `Panel.is_stray` does.

    Args:
        to_date: day, experiment_name, variant_id and users to date, without fallback variants.
        experiments: What the registry declares.

    Returns:
        day, experiment_name, variant_id of the stray arms.
    """
    splits = [
        (item.name, split.starts, [arm for arm, share in split.entries if share > 0])
        for item in experiments
        for split in item.allocations
    ]
    keys = ("day", "experiment_name")
    if not splits:
        return to_date.select(*keys, "variant_id").limit(0)
    declared = F.broadcast(literal_rows(to_date.sparkSession, splits, _DECLARED))
    begun = to_date.select(*keys).distinct().join(declared, "experiment_name", "inner")
    begun = begun.where("starts IS NULL OR starts <= day").withColumn("from", F.coalesce("starts", F.lit("0001-01-01")))
    current = begun.groupBy(*keys).agg(F.max_by("arms", "from").alias("arms"))
    everybody = to_date.groupBy(*keys).agg(F.sum("users").alias("everybody"))
    few = F.least(F.lit(float(STRAY_USERS)), F.lit(STRAY_SHARE_OF_FEW) * F.col("everybody"))
    is_few = (F.col("users") > 0) & (F.col("users") <= F.greatest(F.lit(STRAY_SHARE) * F.col("everybody"), few))
    joined = to_date.join(current, list(keys), "inner").join(everybody, list(keys), "inner")
    return joined.where(is_few & ~F.array_contains("arms", F.col("variant_id"))).select(*keys, "variant_id")
