"""Users, events and rejected rows of the whole lake by day, over all experiments."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

COUNTS = ("day", "users", "events")


def count_by_day(events: DataFrame) -> DataFrame:
    """Count the users and events of each day.

    Args:
        events: day and user_id of valid events.

    Returns:
        day, users (distinct) and events.
    """
    return events.groupBy("day").agg(F.count_distinct("user_id").alias("users"), F.count(F.lit(1)).alias("events"))


def with_quarantine(counts: DataFrame, quarantine: DataFrame) -> DataFrame:
    """Add the number of rejected rows of each day.

    Args:
        counts: The result of `count_by_day`.
        quarantine: Rows of quarantine/events. The first ten characters of a row's time are taken as its day, because a
            rejected row may have no valid time; a line that could not be split has no day.

    Returns:
        The columns of gold/lake_daily.
    """
    rejected = (
        quarantine.where("raw_record IS NULL")
        .groupBy(F.substring("timestamp", 1, 10).alias("text"))
        .agg(F.count(F.lit(1)).alias("rejected"))
    )
    joined = counts.join(rejected, F.col("day").cast("string") == F.col("text"), "left")
    return joined.select(*COUNTS, F.coalesce("rejected", F.lit(0)).cast("bigint").alias("quarantined_rows"))
