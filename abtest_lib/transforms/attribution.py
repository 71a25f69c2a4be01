"""Attribution: which events a purchase follows."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

FIRST_INSTANT = "timestamp'1900-01-01 00:00:00Z'"


def attribution_spans(purchases: DataFrame, window: timedelta | None) -> DataFrame:
    """Return the time spans in which an event of a user counts as followed by a purchase.

    A purchase at p covers [p − window, p]; spans of one user that touch are merged, so that an event lies in at most
    one. Without a window there is one span, from the beginning to the last purchase.

    Args:
        purchases: user_id and timestamp of each purchase.
        window: The attribution window, or None for no limit.

    Returns:
        One row per span: buyer_id, span_start, span_end (both ends included).
    """
    if window is None:
        spans = purchases.groupBy("user_id").agg(F.max("timestamp").alias("span_end"))
        return spans.select(F.col("user_id").alias("buyer_id"), F.expr(FIRST_INSTANT).alias("span_start"), "span_end")
    by_time = Window.partitionBy("user_id").orderBy("timestamp")
    earlier = by_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    starts = purchases.select("user_id", "timestamp", _minus(F.col("timestamp"), window).alias("start"))
    opens = F.lag("timestamp").over(by_time)
    numbered = starts.withColumn("opens_span", F.coalesce(opens < F.col("start"), F.lit(True)).cast("int"))
    grouped = numbered.withColumn("span", F.sum("opens_span").over(earlier)).groupBy("user_id", "span")
    spans = grouped.agg(F.min("start").alias("span_start"), F.max("timestamp").alias("span_end"))
    return spans.select(F.col("user_id").alias("buyer_id"), "span_start", "span_end")


def reach_of_each(purchases: DataFrame, window: timedelta | None) -> DataFrame:
    """Return the time span in which each purchase alone can flag events: span_start, span_end."""
    start = F.expr(FIRST_INSTANT) if window is None else _minus(F.col("timestamp"), window)
    return purchases.select(start.alias("span_start"), F.col("timestamp").alias("span_end"))


def flag_purchases(events: DataFrame, spans: DataFrame) -> DataFrame:
    """Add `flag_purchase`: whether the event lies in one of its user's spans.

    Args:
        events: Rows with user_id and timestamp.
        spans: The result of `attribution_spans`.

    Returns:
        The same rows with flag_purchase.
    """
    same_user = F.col("user_id") == F.col("buyer_id")
    inside = F.col("timestamp").between(F.col("span_start"), F.col("span_end"))
    joined = events.join(spans, same_user & inside, "left")
    flagged = joined.withColumn("flag_purchase", F.col("buyer_id").isNotNull())
    return flagged.drop("buyer_id", "span_start", "span_end")


def first_conversion(first_exposed_at: Column, purchase_times: Column, window: timedelta | None) -> Column:
    """Return the first purchase at or after an exposure and within the window from it; NULL if there is none."""

    def counts(purchase: Column) -> Column:
        is_after = purchase >= first_exposed_at
        return is_after if window is None else is_after & (_minus(purchase, window) <= first_exposed_at)

    return F.array_min(F.filter(purchase_times, counts))


def _minus(instant: Column, window: timedelta) -> Column:
    return instant - F.lit(window)
