"""Participants: who saw which variant, since when, and whether they converted."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.transforms.attribution import first_conversion
from abtest_lib.transforms.experiments import explode_experiments


def is_fallback(common: Collection[str], by_experiment: Mapping[str, Collection[str]]) -> Column:
    """Return whether a row's variant means "not assigned".

    Args:
        common: Fallback variants of every experiment.
        by_experiment: Experiment to its own fallback variants, in addition to the common ones.
    """
    fallback = F.col("variant_id").isin(*sorted(common)) if common else F.lit(False)
    for experiment, variants in sorted(by_experiment.items()):
        fallback = fallback | ((F.col("experiment_name") == experiment) & F.col("variant_id").isin(*sorted(variants)))
    return fallback


def variant_order() -> list[Column]:
    """Return sort columns for the natural order of variants: numbers as numbers, before texts."""
    number = F.expr("try_cast(variant_id AS decimal(38, 0))")
    return [number.isNull(), number, F.col("variant_id")]


def first_exposures(events: DataFrame, assigned: DataFrame) -> DataFrame:
    """Find the first exposure of each experiment × user × variant in some events.

    Args:
        events: user_id, timestamp and experiments of each event.
        assigned: The result of `assignments` for them.
    """
    per_map = events.groupBy("user_id", "experiments").agg(F.min("timestamp").alias("first_exposed_at"))
    # Everything that follows is per user: one shuffle before the rows multiply serves all of it.
    exploded = explode_experiments(per_map.repartition("user_id"), assigned)
    return exploded.groupBy("experiment_name", "user_id", "variant_id").agg(
        F.min("first_exposed_at").alias("first_exposed_at")
    )


def participants(exposures: DataFrame, purchases: DataFrame, fallback: Column, window: timedelta | None) -> DataFrame:
    """Compute the rows of silver/participants for some users.

    Args:
        exposures: All first exposures of these users: experiment_name, user_id, variant_id, first_exposed_at.
        purchases: All purchases of these users: user_id, timestamp; those of other users are ignored.
        fallback: Whether a variant means "not assigned"; such a variant is not an arm.
        window: The attribution window, or None.

    Returns:
        experiment_name, user_id, variant_id, first_exposed_at, converted_at, cross_exposed_at.
    """
    times = purchases.groupBy("user_id").agg(F.collect_list("timestamp").alias("purchase_times"))
    converted = first_conversion(F.col("first_exposed_at"), F.col("purchase_times"), window)
    arms = Window.partitionBy("user_id", "experiment_name", "is_fallback").orderBy("first_exposed_at")
    second_arm = F.nth_value("first_exposed_at", 2).over(
        arms.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    )
    marked = exposures.withColumn("is_fallback", fallback)
    return (
        marked.withColumn("cross_exposed_at", F.when(~F.col("is_fallback"), second_arm))
        .join(times, "user_id", "left")
        .withColumn("converted_at", converted)
        .drop("purchase_times", "is_fallback")
    )
