"""Sums of metrics from dirty traffic, against an independent program, after each of several batches."""

import math
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import EVENTS, METRIC_TO_DATE
from abtest_lib.lake.lake import Lake
from abtest_lib.metrics import load_catalogue
from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.aggregate_metrics import AGGREGATE_METRICS
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_steps
from abtest_lib.registry import load_registry
from abtest_lib.traffic.catalog import Arm, Experiment
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic
from tests.oracle.compare import read_records
from tests.oracle.duckdb_oracle import Table
from tests.oracle.metric_oracle import metric_to_date_oracle

START, DAYS = date(2021, 11, 4), 5
"""New York's clocks went back on 7 November 2021."""
EXPERIMENTS = (
    Experiment("crossing", ("search", "product"), (Arm("10", 0.5), Arm("9", 0.5)), cross_exposed=0.7, fallback=0.1),
    Experiment("ramped|up", ("search", "checkout"), (Arm("1", 0.9), Arm("2", 0.1, 0.5)), cross_exposed=0.2),
    Experiment("late", ("search",), (Arm("1", 0.5), Arm("2", 0.5)), starts=0.4),
)
METRICS = {
    "orders": {"type": "count", "events": "BUY", "covariate": {"lookback": "2d"}},
    "few_searches": {"type": "count", "events": "SEARCH", "cap": 2, "window": "30h", "covariate": {"lookback": "36h"}},
    "steps": {
        "type": "ratio",
        "numerator": {"count": "event_name LIKE 'CHECKOUT%' AND site IN ('MLA', 'MLM')"},
        "denominator": {"count": "event_name = 'SEARCH' OR item_id < '4'"},
        "covariate": {"lookback": "1d"},
        "cap": 3,
    },
    "checkout": {"type": "conversion", "events": "CHECKOUT_1", "window": "1d", "covariate": {"lookback": "2d"}},
    "back": {"type": "retention", "from": "1d", "to": "2d"},
}
REGISTRY = {
    "ramped|up": {
        "start": START,
        "allocation": [
            {"from": START, "arms": {"1": 0.9, "2": 0.1}},
            {"from": START + timedelta(days=2), "arms": {"1": 0.5, "2": 0.5}},
        ],
        "segments": ["site"],
    },
    "crossing": {"segments": ["site"], "end": START + timedelta(days=2)},
}
WORLDS = {
    "first": {"reporting_timezone": "America/New_York"},
    "exclude": {"reporting_timezone": "Asia/Kathmandu", "cross_exposed": "exclude", "attribution_window": "36h"},
    "include": {"cross_exposed": "include", "conversion_event": "CHECKOUT_2", "attribution_window": "2d"},
}
ON_BOTH, *OTHERS = WORLDS


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Some 3,000 events, a tenth of them damaged; every day is in both batches, and a part comes twice."""
    folder = tmp_path_factory.mktemp("traffic")
    traffic = Traffic(250, DAYS, 11, START, "America/New_York", EXPERIMENTS, dirty=0.1)
    generate_traffic(traffic, folder / "all.csv")
    header, *lines = (folder / "all.csv").read_bytes().splitlines(keepends=True)
    assert len(lines) > 2000
    parts = [lines[::2], lines[1::2] + lines[: len(lines) // 4]]
    for number, part in enumerate(parts):
        (folder / f"{number}.csv").write_bytes(header + b"".join(part))
    return [folder / f"{number}.csv" for number in range(len(parts))]


@pytest.mark.parametrize("name", [pytest.param(ON_BOTH, marks=pytest.mark.both_engines), *OTHERS])
def test_every_column_agrees(spark: SparkSession, tmp_path: Path, batches: list[Path], name: str) -> None:
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump({"metrics": METRICS}), encoding="utf-8")
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"experiments": REGISTRY}), encoding="utf-8")
    files = {"metrics": tmp_path / "metrics.yaml", "registry": tmp_path / "registry.yaml"}
    settings = load_settings(overrides={**WORLDS[name], **files, "fallback_variants": ["DEFAULT"]})
    lake = str(tmp_path / "lake")
    for batch in batches:
        steps = [ingest_bronze(str(batch)), BUILD_SILVER, AGGREGATE_GOLD, AGGREGATE_METRICS]
        run_steps(Lake(spark, lake), settings, steps)
        catalogue = load_catalogue(settings)
        registry = load_registry(settings.registry, catalogue)
        with duckdb.connect() as db:
            wanted = metric_to_date_oracle(db, bronze_of(spark, lake), settings, registry, catalogue)
        rows = read_records(spark, lake, METRIC_TO_DATE)
        assert_same_rows([tuple(row[column] for column in METRIC_TO_DATE.column_names) for row in rows], wanted)
        assert len({row[3] for row in wanted}) == len(METRICS) + 1
        assert {"all", "site=MLA", "site=MLB", "site=MLM"} <= {row[4] for row in wanted}


def bronze_of(spark: SparkSession, lake: str) -> pa.Table:
    rows = pa.Table.from_pylist(read_records(spark, lake, EVENTS))
    place = rows.column_names.index("timestamp")
    return rows.set_column(place, "timestamp", rows["timestamp"].cast(pa.timestamp("us", "UTC")))


def assert_same_rows(found: Table, wanted: Table) -> None:
    """Keys and counts agree exactly, sums to the last few bits."""
    assert found
    there, expected = ({row[:5]: row[5:] for row in rows} for rows in (found, wanted))
    assert len(there) == len(found)
    assert there.keys() == expected.keys()
    wrong = {
        (key, name): (there[key][place], value)
        for key, values in expected.items()
        for place, (name, value) in enumerate(zip(METRIC_TO_DATE.column_names[5:], values, strict=True))
        if not is_close(there[key][place], value)
    }
    assert not wrong


def is_close(found: object, wanted: object) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=1e-12)
    return found == wanted
