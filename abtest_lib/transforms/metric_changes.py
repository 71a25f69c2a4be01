"""How the sums over users change from day to day."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.transforms.cases import by_value
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.enrolled_users import LEFT
from abtest_lib.transforms.metric_sums import MetricSums
from abtest_lib.transforms.to_date import Periods, with_period

MATURE = "mature_users"
_START = ("user_id", "first_exposed_at")
"""Experiments that a user first saw in the same event share everything that follows: nine of ten on real traffic."""
_ENTRY = "entry"


def metric_changes(
    enrolled: DataFrame, events: DataFrame, plan: Sequence[MetricSums], periods: Periods, timezone: str
) -> DataFrame:
    """Compute the change of each sum on each day, by variant, period of entry and segment.

    Args:
        enrolled: The result of `enrolled_users`, with `segments`, the array of segments that each belongs to.
        events: The result of `with_measures`.
        plan: The sums.
        periods: The declared periods.
        timezone: The reporting time zone.

    Returns:
        experiment_name, variant_id, period, segment, day, and the change of the columns that `summed_columns` names.
    """
    starts = enrolled.select(*_START, "entered").distinct()
    changes = _changes(_totals(_start_days(starts, events, plan, timezone), plan), plan)
    names, keys = summed_columns(plan), ("experiment_name", "variant_id", "period", "segment", "day")
    users = with_period(enrolled.withColumn("day", F.col("entered")), periods).drop("day", "declared_start", "entered")
    flat = users.join(changes, list(_START)).withColumn("segment", F.explode("segments"))
    if LEFT in flat.columns:
        flat = _with_leavers(flat, keys, names)
    return flat.groupBy(*keys).agg(*(F.sum(name).alias(name) for name in names))


def _with_leavers(flat: DataFrame, keys: Sequence[str], names: Sequence[str]) -> DataFrame:
    """Take back everything that a user has added on the day of leaving, and nothing counts from then on."""
    leaving = flat.where("day < left").withColumn("day", F.col(LEFT))
    gone = leaving.withColumns({name: -F.col(name) for name in names}).select(*keys, *names)
    return flat.where("left IS NULL OR day < left").select(*keys, *names).unionByName(gone)


def summed_columns(plan: Sequence[MetricSums]) -> list[str]:
    """Name the columns that are summed over users."""
    return ["users", *(name for item in plan for name in item.changes()), *_maturity(plan)]


def _maturity(plan: Sequence[MetricSums]) -> list[str]:
    return [item.name(MATURE) for item in plan if item.metric.window is not None]


def _start_days(starts: DataFrame, events: DataFrame, plan: Sequence[MetricSums], timezone: str) -> DataFrame:
    """Add up the events after each start by day; there is a row for the entry and for the end of each window."""
    amounts = {name: column for item in plan for name, column in item.of_event().items()}
    keys, markers = (*_START, "day"), ["is_entry", *_maturity(plan)]
    joined = starts.join(events, "user_id").withColumns(amounts).where(F.coalesce(*amounts).isNotNull())
    # What comes before the exposure is known on the day of the entry, and a clock set back may give an earlier day.
    day, none = F.greatest("day", "entered").alias("day"), F.lit(0).cast("bigint")
    seen = joined.select(*_START, day, *amounts, *(none.alias(name) for name in markers))
    moments = _moments(plan, timezone)
    marked = starts.withColumn("moment", F.explode(F.array(*map(F.lit, moments))))
    is_moment = {"is_entry": F.col("moment") == _ENTRY} | {name: F.col("moment") == name for name in _maturity(plan)}
    flags = (is_moment[name].cast("bigint").alias(name) for name in markers)
    at_moments = marked.select(
        *_START, by_value("moment", moments).alias("day"), *(none.alias(name) for name in amounts), *flags
    )
    sums = (F.coalesce(F.sum(name), F.lit(0)).cast("bigint").alias(name) for name in (*amounts, *markers))
    return seen.unionByName(at_moments).groupBy(*keys).agg(*sums)


def _moments(plan: Sequence[MetricSums], timezone: str) -> dict[str, Column]:
    """Return the days of the entry and of the end of each window."""
    start = F.col("first_exposed_at")
    ends = {
        item.name(MATURE): F.greatest(day_of(start + F.lit(item.metric.window), timezone), F.col("entered"))
        for item in plan
        if item.metric.window is not None
    }
    return {_ENTRY: F.col("entered")} | ends


def _totals(days: DataFrame, plan: Sequence[MetricSums]) -> DataFrame:
    """Add each user's values before and after the day, and the covariate."""
    everything = Window.partitionBy(*_START)
    so_far = everything.orderBy("day").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    known = {}
    for item in plan:
        known[item.name("total_after")] = F.sum(item.name("x")).over(so_far)
        if item.denominator is not None:
            known[item.name("y_after")] = F.sum(item.name("y")).over(so_far)
        if item.metric.lookback is not None:
            known[item.name("c")] = item.cut_off(F.sum(item.name("c")).over(everything))
    summed = days.withColumns(known)
    derived = {}
    for item in plan:
        total = F.col(item.name("total_after"))
        before = total - F.col(item.name("x"))
        derived[item.name("total_before")] = before
        derived |= {item.name("x_after"): item.cut_off(total), item.name("x_before"): item.cut_off(before)}
        if item.denominator is not None:
            derived[item.name("y_before")] = F.col(item.name("y_after")) - F.col(item.name("y"))
    return summed.withColumns(derived)


def _changes(totals: DataFrame, plan: Sequence[MetricSums]) -> DataFrame:
    changes = {name: column for item in plan for name, column in item.changes().items()}
    columns = [column.alias(name) for name, column in changes.items()]
    return totals.select(*_START, "day", F.col("is_entry").alias("users"), *columns, *_maturity(plan))
