"""gold/metric_to_date against a model in plain Python, over batches in any order."""

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS, EXPERIMENT_TO_DATE, METRIC_TO_DATE
from abtest_lib.lake.lake import Lake
from abtest_lib.metrics import load_catalogue
from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.aggregate_metrics import AGGREGATE_METRICS
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_steps
from tests.oracle.compare import read_records
from tests.oracle.metric_model import Model, events_of_bronze
from tests.oracle.world import World

EXAMPLES = int(os.environ.get("ABTEST_TEST_EXAMPLES", "1"))
HEADER = "event_name,item_id,timestamp,site,experiments,user_id,price,device\n"
BASE = datetime(2021, 11, 5, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
CATALOGUE = """
metrics:
  searches:     {type: count, events: SEARCH, window: unlimited, covariate: {lookback: 10h}}
  few_searches: {type: count, events: SEARCH, cap: 2, window: 24h, covariate: {lookback: 24h}}
  per_product:  {type: ratio, numerator: {count: SEARCH}, denominator: {count: PRODUCT}, covariate: {lookback: 6h}}
  looks:        {type: ratio, numerator: {count: PRODUCT}, denominator: {count: SEARCH}, window: 30h}
  comes_back:   {type: retention, events: SEARCH, from: 12h, to: 36h}
  sees_product: {type: conversion, events: PRODUCT, window: 5h}
  revenue:      {type: sum, events: BUY, value: price, window: unlimited, covariate: {lookback: 20h}}
  small_revenue: {type: sum, events: BUY, value: price, cap: 20.5, window: 40h}
  per_order: {type: ratio, numerator: {sum: price, events: BUY}, denominator: {count: BUY}, covariate: {lookback: 9h}}
"""
MAPS = ("{}", "{a=1, b=2}", "{a=2, b=2}", "{a=1, b=10, c=DEFAULT}", "{b=2, c=x}", "{a=DEFAULT, c=DEFAULT}", "{c=y}")


def line(rng: random.Random) -> str:
    name = rng.choice(["SEARCH", "SEARCH", "PRODUCT", "BUY"])
    time = BASE + HOUR * rng.randrange(90) + timedelta(microseconds=rng.choice([0, 0, 1, -1]))
    site = rng.choice(["MLA", "MLB", ""])
    price = rng.choice(["", "19.99", "1e1", "-3.5", "0.000001", "12.3456785", "7"])
    fields = ["", time.isoformat(timespec="microseconds"), site, f'"{rng.choice(MAPS)}"', f"u{rng.randrange(9)}", price]
    return ",".join([name, *fields, rng.choice(["ios", "web", ""])]) + "\n"


def is_named(name: str) -> Any:
    return lambda row: row["event_name"] == name


@pytest.mark.parametrize(
    ("policy", "window"),
    [("first", "1d"), ("exclude", None), ("include", "1h")],
)
@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_batches_give_the_sums_of_the_model(
    spark: SparkSession, tmp_path: Path, policy: str, window: str | None, seed: int
) -> None:
    if policy != "first" and not Lake(spark, tmp_path).runs_python_here:
        pytest.skip("test_metrics_of_dirty_traffic has the other policies on Spark, which takes minutes here")
    rng = random.Random(f"{policy} {seed}")  # noqa: S311  no secret
    values = {"cross_exposed": policy, "attribution_window": window, "reporting_timezone": "America/New_York"}
    periods = {"b": [date(2021, 11, 6), date(2021, 11, 8)]}
    (tmp_path / "metrics.yaml").write_text(CATALOGUE, encoding="utf-8")
    values |= {"fallback_variants": ["DEFAULT"], "metrics": tmp_path / "metrics.yaml"}
    values |= {"event_columns": {"price": "double", "device": "string"}}
    world = World(values, periods=periods, segments={"a": ["site"], "c": ["site", "device"]})
    settings = world.settings(tmp_path)
    lines = [line(rng) for _ in range(140)]
    batches = [lines[:60], lines[60:110], [*lines[110:], *lines[:20]]]
    lake = str(tmp_path / "lake")
    for number, batch in enumerate(batches):
        path = tmp_path / f"{number}.csv"
        path.write_text(HEADER + "".join(batch), encoding="utf-8")
        run(spark, lake, settings, path)
        there, wanted = found(spark, lake), expected(spark, lake, settings, world)
        assert not [*sorted(there - wanted, key=repr)[:3], *sorted(wanted - there, key=repr)[:3]]
    before = found(spark, lake)
    run(spark, lake, settings, None, full_refresh=True)
    assert found(spark, lake) == before


def run(
    spark: SparkSession,
    lake: str,
    settings: Settings,
    path: Path | None,
    *,
    full_refresh: bool = False,
) -> None:
    first = [] if path is None else [ingest_bronze(str(path))]
    steps = [*first, BUILD_SILVER, AGGREGATE_GOLD, AGGREGATE_METRICS]
    run_steps(Lake(spark, lake), settings, steps, full_refresh=full_refresh)


def found(spark: SparkSession, lake: str) -> Counter[tuple[object, ...]]:
    rows = read_records(spark, lake, METRIC_TO_DATE)
    return Counter(tuple(row[name] for name in METRIC_TO_DATE.column_names) for row in rows)


def expected(spark: SparkSession, lake: str, settings: Settings, world: World) -> Counter[tuple[object, ...]]:
    metrics = list(load_catalogue(settings).metrics.values())
    measures = {part for metric in metrics for part in (metric.numerator, metric.denominator) if part is not None}
    counts = {measure: is_named(measure.events.split("'")[1]) for measure in measures}
    model = Model(
        metrics,
        counts,
        policy=settings.cross_exposed.value,
        timezone=settings.reporting_timezone,
        fallback=settings.fallback_variants,
        periods=world.periods,
        segments=world.segments,
    )
    shown = [
        (row["day"], row["experiment_name"], row["variant_id"], row["period_start"])
        for row in read_records(spark, lake, EXPERIMENT_TO_DATE)
    ]
    return Counter(model.rows(events_of_bronze(read_records(spark, lake, EVENTS)), shown))
