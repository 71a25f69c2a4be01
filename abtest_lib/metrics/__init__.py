"""The metric catalogue: what is measured in addition to conversion."""

from abtest_lib.metrics.declarations import PURCHASE, Catalogue, Measure, Metric, purchase_metric
from abtest_lib.metrics.event_names import unknown_events
from abtest_lib.metrics.reading import load_catalogue, parse_catalogue

__all__ = [
    "PURCHASE",
    "Catalogue",
    "Measure",
    "Metric",
    "load_catalogue",
    "parse_catalogue",
    "purchase_metric",
    "unknown_events",
]
