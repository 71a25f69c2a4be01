"""Counts as of each day: every user once, nothing that happened later."""

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.transforms.cases import by_value
from abtest_lib.transforms.participants import variant_order

COUNTS = ("users", "purchases", "cross_exposed_users", "cross_exposed_purchases")

Periods = Mapping[str, Sequence[date]]
"""Experiment to the days on which its declared periods start, in order."""


def with_period(frame: DataFrame, periods: Periods) -> DataFrame:
    """Add `period` (the number of declared periods started by `day`) and `declared_start` (of the latest, or NULL)."""
    declared = {name: sorted(starts) for name, starts in periods.items() if starts}
    if not declared:
        return frame.withColumns({"period": F.lit(0), "declared_start": F.lit(None).cast("date")})
    columns = {"experiment_name": "string", "starts": "array<date>"}
    known = literal_rows(frame.sparkSession, list(declared.items()), columns)
    begun = F.filter(F.coalesce("starts", F.array().cast("array<date>")), lambda start: start <= F.col("day"))
    return (
        frame.join(F.broadcast(known), "experiment_name", "left")
        .withColumns({"period": F.size(begun), "declared_start": F.array_max(begun)})
        .drop("starts")
    )


def enrolments(groups: DataFrame, policy: CrossExposed, fallback: Column) -> DataFrame:
    """Return in which variant each user counts, and the days on which that changes.

    Args:
        groups: The result of `group_participants`, with all rows of every cross-exposed user.
        policy: Under `first` and `exclude` a user belongs to the first arm seen, under `include` to each.
        fallback: Whether a variant means "not assigned": its row counts everybody who was exposed to it.

    Returns:
        experiment_name, variant_id, entered, converted, crossed (days; the last two may be NULL, and none is
        before `entered`) and people.
    """
    is_crossed = F.col("crossed").isNotNull() & ~fallback
    # A clock that goes back over midnight may give what follows an earlier day.
    crossed = F.when(is_crossed, F.greatest("crossed", "entered"))
    converted = F.when(F.col("converted").isNotNull(), F.greatest("converted", "entered"))
    counted = groups.withColumns({"crossed": crossed, "converted": converted})
    if policy is not CrossExposed.INCLUDE:
        has_several = F.col("crossed").isNotNull()
        rows_of_user = Window.partitionBy("experiment_name", has_several, "user_id")
        place = F.row_number().over(rows_of_user.orderBy("first_exposed_at", *variant_order()))
        counted = counted.withColumn("place", place).where(~has_several | (F.col("place") == 1))
    return counted.select("experiment_name", "variant_id", "entered", "converted", "crossed", "people")


def daily_changes(entered: DataFrame, policy: CrossExposed, periods: Periods) -> DataFrame:
    """Compute the change of each count on each day, by variant and by the period in which its users entered.

    Args:
        entered: The result of `enrolments`.
        policy: Under `exclude` a user leaves on the day on which the second arm is seen.
        periods: The declared periods.

    Returns:
        experiment_name, variant_id, period, day and the change of each of COUNTS.
    """
    both = F.when(F.col("crossed").isNotNull(), F.greatest("crossed", "converted"))
    both = F.when(F.col("converted").isNotNull(), both)
    leaves = -1 if policy is CrossExposed.EXCLUDE else 0
    changes: dict[str, tuple[Column, dict[str, int]]] = {
        "entered": (F.col("entered"), {"users": 1}),
        "converted": (F.col("converted"), {"purchases": 1}),
        "crossed": (F.col("crossed"), {"users": leaves, "cross_exposed_users": 1}),
        "both": (both, {"purchases": leaves, "cross_exposed_purchases": 1}),
    }
    keyed = with_period(entered.withColumn("day", F.col("entered")), periods).drop("day", "declared_start")
    each = keyed.select("*", F.explode(F.array(*map(F.lit, changes))).alias("change"))
    day = by_value("change", {name: day for name, (day, _) in changes.items()})
    counts = [
        by_value("change", {name: F.lit(moved.get(count, 0)) * F.col("people") for name, (_, moved) in changes.items()})
        for count in COUNTS
    ]
    named = [column.alias(count) for column, count in zip(counts, COUNTS, strict=True)]
    flat = each.select("experiment_name", "variant_id", "period", day.alias("day"), *named).where("day IS NOT NULL")
    return flat.groupBy("experiment_name", "variant_id", "period", "day").agg(
        *(F.sum(name).alias(name) for name in COUNTS)
    )


def as_of_days(
    changes: DataFrame, daily: DataFrame, other_days: DataFrame, periods: Periods, since: date | None
) -> DataFrame:
    """Add up changes to the counts as of each day.

    Args:
        changes: The result of `daily_changes`; a row may hold the sum up to its day.
        daily: day, experiment_name, variant_id of gold/experiment_daily, over the whole history.
        other_days: day, experiment_name of further days that get a row, even without exposures: days on which a
            participant converted, and registered ends that the data has passed.
        periods: The declared periods.
        since: The first day wanted, or None for all.

    Returns:
        day, experiment_name, variant_id, period_start and COUNTS.
    """
    grid = _grid(daily, other_days, periods, since)
    zero = [F.lit(0).cast("bigint").alias(name) for name in COUNTS]
    wanted = grid.select("experiment_name", "variant_id", "period", "day", *zero, "period_start")
    moved = changes.select(*wanted.columns[:4], *COUNTS, F.lit(None).cast("date").alias("period_start"))
    so_far = (
        Window.partitionBy("experiment_name", "variant_id", "period")
        .orderBy("day")
        .rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    summed = wanted.unionByName(moved).withColumns({name: F.sum(name).over(so_far) for name in COUNTS})
    return summed.where("period_start IS NOT NULL").drop("period")


def _grid(daily: DataFrame, other_days: DataFrame, periods: Periods, since: date | None) -> DataFrame:
    """Return each day × the variants seen by then in the day's period."""
    exposed = daily.select("day", "experiment_name", "variant_id")
    others = other_days.select("day", "experiment_name", F.lit(None).cast("string").alias("variant_id"))
    shown = with_period(exposed.unionByName(others).repartition("experiment_name"), periods)
    is_exposed = F.col("variant_id").isNotNull()
    first_day = F.min(F.when(is_exposed, F.col("day"))).over(Window.partitionBy("experiment_name"))
    per_arm = (
        shown.withColumn("first_day", first_day)
        .groupBy("experiment_name", "period", "declared_start", "first_day", "variant_id")
        .agg(F.min("day").alias("seen_from"), F.collect_set("day").alias("days"))
    )
    arm = F.when(is_exposed, F.struct("variant_id", "seen_from"))
    per_period = per_arm.groupBy("experiment_name", "period", "declared_start", "first_day").agg(
        F.collect_list(arm).alias("arms"), F.array_distinct(F.flatten(F.collect_list("days"))).alias("days")
    )
    start = F.coalesce("declared_start", "first_day").alias("period_start")
    active = per_period.select("experiment_name", "period", start, "arms", F.explode("days").alias("day"))
    if since is not None:
        active = active.where(F.col("day") >= F.lit(since))
    seen = active.select("experiment_name", "period", "period_start", "day", F.explode("arms").alias("arm"))
    return seen.where("arm.seen_from <= day").select(
        "experiment_name", "period", "period_start", "day", "arm.variant_id"
    )
