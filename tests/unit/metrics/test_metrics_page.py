"""docs/metrics.md: its examples are valid, and its worked example counts what the page says."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from abtest_lib.config import load_settings
from abtest_lib.metrics import Catalogue, Metric, parse_catalogue, purchase_metric
from abtest_lib.registry import parse_registry

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
METRICS, EXPERIMENTS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
EXPOSED = datetime(2021, 8, 1, 10)  # noqa: DTZ001  the page names no zone
ROW = re.compile(r"\| (\d+) (July|Aug) (\d+):(\d+) \| (\w+) \| (\d*) ?\|")


def catalogue() -> Catalogue:
    columns = {"price": "double", "device": "string"}
    return parse_catalogue(METRICS, "docs/metrics.md", columns, purchase_metric(load_settings()))


def test_the_catalogue_of_the_page_has_every_type() -> None:
    assert {metric.type for metric in catalogue().own} == {"conversion", "count", "sum", "ratio", "retention"}
    assert len(catalogue().own) == 6


def test_the_experiment_of_the_page_uses_the_catalogue_of_the_page() -> None:
    experiment = parse_registry(EXPERIMENTS, "docs/metrics.md", catalogue()).get("search/new-ranking")
    assert experiment is not None
    assert [(rail.metric, rail.margin, rail.is_relative) for rail in experiment.guardrails] == [
        ("searches_per_order", 0.02, True),
        ("second_week", 0.01, False),
        ("orders_per_user", 0.05, False),
    ]


def events(metric: Metric, name: str) -> list[float | None]:
    """The prices of a name's events in the page's table, those that the times of the metric let in."""
    found = []
    for day, month, hour, minute, event, price in ROW.findall(PAGE):
        after = datetime(2021, {"July": 7, "Aug": 8}[month], int(day), int(hour), int(minute)) - EXPOSED  # noqa: DTZ001
        if event == name and metric.starts_after <= after <= (metric.window or timedelta.max):
            found.append(float(price) if price else None)
    return found


def test_the_user_of_the_page_has_the_values_of_the_page() -> None:
    declared = catalogue().metrics
    assert len(ROW.findall(PAGE)) == 8
    revenue, orders = declared["revenue_per_user"], declared["orders_per_user"]
    assert events(revenue, "BUY") == [300, 260]
    assert revenue.cap == 500 < 300 + 260
    assert len(events(orders, "BUY")) == 3
    assert len(events(orders, "SEARCH")) == 3
    assert sum(price or 0 for price in events(declared["price_per_order"], "BUY")) == 580
    assert events(declared["checkout"], "CHECKOUT_1") == []
    second_week = declared["second_week"]
    assert events(second_week, "SEARCH") == [None]
    assert "`revenue_per_user`: x = min(500, 300 + 260) = 500 and c = 40." in PAGE
