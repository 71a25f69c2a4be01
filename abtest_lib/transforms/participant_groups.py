"""Participants grouped by the days of their exposure, conversion and second arm."""

from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.transforms.days import day_of


def group_participants(participants: DataFrame, with_fallback: Collection[str], timezone: str) -> DataFrame:
    """Group participants who have one row in an experiment and share its days; keep a row for each of the others.

    Args:
        participants: Rows of silver/participants; all the rows of each experiment × user among them.
        with_fallback: The experiments in which somebody saw a variant that means "not assigned": a person may have
            several rows there and still be in one arm.
        timezone: The reporting time zone.

    Returns:
        experiment_name, variant_id, entered, converted, crossed (days; the last two may be NULL), `people` who share
        them; user_id and first_exposed_at of those who may have several rows, NULL for the others.
    """
    may_have_more = F.col("cross_exposed_at").isNotNull() | F.col("experiment_name").isin(sorted(with_fallback))
    keys = participants.select(
        "experiment_name",
        "variant_id",
        day_of("first_exposed_at", timezone).alias("entered"),
        day_of("converted_at", timezone).alias("converted"),
        day_of("cross_exposed_at", timezone).alias("crossed"),
        F.when(may_have_more, F.col("user_id")).alias("user_id"),
        F.when(may_have_more, F.col("first_exposed_at")).alias("first_exposed_at"),
    )
    return keys.groupBy(*keys.columns).agg(F.count(F.lit(1)).alias("people"))
