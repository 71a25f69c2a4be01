"""The whole pipeline on 400 users whose comparisons an independent program has computed."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import COMPARISONS, METRIC_TO_DATE, POSTERIORS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from tests.oracle.known_users import KnownUser, known_users

START = datetime(2021, 8, 10, 12, tzinfo=UTC)
HEADER = "event_name,item_id,timestamp,site,experiments,user_id,price\n"
CATALOGUE = """
metrics:
  revenue:          {type: sum, events: PAY, value: price}
  adjusted_revenue: {type: sum, events: PAY, value: price, covariate: {lookback: 14d}}
  capped_revenue:   {type: sum, events: PAY, value: price, cap: 60}
  orders:           {type: count, events: ORDER}
  per_session:      {type: ratio, numerator: {count: ORDER}, denominator: {count: SESSION}}
"""
REGISTRY = "experiments: {known: {control: A, goals: [revenue], segments: [site]}}"


def events(number: int, user: KnownUser) -> Iterator[str]:
    """Yield the events of a user: what was paid before, the exposure, then sessions, orders and a payment."""

    def line(name: str, time: datetime, price: float | str = "", experiments: str = "{}") -> str:
        return f'{name},,{time.isoformat()},{user.site},"{experiments}",u{number},{price}\n'

    seen = START + timedelta(seconds=number)
    yield line("PAY", seen - timedelta(days=3), user.pre)
    yield line("EXPOSED", seen, experiments=f"{{known={user.variant}}}")
    for place in range(user.sessions):
        yield line("SESSION", seen + timedelta(minutes=1 + place))
    for place in range(user.orders):
        yield line("ORDER", seen + timedelta(minutes=30 + place))
    yield line("PAY", seen + timedelta(hours=1), user.revenue)


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> str:
    lines = [line for number, user in enumerate(known_users()) for line in events(number, user)]
    for name, text in (("events.csv", HEADER + "".join(lines)), ("m.yaml", CATALOGUE), ("r.yaml", REGISTRY)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {"metrics": tmp_path / "m.yaml", "registry": tmp_path / "r.yaml"}
    more = {"engine": "exact", "conversion_event": "ORDER", "event_columns": {"price": "double"}}
    path = str(tmp_path / "lake")
    run_pipeline(Lake(spark, path), load_settings(overrides={**files, **more}), str(tmp_path / "events.csv"))
    return path


def rows_of(contract: Any, lake: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DeltaTable(contract.path(lake)).to_pyarrow_table().to_pylist()
    return rows


@pytest.mark.both_engines
def test_the_known_values_come_out_of_gold(lake: str) -> None:
    sums = {(row["metric"], row["segment"], row["variant_id"]): row for row in rows_of(METRIC_TO_DATE, lake)}
    for variant, x, xx, c, cc, xc in (
        ("A", 4591.34, 238815.3418, 5060.25, 219002.9375, 123135.3725),
        ("B", 6791.09, 583193.7285, 4857.5, 212341, 174391.31),
    ):
        row = sums["adjusted_revenue", "all", variant]
        found = [row[name] for name in ("users", "sum_x", "sum_xx", "sum_c", "sum_cc", "sum_xc")]
        assert found == pytest.approx([200, x, xx, c, cc, xc], rel=1e-12)
    for variant, x, xx, y, yy, xy in (("A", 117, 173, 718, 3198, 503), ("B", 136, 214, 679, 2919, 584)):
        row = sums["per_session", "all", variant]
        assert [row[name] for name in ("sum_x", "sum_xx", "sum_y", "sum_yy", "sum_xy")] == [x, xx, y, yy, xy]

    rows = {(row["metric"], row["segment"]): row for row in rows_of(COMPARISONS, lake) if row["window"] == "to_date"}
    for metric, segment, difference, lower, upper, p_value in (
        ("revenue", "all", 10.99875, 4.149701, 17.847799, 0.001647),
        ("adjusted_revenue", "all", 11.082426, 4.243589, 17.921264, 0.001492),
        ("capped_revenue", "all", 4.00135, -0.493083, 8.495783, 0.080996),
        ("per_session", "all", 0.037342, -0.001613, 0.076297, 0.060272),
    ):
        row = rows[metric, segment]
        found = [row[name] for name in ("difference", "difference_lower", "difference_upper", "p_value")]
        assert found == pytest.approx([difference, lower, upper, p_value], abs=1.5e-6), metric
    revenue = rows["revenue", "all"]
    lift = [revenue[name] for name in ("lift", "lift_lower", "lift_upper")]
    assert lift == pytest.approx([0.479109, 0.172532, 0.865844], abs=1.5e-6)
    for site, difference, p_value in (
        ("MLA", 12.788297, 0.036484),
        ("MLB", 10.183243, 0.076275),
        ("MLM", 12.306101, 0.064332),
    ):
        row = rows["revenue", f"site={site}"]
        assert (row["difference"], row["p_value"]) == pytest.approx((difference, p_value), abs=1.5e-6)
    best = {(row["metric"], row["variant_id"]): row for row in rows_of(POSTERIORS, lake) if row["window"] == "to_date"}
    assert best["adjusted_revenue", "B"]["probability_beats_control"] > 0.99


def test_a_covariate_narrows_the_interval_as_its_correlation_says(spark: SparkSession, tmp_path: Path) -> None:
    """With ρ = 0.7 between before and after, the interval shrinks by 29 %: √(1 − ρ²)."""
    rng = np.random.default_rng(7)
    before, noise = rng.normal(100, 20, 4_000), rng.normal(0, 20, 4_000)
    after = 100 + 0.7 * (before - 100) + math.sqrt(1 - 0.49) * noise
    lines = []
    for number, (pre, post) in enumerate(zip(before, after, strict=True)):
        seen = START + timedelta(seconds=number)
        for time, price, experiments in (
            (seen - timedelta(days=2), f"{pre:.4f}", "{}"),
            (seen, f"{post:.4f}", f"{{known={'AB'[number % 2]}}}"),
        ):
            lines.append(f'PAY,,{time.isoformat()},MLA,"{experiments}",u{number},{price}\n')
    for name, text in (("events.csv", HEADER + "".join(lines)), ("m.yaml", CATALOGUE), ("r.yaml", REGISTRY)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {"metrics": tmp_path / "m.yaml", "registry": tmp_path / "r.yaml"}
    settings = load_settings(overrides={**files, "engine": "exact", "event_columns": {"price": "double"}})
    path = str(tmp_path / "lake")
    run_pipeline(Lake(spark, path), settings, str(tmp_path / "events.csv"))
    (row,) = (
        row
        for row in rows_of(COMPARISONS, path)
        if (row["metric"], row["segment"], row["window"]) == ("adjusted_revenue", "all", "to_date")
    )
    width, plain = (row[f"{name}_upper"] - row[f"{name}_lower"] for name in ("difference", "unadjusted"))
    assert width / plain == pytest.approx(math.sqrt(1 - 0.49), abs=0.02)
    assert row["variance_reduction"] == pytest.approx(0.49, abs=0.03)
