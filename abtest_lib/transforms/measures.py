"""Events as numbers: how much each adds to the measures of the metrics."""

from collections.abc import Iterable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abtest_lib.metrics import Measure, Metric

MICRO = 1_000_000
"""Sums of a column are whole numbers of millionths: they are exact, whatever the order of the rows."""


def name_measures(metrics: Iterable[Metric]) -> Mapping[Measure, str]:
    """Name the measures of some metrics; metrics that share one share its column."""
    found = [measure for metric in metrics for measure in (metric.numerator, metric.denominator) if measure]
    return {measure: f"m{place}" for place, measure in enumerate(dict.fromkeys(found))}


def with_measures(events: DataFrame, measures: Mapping[Measure, str]) -> DataFrame:
    """Select the events that count, with what each adds to every measure.

    Args:
        events: user_id, timestamp, day and the columns that the measures name.
        measures: The result of `name_measures`.

    Returns:
        user_id, timestamp, day and a bigint for each measure, in units of 1/`scale_of`; NULL where the event does not
        count.
    """
    columns = [_amount(measure).alias(name) for measure, name in measures.items()]
    counted = events.select("user_id", "timestamp", "day", *columns)
    return counted.where(F.coalesce(*measures.values()).isNotNull())


def scale_of(measure: Measure | None) -> int:
    """Return how many units of a measure's column make 1: events are counted whole."""
    return 1 if measure is None or measure.value is None else MICRO


def _amount(measure: Measure) -> Column:
    value = F.lit(1) if measure.value is None else F.round(F.col(measure.value) * F.lit(float(scale_of(measure))))
    return F.when(F.expr(measure.events), value.cast("bigint"))
