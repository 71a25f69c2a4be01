"""docs/metrics.md: its examples are valid, and its worked example counts what the page says."""

import re
from datetime import datetime, timedelta
from math import erfc, exp, log, sqrt
from pathlib import Path

import pytest

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


ARMS = re.compile(r"^\| (?:A|A \(control\)|B) \| (.*) \|$", flags=re.MULTILINE)
USERS, NORMAL = 200, 1.959964


def covariance(x: float, y: float, xy: float) -> float:
    return (xy - x * y / USERS) / (USERS - 1)


def p_value(z: float) -> float:
    return erfc(abs(z) / sqrt(2))


def test_the_statistics_of_the_page_follow_from_its_sums() -> None:
    a, b, *_ = [[float(cell.replace(",", "")) for cell in row.split(" | ")] for row in ARMS.findall(PAGE)]
    means = [arm[0] / USERS for arm in (a, b)]
    variances = [covariance(arm[0], arm[0], arm[1]) for arm in (a, b)]
    difference, error = means[1] - means[0], sqrt(sum(variances) / USERS)
    assert [*means, *variances] == pytest.approx([22.957, 33.955, 670.4, 1771.9], abs=0.06)
    assert (difference, error, difference / error) == pytest.approx((10.999, 3.4945, 3.147), abs=6e-4)
    assert p_value(difference / error) == pytest.approx(0.0016, abs=5e-5)
    ends = (difference - NORMAL * error, difference + NORMAL * error)
    assert ends == pytest.approx((4.15, 17.85), abs=0.005)
    log_error = sqrt(sum(v / USERS / m**2 for v, m in zip(variances, means, strict=True)))
    assert log_error == pytest.approx(0.1185, abs=5e-5)
    lifts = [exp(log(means[1] / means[0]) + sign * NORMAL * log_error) - 1 for sign in (0, -1, 1)]
    assert lifts == pytest.approx([0.479, 0.173, 0.866], abs=6e-4)


def test_the_covariate_of_the_page_follows_from_its_sums() -> None:
    a, b, *_ = [[float(cell.replace(",", "")) for cell in row.split(" | ")] for row in ARMS.findall(PAGE)]
    x, _, c, cc, xc = (one + other for one, other in zip(a, b, strict=True))
    theta = (xc - x * c / (2 * USERS)) / (cc - c * c / (2 * USERS))
    before, after = (b[2] - a[2]) / USERS, (b[0] - a[0]) / USERS
    assert (theta, before) == pytest.approx((0.08254, -1.014), abs=5e-4)
    adjusted = [
        covariance(arm[0], arm[0], arm[1])
        + theta**2 * covariance(arm[2], arm[2], arm[3])
        - 2 * theta * covariance(arm[0], arm[2], arm[4])
        for arm in (a, b)
    ]
    raw = [covariance(arm[0], arm[0], arm[1]) for arm in (a, b)]
    assert after - theta * before == pytest.approx(11.082, abs=5e-4)
    assert p_value((after - theta * before) / sqrt(sum(adjusted) / USERS)) == pytest.approx(0.00149, abs=5e-6)
    assert 1 - sum(adjusted) / sum(raw) == pytest.approx(0.003, abs=5e-4)


def test_the_ratio_of_the_page_follows_from_its_sums() -> None:
    *_, a, b = [[float(cell.replace(",", "")) for cell in row.split(" | ")] for row in ARMS.findall(PAGE)]
    ratios = [arm[0] / arm[2] for arm in (a, b)]
    errors = [
        (
            covariance(arm[0], arm[0], arm[1])
            - 2 * ratio * covariance(arm[0], arm[2], arm[4])
            + ratio**2 * covariance(arm[2], arm[2], arm[3])
        )
        / (USERS * (arm[2] / USERS) ** 2)
        for arm, ratio in zip((a, b), ratios, strict=True)
    ]
    difference, error = ratios[1] - ratios[0], sqrt(sum(errors))
    assert (*ratios, difference, error) == pytest.approx((0.1630, 0.2003, 0.0373, 0.0199), abs=5.1e-5)
    assert p_value(difference / error) == pytest.approx(0.060, abs=5e-4)
