"""Dirty traffic through the whole pipeline, against an independent program: every row must agree."""

import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.traffic.catalog import Arm, Experiment
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic
from tests.oracle.compare import assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

pytestmark = pytest.mark.both_engines

ALL_PAGES = ("search", "product", "checkout")
EXPERIMENTS = (
    Experiment(
        "search/crossing",
        ("search", "product"),
        (Arm("10", 0.5), Arm("9", 0.3), Arm("x", 0.2)),
        cross_exposed=0.7,
        fallback=0.1,
    ),
    Experiment("ramped|up", ALL_PAGES, (Arm("1", 0.9), Arm("2", 0.1, 0.5)), cross_exposed=0.2),
    Experiment("pdp/own-fallback", ("product",), (Arm("100", 0.5), Arm("20", 0.5)), cross_exposed=0.5, fallback=0.05),
    Experiment("late", ("search",), (Arm("1", 0.5), Arm("2", 0.5)), starts=0.6, reach=2),
    Experiment("buyingflow/steps", ("checkout",), (Arm("7", 1.0),)),
    Experiment("nothing-but-fallback", ("search",), ()),
)
START, DAYS = date(2021, 11, 4), 6
"""New York's clocks went back on 7 November 2021."""


WORLDS = {
    "first": World({"reporting_timezone": "America/New_York", "fallback_variants": ["DEFAULT"]}),
    "exclude": World(
        {"reporting_timezone": "Asia/Kathmandu", "cross_exposed": "exclude", "attribution_window": "36h"},
        periods={"ramped|up": [START + timedelta(days=1), START + timedelta(days=3)]},
        own_fallback={"pdp/own-fallback": ["DEFAULT"]},
    ),
    "include": World(
        {
            "cross_exposed": "include",
            "fallback_variants": ["DEFAULT", "x"],
            "conversion_event": "CHECKOUT_2",
            "attribution_window": "2d",
        },
        periods={"ramped|up": [START, START + timedelta(days=2)]},
    ),
}


def slow(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of some 4,000 events, a tenth of them spoilt in every way that the rules know."""
    path = tmp_path_factory.mktemp("traffic") / "events.csv"
    generated = generate_traffic(Traffic(300, DAYS, 11, START, "America/New_York", EXPERIMENTS, dirty=0.1), path)
    assert generated.rows > 3000
    return path


def split(path: Path, folder: Path, number: int) -> list[Path]:
    """Batches out of order, each with rows of every day, and rows that come again.

    The last batch sends half of the first one once more, so that it is late, new and old at once.
    """
    header, *lines = path.read_bytes().splitlines(keepends=True)
    random.Random(5).shuffle(lines)  # noqa: S311  a test's own randomness
    parts = [lines[start::number] for start in range(number)]
    parts[-1] = parts[-1] + parts[0][: len(parts[0]) // 2]
    folder.mkdir()
    paths = [folder / f"batch-{turn}.csv" for turn in range(number)]
    for batch, part in zip(paths, parts, strict=True):
        batch.write_bytes(header + b"".join(part))
    return paths


@pytest.mark.parametrize("name", ["first", slow("exclude"), slow("include")])
def test_one_batch(spark: SparkSession, traffic: Path, tmp_path: Path, name: str) -> None:
    lake, world = str(tmp_path / "lake"), WORLDS[name]
    run_etl(spark, world.settings(tmp_path), traffic, lake)
    expected = assert_lake_equals_oracle(spark, lake, [traffic], world.oracle())
    assert expected.duplicates > 0
    broken = {rule for _, rules in expected.quarantine for rule in rules}
    assert len(broken) == 12
    gold = (expected.experiment_daily, expected.funnel_daily, expected.experiment_to_date, expected.experiment_health)
    for table in gold:
        assert len(table) > 20


@pytest.mark.parametrize("name", [slow("first"), "exclude", "include"])
def test_two_batches(spark: SparkSession, traffic: Path, tmp_path: Path, name: str) -> None:
    lake, world = str(tmp_path / "lake"), WORLDS[name]
    settings, batches = world.settings(tmp_path), split(traffic, tmp_path / "batches", 2)
    for batch in batches:
        run_etl(spark, settings, batch, lake)
    expected = assert_lake_equals_oracle(spark, lake, batches, world.oracle())
    assert expected.duplicates > 500


def by_day(path: Path, folder: Path) -> list[Path]:
    """The first days, then the next, then the last together with some rows of the second that were late."""
    header, *lines = path.read_bytes().splitlines(keepends=True)
    days = [f"{START + timedelta(days=number)}".encode() for number in range(DAYS + 1)]
    late = [line for line in lines if days[1] in line][::4]
    rest = [line for line in lines if line not in late]
    parts = [
        [line for line in rest if not any(day in line for day in days[4:])],
        [line for line in rest if days[4] in line],
        [line for line in rest if any(day in line for day in days[5:])] + late,
    ]
    folder.mkdir()
    paths = [folder / f"batch-{turn}.csv" for turn in range(len(parts))]
    for batch, part in zip(paths, parts, strict=True):
        batch.write_bytes(header + b"".join(part))
    return paths


@pytest.mark.parametrize("name", ["first", slow("include")])
def test_day_after_day(spark: SparkSession, traffic: Path, tmp_path: Path, name: str) -> None:
    lake, world = str(tmp_path / "lake"), WORLDS[name]
    settings, batches = world.settings(tmp_path), by_day(traffic, tmp_path / "batches")
    over = START + timedelta(days=3)
    buyers = []
    for turn, batch in enumerate(batches):
        run_etl(spark, settings, batch, lake)
        expected = assert_lake_equals_oracle(spark, lake, batches[: turn + 1], world.oracle())
        buyers.append(sum(row[-1] for row in expected.experiment_daily if row[0] == over))
    assert buyers[0] < buyers[1], "no purchase of the new day makes anyone a buyer on the day before"


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_after_each_of_many_batches(spark: SparkSession, traffic: Path, tmp_path: Path, name: str) -> None:
    lake, world = str(tmp_path / "lake"), WORLDS[name]
    settings, batches = world.settings(tmp_path), split(traffic, tmp_path / "batches", 5)
    for turn, batch in enumerate(batches):
        run_etl(spark, settings, batch, lake)
        assert_lake_equals_oracle(spark, lake, batches[: turn + 1], world.oracle())
