"""Sums as of each day: the rows of gold/metric_to_date."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.contracts import METRIC_TO_DATE
from abtest_lib.transforms.cases import by_value
from abtest_lib.transforms.metric_changes import MATURE, summed_columns
from abtest_lib.transforms.metric_sums import CAPPED, MetricSums
from abtest_lib.transforms.to_date import Periods, with_period
from abtest_lib.verdict.rules import EVERYBODY

_SUMS = tuple(name for name in METRIC_TO_DATE.column_names if name.startswith("sum_"))


def metrics_to_date(changes: DataFrame, shown: DataFrame, plan: Sequence[MetricSums], periods: Periods) -> DataFrame:
    """Add up changes to the sums as of each day.

    Args:
        changes: The result of `metric_changes`.
        shown: day, experiment_name, variant_id, period_start of gold/experiment_to_date: the rows that are wanted.
        plan: The sums.
        periods: The declared periods.

    Returns:
        The columns of gold/metric_to_date.
    """
    names = summed_columns(plan)
    keys = ("experiment_name", "variant_id", "period", "segment")
    wanted = _with_segments(with_period(shown, periods), changes)
    rows = wanted.select(*keys, "day", "period_start", *(F.lit(None).alias(name) for name in names))
    moved = changes.select(*keys, "day", F.lit(None).cast("date").alias("period_start"), *names)
    so_far = Window.partitionBy(*keys).orderBy("day").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    sums = {name: F.coalesce(F.sum(name).over(so_far), F.lit(0)) for name in names}
    as_of = moved.unionByName(rows).withColumns(sums).where("period_start IS NOT NULL")
    return _by_metric(as_of, plan)


def _with_segments(shown: DataFrame, changes: DataFrame) -> DataFrame:
    """Repeat each row for everybody and for the segments of the experiment's users so far."""
    seen = changes.where(F.col("segment") != EVERYBODY).groupBy("experiment_name", "period", "segment")
    first = seen.agg(F.min("day").alias("seen_from"))
    of_segments = shown.join(first, ["experiment_name", "period"]).where("seen_from <= day").drop("seen_from")
    return shown.withColumn("segment", F.lit(EVERYBODY)).unionByName(of_segments, allowMissingColumns=False)


def _by_metric(wide: DataFrame, plan: Sequence[MetricSums]) -> DataFrame:
    """Turn each row into one row for each metric."""
    each = wide.withColumn("metric", F.explode(F.array(*(F.lit(item.metric.name) for item in plan))))
    columns = {
        **{name: by_value("metric", {item.metric.name: _sum(item, name) for item in plan}) for name in _SUMS},
        **{
            name: by_value("metric", {item.metric.name: _count(item, name) for item in plan})
            for name in (CAPPED, MATURE)
        },
    }
    return each.withColumns(columns).select(*METRIC_TO_DATE.column_names)


def _sum(item: MetricSums, name: str) -> Column:
    product = name.removeprefix("sum_")
    if product not in item.products:
        return F.lit(None).cast("double")
    return F.col(item.name(name)).cast("double") / F.lit(float(item.scale(product)))


def _count(item: MetricSums, name: str) -> Column:
    is_kept = item.metric.cap is not None if name == CAPPED else item.metric.window is not None
    return F.col(item.name(name)) if is_kept else F.lit(None).cast("bigint")
