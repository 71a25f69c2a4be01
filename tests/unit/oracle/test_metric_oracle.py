"""The oracle of gold/metric_to_date on a few events, whose sums are computed by hand."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from abtest_lib.config import load_settings
from abtest_lib.contracts import METRIC_TO_DATE
from abtest_lib.contracts.enums import Direction, MetricType
from abtest_lib.metrics import Catalogue, Measure, Metric, purchase_metric
from abtest_lib.registry import Experiment, Registry
from tests.oracle.metric_oracle import metric_to_date_oracle

Event = tuple[str, str, str, str, float | None, str | None]
"""User, local time in August 2021, name, experiments, price, device."""
BUY = Measure("event_name = 'BUY'")
ORDERS = Metric("orders", MetricType.COUNT, BUY)
REVENUE = Metric("revenue", MetricType.SUM, Measure("event_name = 'BUY'", "price"), cap=50, lookback=timedelta(days=2))
BOUGHT = Metric("bought", MetricType.CONVERSION, BUY, window=timedelta(hours=10))
BACK = Metric(
    "back", MetricType.RETENTION, Measure("true"), starts_after=timedelta(hours=12), window=timedelta(hours=24)
)
SEARCHES = Metric(
    "searches",
    MetricType.RATIO,
    Measure("event_name = 'SEARCH'"),
    BUY,
    Direction.DOWN,
    lookback=timedelta(days=2),
)


def bronze(events: Sequence[Event]) -> pa.Table:
    """Events, their row_ids in the order that they are given in."""
    moments = [datetime.fromisoformat(f"2021-08-{moment}").replace(tzinfo=UTC) for _, moment, *_ in events]
    return pa.table(
        {
            "row_id": [f"{number:04}" for number in range(len(events))],
            "event_name": [event[2] for event in events],
            "item_id": pa.nulls(len(events), pa.string()),
            "timestamp": pa.array(moments, pa.timestamp("us", "UTC")),
            "site": pa.array(["MLA"] * len(events)),
            "experiments": [event[3] for event in events],
            "user_id": [event[0] for event in events],
            "price": pa.array([event[4] for event in events], pa.float64()),
            "device": pa.array([event[5] for event in events], pa.string()),
        }
    )


def run(
    events: Sequence[Event], metrics: Sequence[Metric] = (), experiment: Experiment | None = None, **settings: Any
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows by day of the month, variant, metric and segment."""
    loaded = load_settings(overrides=settings)
    registry = Registry({experiment.name: experiment} if experiment else {})
    catalogue = Catalogue({metric.name: metric for metric in (purchase_metric(loaded), *metrics)})
    with duckdb.connect() as db:
        rows = metric_to_date_oracle(db, bronze(events), loaded, registry, catalogue)
    named = [dict(zip(METRIC_TO_DATE.column_names, row, strict=True)) for row in rows]
    keyed = {(row["day"].day, row["variant_id"], row["metric"], row["segment"]): row for row in named}
    assert len(keyed) == len(rows) > 0
    return keyed


def sums(row: dict[str, Any], names: str) -> list[Any]:
    return [row[name] for name in names.split()]


A, B = "{a=1}", "{a=2}"
TWO_USERS: list[Event] = [
    ("u", "01T08:00", "BUY", "{}", 5.0, "web"),  # before the exposure: the covariate
    ("u", "02T10:00", "SEARCH", A, None, "ios"),
    ("u", "02T11:00", "BUY", "{}", 30.25, "ios"),
    ("u", "03T09:00", "BUY", A, 40.0, "ios"),
    ("w", "02T12:00", "SEARCH", A, None, "web"),
]


