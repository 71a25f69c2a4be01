"""Distinct users and buyers, by day."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.transforms.experiments import explode_experiments


def daily_counts(events: DataFrame, assigned: DataFrame) -> DataFrame:
    """Count users and buyers for each day at three levels at once.

    Args:
        events: day, user_id, event_name, experiments and flag_purchase of each event.
        assigned: What `assignments` gives for them.

    Returns:
        day, experiment_name, variant_id, event_name, users, purchases (those with at least one flagged event).
        event_name is NULL in the counts over all events, variant_id also in those over all variants.
    """
    per_map = events.groupBy("day", "user_id", "event_name", "experiments").agg(
        F.max("flag_purchase").alias("flag_purchase")
    )
    # One shuffle by user before the rows multiply; the distinct counts below then need none.
    exploded = explode_experiments(per_map.repartition("user_id"), assigned)
    nothing = F.lit(None).cast("string")
    levels = F.array(
        F.struct(F.col("event_name").alias("event"), F.col("variant_id").alias("variant")),
        F.struct(nothing.alias("event"), F.col("variant_id").alias("variant")),
        F.struct(nothing.alias("event"), nothing.alias("variant")),
    )
    leveled = exploded.select("day", "experiment_name", "user_id", "flag_purchase", F.explode(levels).alias("level"))
    variant, event = F.col("level.variant").alias("variant_id"), F.col("level.event").alias("event_name")
    keys = ("day", "experiment_name", variant, event, "user_id")
    per_user = leveled.groupBy(*keys).agg(F.max("flag_purchase").alias("is_buyer"))
    return per_user.groupBy("day", "experiment_name", "variant_id", "event_name").agg(
        F.count(F.lit(1)).alias("users"), F.count_if("is_buyer").alias("purchases")
    )
