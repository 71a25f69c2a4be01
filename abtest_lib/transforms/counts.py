"""Distinct users and buyers, by day."""

from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.transforms.experiments import explode_experiments

PURCHASES = {"flag_purchase": "purchases"}


def distinct_events(events: DataFrame, flags: Iterable[str] = PURCHASES) -> DataFrame:
    """Keep one row for all events of a user with the same day, name and map of experiments: counts need no more.

    Args:
        events: day, user_id, event_name, experiments and some flags of each event.
        flags: The names of the flags.

    Returns:
        The same columns; a flag is set if it is set for one of the events.
    """
    keys = ("day", "user_id", "event_name", "experiments")
    return events.groupBy(*keys).agg(*(F.max(flag).alias(flag) for flag in flags))


def daily_counts(events: DataFrame, assigned: DataFrame, flags: Mapping[str, str] = PURCHASES) -> DataFrame:
    """Count users and buyers for each day at three levels at once.

    Args:
        events: The result of `distinct_events`.
        assigned: The result of `assignments` for them.
        flags: Flag to the name of the count of users with at least one event that has it.

    Returns:
        day, experiment_name, variant_id, event_name, users and a count for each flag. event_name is NULL in the counts
        over all events, variant_id also in those over all variants.
    """
    # One shuffle by user before the rows multiply; the distinct counts below then need none.
    exploded = explode_experiments(events.repartition("user_id"), assigned)
    levels = F.explode(F.array(F.lit("event"), F.lit("variant"), F.lit("experiment"))).alias("level")
    leveled = exploded.select(*exploded.columns, levels)
    variant = F.when(F.col("level") != "experiment", F.col("variant_id")).alias("variant_id")
    event = F.when(F.col("level") == "event", F.col("event_name")).alias("event_name")
    keys = ("day", "experiment_name", variant, event, "user_id")
    per_user = leveled.groupBy(*keys).agg(*(F.max(flag).alias(flag) for flag in flags))
    return per_user.groupBy("day", "experiment_name", "variant_id", "event_name").agg(
        F.count(F.lit(1)).alias("users"), *(F.count_if(flag).alias(count) for flag, count in flags.items())
    )
