"""The metric catalogue: what is measured beside conversion."""

from abtest_lib.metrics.declarations import PURCHASE, Catalogue, Measure, Metric, purchase_metric

__all__ = ["PURCHASE", "Catalogue", "Measure", "Metric", "purchase_metric"]
