"""Participants by the days on which something happened to them: a few rows where people share these days."""

from collections.abc import Collection

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.transforms.days import day_of


def gather(participants: DataFrame, with_fallback: Collection[str], timezone: str) -> DataFrame:
    """Count together those who have one row in an experiment and share its days; the others stay as they are.

    Args:
        participants: Rows of silver/participants; all the rows of each experiment × user among them.
        with_fallback: The experiments in which somebody saw a variant that means "not assigned": a person may have
            several rows there and be in one arm.
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
