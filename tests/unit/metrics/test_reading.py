"""The catalogue's declarations are read, and every error is one line that names file and line."""

import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtest_lib.config import load_settings
from abtest_lib.contracts.enums import Direction, MetricType
from abtest_lib.errors import MetricError
from abtest_lib.metrics import (
    Catalogue,
    Measure,
    Metric,
    load_catalogue,
    parse_catalogue,
    purchase_metric,
    unknown_events,
)

COLUMNS = {"price": "double", "device": "string"}
CATALOGUE = """\
metrics:
  orders_per_user:   {type: count, events: "event_name = 'BUY'", unit: orders}
  revenue_per_user:  {type: sum, events: "event_name = 'BUY'", value: price, cap: 500, covariate: {lookback: 14d}, unit: USD}
  searches_per_order: {type: ratio, numerator: {count: "event_name = 'SEARCH'"}, denominator: {count: "event_name = 'BUY'"}, direction: down}
  checkout:          {type: conversion, events: "event_name = 'CHECKOUT_1'", window: 2d}
  second_week:       {type: retention, from: 7d, to: 14d}
"""  # noqa: E501  one metric a line
BUY = "event_name = 'BUY'"


def parse(text: str, window: timedelta | None = None) -> Catalogue:
    settings = load_settings().model_copy(update={"attribution_window": window})
    return parse_catalogue(text, "team.yaml", COLUMNS, purchase_metric(settings))


def metric(declared: str) -> Metric:
    found = parse(f"metrics:\n  m: {declared}\n").get("m")
    assert found is not None
    return found


def test_every_type_is_read() -> None:
    catalogue = parse(CATALOGUE)
    assert next(iter(catalogue.metrics)) == "purchase"
    assert catalogue.own == (
        Metric("orders_per_user", MetricType.COUNT, Measure(BUY), unit="orders"),
        Metric(
            "revenue_per_user",
            MetricType.SUM,
            Measure(BUY, "price"),
            cap=500.0,
            lookback=timedelta(days=14),
            unit="USD",
        ),
        Metric(
            "searches_per_order",
            MetricType.RATIO,
            Measure("event_name = 'SEARCH'"),
            Measure(BUY),
            direction=Direction.DOWN,
        ),
        Metric("checkout", MetricType.CONVERSION, Measure("event_name = 'CHECKOUT_1'"), window=timedelta(days=2)),
        Metric(
            "second_week",
            MetricType.RETENTION,
            Measure("TRUE"),
            starts_after=timedelta(days=7),
            window=timedelta(days=14),
        ),
    )
    assert catalogue.event_columns == COLUMNS


def test_a_metric_has_the_window_of_the_lake_unless_it_names_one() -> None:
    declared = "metrics:\n  a: {type: count, events: A}\n  b: {type: count, events: A, window: unlimited}\n"
    windows = [one.window for one in parse(declared, timedelta(days=7)).metrics.values()]
    assert windows == [timedelta(days=7), timedelta(days=7), None]


@pytest.mark.parametrize(
    ("written", "predicate"),
    [
        ("BUY", "event_name = 'BUY'"),
        ("add-to-cart", "event_name = 'add-to-cart'"),
        ("shop/view:v1.2", "event_name = 'shop/view:v1.2'"),
        ("event_name == 'BUY'  -- orders", "event_name = 'BUY'"),
        ("true", "TRUE"),
    ],
)
def test_events_are_a_name_or_a_predicate(written: str, predicate: str) -> None:
    assert metric(f"{{type: count, events: {written!r}}}").numerator == Measure(predicate)


def test_numerator_and_denominator_may_be_sums() -> None:
    found = metric("{type: ratio, numerator: {sum: price, events: BUY}, denominator: {count: BUY}, cap: 10}")
    assert (found.numerator, found.denominator, found.cap) == (Measure(BUY, "price"), Measure(BUY), 10.0)


def test_the_shipped_catalogue_is_empty_and_its_examples_are_valid() -> None:
    assert list(load_catalogue(load_settings()).metrics) == ["purchase"]
    lines = (Path(__file__).parents[3] / "conf" / "metrics.yaml").read_text(encoding="utf-8").splitlines()
    examples = [line.removeprefix("# ") for line in lines if line.startswith(("# metrics:", "#   "))]
    assert len(parse("\n".join(examples)).own) == 6


