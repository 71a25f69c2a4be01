"""Format numbers in the unit of a metric."""

from abtest_lib import answers
from abtest_lib import formatting as plain
from abtest_lib.contracts.enums import MetricType
from abtest_lib.metrics import PURCHASE
from dashboard import formatting, labels

_PROPORTIONS = {MetricType.CONVERSION, MetricType.RETENTION}


def metric_value(value: float | None, metric: answers.MetricResult) -> str:
    r"""Format a number in the unit of a metric; conversions are percentages.

    Examples:
        >>> metric_value(12.5, {"metric": "revenue", "type": "sum", "unit": "USD"})
        '12.50\xa0USD'
    """
    if value is None:
        return labels.DASH
    unit = formatting.shorten(metric["unit"] or "", 16)
    return plain.metric_value(value, is_proportion=is_proportion(metric), unit=unit).replace(" ", labels.NBSP)


def is_proportion(metric: answers.MetricResult) -> bool:
    """Return whether the value of a metric is a share of the users."""
    return metric["type"] in _PROPORTIONS or metric["metric"] == PURCHASE


def metric_difference(value: float, metric: answers.MetricResult, *, signed: bool = True) -> str:
    """Format a difference in the unit of a metric, one of conversions in percentage points."""
    unit = formatting.shorten(metric["unit"] or "", 16)
    text = plain.metric_difference(value, is_proportion=is_proportion(metric), unit=unit, signed=signed)
    return text.replace(" ", labels.NBSP)


def metric_interval(interval: answers.Interval | None, metric: answers.MetricResult) -> str:
    r"""Format an interval of differences in the unit of a metric, those of conversions in percentage points.

    Examples:
        >>> metric_interval({"lower": -0.2, "upper": 0.6}, {"metric": "searches", "type": "ratio", "unit": ""})
        '-0.200\xa0…\xa0+0.600'
    """
    if interval is None or is_proportion(metric):
        return formatting.percentage_points_interval(interval)
    return labels.TO.join(plain.difference_interval(interval["lower"], interval["upper"]))
