"""Queries over events that several steps share: days, purchases, arrivals."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS
from abtest_lib.pipeline.run import Run
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.experiments import assignments

_LARGEST_STEP = timedelta(hours=3)
"""A clock set back over midnight, as St. John's was until 2010, can show a later date before a span ends."""

ONE_DAY = timedelta(days=1)
"""A day in any time zone touches at most the UTC dates next to it."""


def purchases_of(events: DataFrame, conversion_event: str) -> DataFrame:
    """Select the purchases: row_id, user_id, timestamp."""
    is_purchase = F.col("event_name") == conversion_event
    return events.where(is_purchase).select("row_id", "user_id", "timestamp")


def of_same_users(rows: DataFrame, others: DataFrame) -> DataFrame:
    """Keep the rows whose user also has a row in `others`."""
    return rows.join(others.select("user_id").distinct(), "user_id", "left_semi")


def days_of(run: Run, events: DataFrame) -> tuple[date, ...]:
    """Return the days of some events, in order."""
    days = events.select(day_of("timestamp", run.settings.reporting_timezone).alias("day")).distinct()
    return tuple(sorted(row["day"] for row in days.collect()))


def days_reached(run: Run, spans: DataFrame) -> tuple[date, date] | None:
    """Return the first and the last day that time spans touch, or one day more; None without spans."""
    ends = spans.agg(F.min("span_start").alias("first"), F.max("span_end").alias("last"))
    timezone = run.settings.reporting_timezone
    first, last = (
        day_of(F.col("first") - F.lit(_LARGEST_STEP), timezone),
        day_of(F.col("last") + F.lit(_LARGEST_STEP), timezone),
    )
    row = ends.select(first.alias("first"), last.alias("last")).first()
    if row is None or row["last"] is None:
        return None
    return row["first"], row["last"]


def all_assignments(run: Run) -> DataFrame:
    """Parse each distinct map of experiments in bronze; the steps of one run share the result."""
    name = f"assignments of {EVENTS.full_name} {run.lake[EVENTS].version}"
    return run.frames.persist_once(name, lambda: assignments(run.lake[EVENTS].read()))


def arrivals(run: Run, after: int, upto: int) -> DataFrame | None:
    """Return the events that bronze gained after version `after`, up to `upto`; the steps of one run share them.

    None if that is unknown: Delta has cleaned its log, or an older version of the suite wrote the events.
    """
    bronze = run.lake[EVENTS]
    notes = bronze.notes_of_appends(after, upto)
    if notes is None:
        return None
    is_new = F.col("ingested_at").isin([datetime.fromisoformat(note) for note in notes])
    name = f"what {EVENTS.full_name} gained from {after} to {upto}"
    return run.frames.persist_once(name, lambda: bronze.read(upto).where(is_new))


def note_of_arrival(ingested_at: datetime) -> str:
    """Return the note of a commit to bronze, by which `arrivals` finds its rows."""
    return ingested_at.isoformat()


def timed_events(run: Run, stretches: Sequence[tuple[date, date]] | None = None) -> DataFrame:
    """Read bronze events with their `day`.

    Args:
        run: The run.
        stretches: First and last days; all events of these days are included, others may be. None for all events.
    """
    events = run.lake[EVENTS].read()
    if stretches is not None:
        reached = [F.col("event_date").between(first - ONE_DAY, last + ONE_DAY) for first, last in stretches]
        events = events.where(reduce(or_, reached))
    timed = events.withColumn("day", day_of("timestamp", run.settings.reporting_timezone))
    return timed.select("day", "user_id", "timestamp", "event_name", "experiments")