def test_totals_of_each_day_are_capped_and_squared() -> None:
    rows = run(TWO_USERS, [ORDERS, REVENUE])
    assert sums(rows[2, "1", "orders", "all"], "users sum_x sum_xx") == [2, 1, 1]
    assert sums(rows[3, "1", "orders", "all"], "users sum_x sum_xx") == [2, 2, 4]
    # 30.25² = 915.0625; on the next day 70.25 is cut off at 50.
    assert sums(rows[2, "1", "revenue", "all"], "sum_x sum_xx capped_users") == [30.25, 915.0625, 0]
    assert sums(rows[3, "1", "revenue", "all"], "sum_x sum_xx capped_users") == [50, 2500, 1]
    assert sums(rows[3, "1", "revenue", "all"], "sum_c sum_cc sum_xc") == [5, 25, 250]
    assert sums(rows[3, "1", "revenue", "all"], "sum_y sum_yy sum_xy sum_yc mature_users") == [None] * 5
    assert sums(rows[3, "1", "purchase", "all"], "users sum_x sum_xx capped_users") == [2, 1, 1, None]
    assert rows[3, "1", "purchase", "all"]["period_start"] == date(2021, 8, 2)


def test_a_ratio_has_its_denominator_and_all_products() -> None:
    events = [*TWO_USERS, ("u", "01T07:00", "SEARCH", "{}", None, None), ("u", "03T10:00", "SEARCH", "{}", None, None)]
    row = run(events, [SEARCHES])[3, "1", "searches", "all"]
    # u: x = 2 searches, y = 2 orders, c = 1 search before; w: x = 1.
    assert sums(row, "sum_x sum_xx sum_y sum_yy sum_xy") == [3, 5, 2, 4, 4]
    assert sums(row, "sum_c sum_cc sum_xc sum_yc") == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("bought", "expected"), [("02T10:00", 1), ("02T20:00", 1), ("02T20:00:00.000001", 0), ("02T09:59:59.999999", 0)]
)
def test_both_ends_of_a_window_count(bought: str, expected: int) -> None:
    events: list[Event] = [("u", "02T10:00", "SEARCH", A, None, None), ("u", bought, "BUY", "{}", None, None)]
    assert run(events, [BOUGHT])[2, "1", "bought", "all"]["sum_x"] == expected


@pytest.mark.parametrize(
    ("came", "expected"), [("02T21:59", 0), ("02T22:00", 1), ("03T09:59:59.999999", 1), ("03T10:00", 0)]
)
def test_the_end_of_a_retention_does_not_count(came: str, expected: int) -> None:
    events: list[Event] = [
        ("u", "02T10:00", "SEARCH", A, None, None),
        ("u", came, "PRODUCT", "{}", None, None),
        ("w", "03T23:00", "SEARCH", B, None, None),
    ]
    assert run(events, [BACK])[3, "1", "back", "all"]["sum_x"] == expected


def test_a_window_is_mature_when_the_day_ends_after_it() -> None:
    events: list[Event] = [
        ("u", "02T13:59:59.999999", "SEARCH", A, None, None),
        ("w", "02T14:00", "SEARCH", A, None, None),
        ("w", "03T14:00", "SEARCH", A, None, None),
    ]
    rows = run(events, [BOUGHT])
    assert [rows[day, "1", "bought", "all"]["mature_users"] for day in (2, 3)] == [1, 2]


def test_the_covariate_ends_at_the_exposure_and_begins_with_the_lookback() -> None:
    events: list[Event] = [
        ("u", "02T10:00", "BUY", "{}", 1.0, None),
        ("u", "02T09:59:59.999999", "BUY", "{}", 2.0, None),
        ("u", "04T09:59:59.999999", "BUY", "{}", 4.0, None),
        ("u", "04T10:00", "BUY", A, 8.0, None),
    ]
    assert sums(run(events, [REVENUE])[4, "1", "revenue", "all"], "sum_x sum_c") == [8, 5]


CROSSING: list[Event] = [
    ("u", "02T10:00", "SEARCH", A, None, "ios"),
    ("u", "02T11:00", "BUY", "{}", 10.0, None),
    ("u", "03T10:00", "SEARCH", B, None, "web"),
    ("u", "03T11:00", "BUY", "{}", 20.0, None),
]