def test_a_file_is_found_by_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.yaml"
    path.write_text(CATALOGUE, encoding="utf-8")
    monkeypatch.setenv("ABTEST_METRICS", str(path))
    monkeypatch.setenv("ABTEST_EVENT_COLUMNS", "{price: double}")
    catalogue = load_catalogue(load_settings())
    assert len(catalogue.own) == 5
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue  # noqa: S301  our own bytes
    path.unlink()
    with pytest.raises(MetricError, match=r"cannot read the metric catalogue in .*metrics\.yaml: No such file"):
        load_catalogue(load_settings())


@pytest.mark.parametrize("text", ["", "# nothing\n", "metrics:\n", "metrics: {}\n", "null\n"])
def test_an_empty_catalogue_has_purchase(text: str) -> None:
    assert list(parse(text).metrics) == ["purchase"]


def test_a_catalogue_without_predicates_does_not_load_the_parser() -> None:
    code = (
        "import sys; from abtest_lib.config import load_settings; from abtest_lib.metrics import load_catalogue;"
        "load_catalogue(load_settings()); assert 'sqlglot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


COMMON = "type, direction, covariate, description, unit"
TIME = "a time such as 14d, 36h or 90m, at most 3650d"
WINDOW = "a time such as 7d, 36h or 90m, at most 3650d, or unlimited"
CAP = "a number above zero (a percentile is no cap: it moves from day to day)"
THERE = "there are event_name, item_id, site, price, device"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            "{type: count, events: event_nme = 'BUY'}",
            "metric 'm': unknown column 'event_nme': the nearest: event_name; a text needs quotes: 'event_nme'",
        ),
        (
            "{type: count, events: event_name = BUY}",
            f"metric 'm': unknown column 'BUY': {THERE}; a text needs quotes: 'BUY'",
        ),
        ("{type: sum, events: BUY, value: prise}", "metric 'm': unknown event column 'prise': the nearest: price"),
        ("{type: sum, events: BUY, value: total}", "metric 'm': unknown event column 'total': there are price"),
        (
            "{type: sum, events: BUY, value: device}",
            "metric 'm': column 'device' is a text: only a column of type double can be added up",
        ),
        (
            "{type: count, events: event_name = }",
            (
                "metric 'm': 'event_name =' is no SQL predicate such as event_name = 'BUY': "
                "Required keyword: 'expression' missing"
            ),
        ),
        (
            "{type: count, events: ADD TO CART}",
            (
                "metric 'm': 'ADD TO CART' is no SQL predicate such as event_name = 'BUY': "
                "Invalid expression / Unexpected token"
            ),
        ),
        (
            "{type: count, events: price}",
            "metric 'm': 'price' is a column: events is a predicate, or the name of an event",
        ),
        (
            "{type: count, events: [BUY]}",
            "a list or mapping: must be an SQL predicate or the name of an event",
        ),
        ("{events: BUY}", "metric 'm' needs a type: one of conversion, count, sum, ratio, retention"),
        ("{type: mean}", "'mean': must be one of conversion, count, sum, ratio, retention"),
        ("{type: count}", "metric 'm': a count needs 'events'"),
        ("{type: sum, events: BUY}", "metric 'm': a sum needs 'value'"),
        ("{type: ratio, numerator: {count: BUY}}", "metric 'm': a ratio needs 'denominator'"),
        ("{type: retention, from: 7d}", "metric 'm': a retention needs 'to'"),
        ("{type: retention, from: 7d, to: 7d}", "metric 'm': 'to' must be later than 'from'"),
        ("{type: retention, from: 0d, to: 7d}", f"'0d': must be {TIME}"),
        (
            "{type: count, events: BUY, value: price}",
            f"metric 'm': a count has no 'value': its keys are {COMMON}, events, window, cap",
        ),
        (
            "{type: conversion, events: BUY, cap: 1}",
            f"metric 'm': a conversion has no 'cap': its keys are {COMMON}, events, window",
        ),
        (
            "{type: ratio, numerator: {sum: price}, denominator: {count: BUY}}",
            "metric 'm', numerator must be {count: EVENTS} or {sum: COLUMN, events: EVENTS}",
        ),
        (
            "{type: ratio, numerator: {count: BUY}, denominator: {count: prise > 1}}",
            "metric 'm', denominator: unknown column 'prise': the nearest: price; a text needs quotes: 'prise'",
        ),
        ("{type: count, events: BUY, cap: p99}", f"'p99': must be {CAP}"),
        ("{type: count, events: BUY, cap: nan}", f"'nan': must be {CAP}"),
        ("{type: count, events: BUY, cap: inf}", f"'inf': must be {CAP}"),
        ("{type: count, events: BUY, cap: 1e999}", f"'1e999': must be {CAP}"),
        ("{type: count, events: BUY, cap: -1}", f"'-1': must be {CAP}"),
        ("{type: count, events: BUY, window: 0d}", f"'0d': must be {WINDOW}"),
        ("{type: count, events: BUY, window: 99999999999999d}", f"'99999999999999d': must be {WINDOW}"),
        ("{type: count, events: BUY, covariate: {lookback: unlimited}}", f"'unlimited': must be {TIME}"),
        ("{type: count, events: BUY, covariate: {}}", "metric 'm': a covariate needs a lookback, e.g. {lookback: 14d}"),
        ("{type: count, events: BUY, direction: sideways}", "'sideways': must be up or down"),
        (
            "{type: count, events: BUY, colour: red}",
            (
                f"unknown key 'colour' in metric 'm': allowed are {COMMON}, "
                "events, window, cap, value, numerator, denominator, from, to"
            ),
        ),
        ("BUY", "metric 'm' must hold `key: value` lines"),
    ],
)
def test_a_mistake_is_one_line(declared: str, message: str) -> None:
    with pytest.raises(MetricError) as caught:
        metric(declared)
    assert str(caught.value) == f"team.yaml line 2: {message}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics:\n  a: {type: count, events: A}\n  a: {}\n", "line 3: key 'a' appears twice in metrics"),
        ("metrics:\n  purchase: {}\n", "line 2: metric 'purchase' is built in: choose another name"),
        ("metrics:\n  a b: {}\n", "line 2: metric 'a b': a name is a letter, then up to 63 of a-z A-Z 0-9 _ . -"),
        (
            "metrics:\n  all:\n    type: count\n    evnts: A\n",
            "line 4: unknown key 'evnts' in metric 'all': allowed are ",
        ),
        ("metric: {}\n", "line 1: unknown key 'metric' in the catalogue: allowed are metrics"),
        ("metrics: [a]\n", "line 1: metrics must hold `key: value` lines"),
        ("metrics: {a\n", "line 2: not YAML: expected ',' or '}', but got '<stream end>'"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(text: str, message: str) -> None:
    with pytest.raises(MetricError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"team.yaml {message}")
    assert "\n" not in str(caught.value)


KEYS = ["type", "events", "value", "from", "to", "cap", "window", "numerator"]
WRITTEN = ["count", "sum", "ratio", "retention", "BUY", "price", "7d", "up", "1", "{count: BUY}", "~", "[]", "{}"]


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(WRITTEN) | st.text(max_size=8)))
def test_any_declaration_is_a_metric_or_one_line(declared: dict[str, str]) -> None:
    text = ", ".join(f"{key}: {value}" for key, value in declared.items())
    try:
        parse(f"metrics:\n  m: {{{text}}}\n")
    except MetricError as problem:
        assert "\n" not in str(problem)  # noqa: PT017
        assert str(problem).startswith("team.yaml")  # noqa: PT017


def test_events_that_a_lake_does_not_have_are_named() -> None:
    found = list(unknown_events(parse(CATALOGUE), {"BUY", "SEARCHES"}))
    assert found == [
        "metric 'searches_per_order' counts events 'SEARCH', and there are none yet: the nearest: SEARCHES",
        "metric 'checkout' counts events 'CHECKOUT_1', and there are none yet: there are BUY, SEARCHES",
    ]
    assert not list(unknown_events(parse(CATALOGUE), {"BUY", "SEARCH", "CHECKOUT_1"}))


def test_more_than_200_metrics_are_refused() -> None:
    lines = [f"  m{place}: {{type: count, events: A}}\n" for place in range(201)]
    assert len(parse("metrics:\n" + "".join(lines[:200])).own) == 200
    with pytest.raises(MetricError) as caught:
        parse("metrics:\n" + "".join(lines))
    assert str(caught.value) == "team.yaml line 202: 201 metrics: at most 200 are allowed"
