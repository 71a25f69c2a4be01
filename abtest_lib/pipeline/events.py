"""What several steps ask of events: their days, their purchases, and whose they are."""

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS
from abtest_lib.pipeline.context import Run
from abtest_lib.spark.tables import read_table
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.experiments import assignments

ONE_DAY = timedelta(days=1)
"""A day in any time zone touches at most the UTC dates beside it."""


def purchases_of(events: DataFrame, conversion_event: str) -> DataFrame:
    """The events that are purchases: row_id, user_id, timestamp."""
    is_purchase = F.col("event_name") == conversion_event
    return events.where(is_purchase).select("row_id", "user_id", "timestamp")


def of_same_users(rows: DataFrame, others: DataFrame) -> DataFrame:
    """The rows of the users that are in other rows, too."""
    return rows.join(others.select("user_id").distinct(), "user_id", "left_semi")


def days_of(run: Run, events: DataFrame) -> tuple[date, ...]:
    """The days of some events, in order."""
    days = events.select(day_of("timestamp", run.settings.reporting_timezone).alias("day")).distinct()
    return tuple(sorted(row["day"] for row in days.collect()))


def days_reached(run: Run, spans: DataFrame) -> tuple[date, date] | None:
    """The first and the last day that stretches of time touch; None where there are none."""
    ends = spans.agg(F.min("span_start").alias("first"), F.max("span_end").alias("last"))
    timezone = run.settings.reporting_timezone
    row = ends.select(day_of("first", timezone).alias("first"), day_of("last", timezone).alias("last")).first()
    if row is None or row["last"] is None:
        return None
    return row["first"], row["last"]


def all_assignments(run: Run, bronze_version: int) -> DataFrame:
    """What each distinct map of experiments in bronze says; steps of one run share it."""
    name = f"assignments of {EVENTS.full_name} {bronze_version}"
    return run.room.fill_once(name, lambda: assignments(read_table(run.spark, EVENTS, run.lake)))


def timed_events(run: Run, first: date | None = None, last: date | None = None) -> DataFrame:
    """Bronze events with their `day`: of all time, or at least those of some days."""
    events = read_table(run.spark, EVENTS, run.lake)
    if first is not None and last is not None:
        events = events.where(F.col("event_date").between(F.lit(first - ONE_DAY), F.lit(last + ONE_DAY)))
    timed = events.withColumn("day", day_of("timestamp", run.settings.reporting_timezone))
    return timed.select("day", "user_id", "timestamp", "event_name", "experiments")
