"""Segments of users: the values of some columns at the first exposure."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.transforms.experiments import explode_experiments
from abtest_lib.verdict.rules import EVERYBODY

MOST_VALUES = 20
"""The values of a column that are segments of their own; the others are one segment, and no value is another."""

OTHER, NONE = "other", "none"

Segments = Mapping[str, Sequence[str]]
"""Experiment to the columns by which its results are broken down."""


def with_segments(
    enrolled: DataFrame, events: DataFrame, assigned: Callable[[], DataFrame], segments: Segments
) -> DataFrame:
    """Add `segments`: `all`, and `column=value` for each column that the experiment names.

    Args:
        enrolled: The result of `enrolled_users`.
        events: row_id, user_id, timestamp, experiments and the columns of all events.
        assigned: Returns the result of `assignments` for them; called only if there are segments.
        segments: What is declared.
    """
    columns = sorted({column for named in segments.values() for column in named})
    if not columns:
        return enrolled.withColumn("segments", F.array(F.lit(EVERYBODY)))
    is_broken_down = F.col("experiment_name").isin(sorted(segments))
    maps = assigned()
    parts = [_label(enrolled, events, maps, column, segments) for column in columns]
    keys = ["experiment_name", "variant_id", "user_id"]
    labelled = reduce(lambda left, right: left.join(right, keys, "left"), parts, enrolled.where(is_broken_down))
    listed = F.array_compact(F.array(F.lit(EVERYBODY), *(F.col(f"label_{column}") for column in columns)))
    whole = enrolled.where(~is_broken_down).withColumn("segments", F.array(F.lit(EVERYBODY)))
    return labelled.withColumn("segments", listed).select(*whole.columns).unionByName(whole)


def _label(enrolled: DataFrame, events: DataFrame, assigned: DataFrame, column: str, segments: Segments) -> DataFrame:
    """Return the segment of each participant by one column: experiment_name, variant_id, user_id, label."""
    experiments = sorted(name for name, columns in segments.items() if column in columns)
    of_these = assigned.where(F.col("experiment_name").isin(experiments))
    value = F.coalesce(F.col(column).cast("string"), F.lit(NONE))
    rows = events.select("user_id", "experiments", F.struct("timestamp", "row_id", value.alias("value")).alias("first"))
    keys = ["experiment_name", "variant_id", "user_id"]
    firsts = explode_experiments(rows, of_these).groupBy(*keys).agg(F.min("first").alias("first"))
    valued = enrolled.select(*keys, "entered").join(firsts, keys).select(*keys, "entered", "first.value")
    ranked = valued.join(_most_seen(valued), ["experiment_name", "value"], "left")
    shown = F.when(F.col("is_kept") | (F.col("value") == NONE), F.col("value")).otherwise(F.lit(OTHER))
    return ranked.select(*keys, F.concat(F.lit(f"{column}="), shown).alias(f"label_{column}"))


def _most_seen(valued: DataFrame) -> DataFrame:
    """Return the values that came first, so that no later event moves a user to another segment."""
    known = valued.where(F.col("value") != NONE)
    by_day = known.groupBy("experiment_name", "value", "entered").agg(F.count(F.lit(1)).alias("people"))
    first: Column = F.min("entered").alias("first_day")
    of_value = by_day.groupBy("experiment_name", "value").agg(first, F.min_by("people", "entered").alias("people"))
    order = Window.partitionBy("experiment_name").orderBy("first_day", F.desc("people"), "value")
    ranked = of_value.withColumn("place", F.row_number().over(order)).where(F.col("place") <= MOST_VALUES)
    return ranked.select("experiment_name", "value", F.lit(True).alias("is_kept"))
