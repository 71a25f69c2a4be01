"""Predicates of metrics choose the same events on both engines."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.metrics.predicates import read_predicate

pytestmark = pytest.mark.both_engines

COLUMNS = {"event_name": "string", "site": "string", "price": "double", "device": "string"}
EVENTS = [
    (1, "BUY", "MLA", 10.0, "ios"),
    (2, "BUY", "MLB", 99.5, " Web "),
    (3, "BUY", None, None, None),
    (4, "it's", "MLA", -3.0, "5"),
    (5, "SEARCH", "MLA", None, "añ"),
    (6, r"a\b", "M_A", 0.0, ""),
]


@pytest.mark.parametrize(
    ("predicate", "chosen"),
    [
        ("TRUE", {1, 2, 3, 4, 5, 6}),
        ("event_name = 'BUY'", {1, 2, 3}),
        ("event_name <> 'BUY' AND NOT site = 'M_A'", {4, 5}),
        (r"event_name = 'it\'s'", {4}),
        (r"event_name = 'a\\b'", {6}),
        ("event_name NOT IN ('BUY', 'SEARCH')", {4, 6}),
        ("price BETWEEN -5 AND 10", {1, 4, 6}),
        ("price > 9.99 OR price IS NULL", {1, 2, 3, 5}),
        ("coalesce(price, 0) = 0", {3, 5, 6}),
        ("abs(price) <= 3e0", {4, 6}),
        ("lower(trim(device)) = 'web'", {2}),
        ("upper(device) = 'IOS'", {1}),
        ("length(device) = 2", {5}),
        ("site LIKE 'ML_'", {1, 2, 4, 5}),
        ("site NOT LIKE '%A'", {2}),
        ("device = '5'", {4}),
        ("price < 99.5 -- cheap", {1, 4, 6}),
    ],
)
def test_a_predicate_chooses_the_same_events_on_both_engines(
    spark: SparkSession, predicate: str, chosen: set[int]
) -> None:
    schema = "row int, event_name string, site string, price double, device string"
    events = spark.createDataFrame(EVENTS, schema)
    found = events.where(F.expr(read_predicate(predicate, COLUMNS))).collect()
    assert {event["row"] for event in found} == chosen