def test_whom_each_policy_counts() -> None:
    keys = [(day, variant, "revenue", "all") for day, variant in ((2, "1"), (3, "1"), (3, "2"))]
    rows = {policy: run(CROSSING, [REVENUE], cross_exposed=policy) for policy in ("first", "exclude", "include")}
    found = {policy: [sums(table[key], "users sum_x sum_c") for key in keys] for policy, table in rows.items()}
    assert found == {
        "first": [[1, 10, 0], [1, 30, 0], [0, 0, 0]],
        "exclude": [[1, 10, 0], [0, 0, 0], [0, 0, 0]],
        "include": [[1, 10, 0], [1, 30, 0], [1, 20, 10]],
    }


def test_a_fallback_is_no_first_arm() -> None:
    events: list[Event] = [
        ("u", "02T10:00", "SEARCH", "{a=DEFAULT}", None, None),
        ("u", "02T11:00", "BUY", "{}", 10.0, None),
        ("u", "03T10:00", "SEARCH", B, None, None),
        ("u", "03T11:00", "BUY", "{}", 20.0, None),
    ]
    rows = run(events, [REVENUE], fallback_variants=["DEFAULT"])
    assert sums(rows[3, "DEFAULT", "revenue", "all"], "users sum_x") == [1, 30]
    assert sums(rows[3, "2", "revenue", "all"], "users sum_x sum_c") == [1, 20, 10]


def test_a_period_counts_those_who_enter_it() -> None:
    events = [*TWO_USERS, ("v", "03T12:00", "BUY", A, 7.0, None)]
    experiment = Experiment("a", start=date(2021, 8, 3))
    rows = run(events, [ORDERS], experiment)
    assert sums(rows[3, "1", "orders", "all"], "period_start users sum_x") == [date(2021, 8, 3), 1, 1]
    assert sums(rows[2, "1", "orders", "all"], "period_start users sum_x") == [date(2021, 8, 2), 2, 1]


def test_the_day_is_that_of_the_reporting_time_zone() -> None:
    events: list[Event] = [("u", "02T03:59", "SEARCH", A, None, None), ("u", "02T04:00", "BUY", A, None, None)]
    rows = run(events, [ORDERS], reporting_timezone="America/New_York")
    assert [rows[day, "1", "orders", "all"]["sum_x"] for day in (1, 2)] == [0, 1]


def test_segments_are_taken_at_the_first_exposure() -> None:
    events: list[Event] = [
        ("u", "02T10:00", "SEARCH", A, None, "ios"),
        ("u", "02T10:00", "SEARCH", A, None, "android"),  # the same instant: the smaller row_id counts
        ("u", "02T11:00", "BUY", A, 10.0, "web"),
        ("w", "03T10:00", "BUY", B, 1.0, None),
    ]
    rows = run(events, [ORDERS], Experiment("a", segments=("device",)))
    assert {key[3] for key in rows if key[0] == 2} == {"all", "device=ios"}
    assert {key[1:] for key in rows if key[0] == 3 and key[2] == "orders"} == {
        (variant, "orders", segment) for variant in "12" for segment in ("all", "device=ios", "device=none")
    }
    assert sums(rows[3, "1", "orders", "device=ios"], "users sum_x") == [1, 1]
    assert sums(rows[3, "1", "orders", "device=none"], "users sum_x") == [0, 0]
    assert sums(rows[3, "2", "orders", "device=none"], "users sum_x") == [1, 1]


def test_the_twenty_first_value_is_other() -> None:
    """On the first day zz has two users and comes first; of the other twenty values the last by name is too many."""
    names = [f"v{number:02}" for number in range(20)]
    events: list[Event] = [(f"u{name}", "02T10:00", "SEARCH", A, None, name) for name in (*names, "zz", "zz")]
    events += [("second", "02T10:00", "SEARCH", A, None, "zz"), ("late", "03T10:00", "SEARCH", A, None, "aa")]
    rows = run(events, [ORDERS], Experiment("a", segments=("device",)))
    users = {key[3]: row["users"] for key, row in rows.items() if key[0] == 3 and key[2] == "orders"}
    assert users.pop("all") == 23
    assert users.pop("device=zz") == 2
    assert users.pop("device=other") == 2
    assert users == {f"device={name}": 1 for name in names[:19]}
