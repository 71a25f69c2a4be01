"""Runs in an order that is easily got wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from abtest_lib.config import Settings
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.table import Table
from abtest_lib.pipeline.aggregate_gold import JOB as AGGREGATE
from abtest_lib.pipeline.aggregate_gold import aggregate_gold
from abtest_lib.pipeline.build_silver import JOB as BUILD
from abtest_lib.pipeline.build_silver import build_silver
from abtest_lib.pipeline.ingest_bronze import JOB as INGEST
from abtest_lib.pipeline.runner import ingesting, run_steps
from tests.oracle.compare import assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
START = datetime(2021, 8, 1, 9, tzinfo=UTC)
WORLD = World({"reporting_timezone": "UTC", "attribution_window": "36h"})
OTHER_FALLBACK = World(WORLD.values, own_fallback={"a": ["1"]})
SWITCHERS = [
    ("SEARCH", hours, f"a={arm}", f"u{user}")
    for user in range(6)
    for hours, arm in ((0, user % 2 + 1), (24 + user, user // 2 + 1))
]


def write(path: Path, *events: tuple[str, float, str, str]) -> Path:
    """Events as (name, hours since the start, experiments, user)."""
    lines = [
        f'{name},,{(START + timedelta(hours=hours)).isoformat()},MLA,"{{{experiments}}}",{user}\n'
        for name, hours, experiments, user in events
    ]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return WORLD.settings(tmp_path)


def test_a_last_day_without_any_experiment(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """The first purchases after midnight may be all that there is of a day; they explain events of the day before."""
    lake = str(tmp_path / "lake")
    seen = [("SEARCH", 0, f"a={user % 2}", f"u{user}") for user in range(6)]
    first = write(tmp_path / "first.csv", *seen)
    second = write(tmp_path / "second.csv", ("BUY", 24, "", "u0"), ("BUY", 24, "", "u3"), ("SEARCH", 24, "", "new"))
    third = write(tmp_path / "third.csv", ("SEARCH", 48, "a=1", "u0"), ("SEARCH", 48, "a=0", "later"))
    run_etl(spark, settings, first, lake)
    _, silver, _ = run_etl(spark, settings, second, lake)
    assert_lake_equals_oracle(spark, lake, [first, second], WORLD.oracle())
    # Two purchases, two searches of the day before flagged, and two participants who are buyers now.
    assert silver.rows_written == 6
    run_etl(spark, settings, third, lake)
    assert_lake_equals_oracle(spark, lake, [first, second, third], WORLD.oracle())


def test_gold_is_made_of_what_silver_was_made_of(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    """Jobs may be run one by one: gold does not build upon events that silver has not seen."""
    lake = str(tmp_path / "lake")
    first = write(tmp_path / "first.csv", ("SEARCH", 0, "a=1", "u1"), ("SEARCH", 0, "a=2", "u2"))
    second = write(tmp_path / "second.csv", ("BUY", 1, "a=1", "u1"), ("BUY", 1, "a=2", "u2"))
    run_etl(spark, settings, first, lake)
    run_steps(Lake(spark, lake), settings, {INGEST: ingesting(str(second))})
    with pytest.raises(LakeError, match=r"bronze/events at version \d+, .*: run build_silver first"):
        run_steps(Lake(spark, lake), settings, {AGGREGATE: aggregate_gold})
    run_steps(Lake(spark, lake), settings, {BUILD: build_silver})
    run_steps(Lake(spark, lake), settings, {AGGREGATE: aggregate_gold})
    assert_lake_equals_oracle(spark, lake, [first, second], WORLD.oracle())


@pytest.mark.parametrize("table", ["exposures", "experiment_health"])
def test_a_rebuild_that_failed_counts_for_nothing(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """A registry with other fallback variants, a full disk halfway, the registry taken back, and another run."""
    lake = str(tmp_path / "lake")
    source = write(tmp_path / "events.csv", *SWITCHERS, ("BUY", 30, "a=1", "u0"), ("BUY", 50, "a=2", "u3"))
    usual = WORLD.settings(_folder(tmp_path, "usual"))
    run_etl(spark, usual, source, lake)
    intact = Table._write

    def failing(self: Table, frame: DataFrame, mode: str, **options: str) -> Commit:
        if self.contract.name == table:
            raise LakeError("no space is left")
        return intact(self, frame, mode, **options)

    monkeypatch.setattr(Table, "_write", failing)
    with pytest.raises(LakeError, match="no space is left"):
        run_etl(spark, OTHER_FALLBACK.settings(_folder(tmp_path, "other")), None, lake)
    monkeypatch.undo()
    run_etl(spark, usual, None, lake)
    assert_lake_equals_oracle(spark, lake, [source], WORLD.oracle())


def test_gold_refuses_silver_of_other_fallback_variants(spark: SparkSession, tmp_path: Path) -> None:
    """Jobs may be run one by one, and the registry may change between two of them."""
    lake = str(tmp_path / "lake")
    source = write(tmp_path / "events.csv", *SWITCHERS)
    run_etl(spark, WORLD.settings(_folder(tmp_path, "usual")), source, lake)
    other = OTHER_FALLBACK.settings(_folder(tmp_path, "other"))
    with pytest.raises(LakeError, match="silver tables of other fallback variants: run build_silver first"):
        run_steps(Lake(spark, lake), other, {AGGREGATE: aggregate_gold})
    run_etl(spark, other, None, lake)
    assert_lake_equals_oracle(spark, lake, [source], OTHER_FALLBACK.oracle())


def test_clocks_that_go_back_over_midnight(spark: SparkSession, tmp_path: Path) -> None:
    """In St. John's the minute after midnight of 7 November 2010 was followed by 23:01 of the day before."""
    where = World({"reporting_timezone": "America/St_Johns", "attribution_window": "1h"})
    lake, settings = str(tmp_path / "lake"), where.settings(tmp_path)
    day = (START.replace(year=2010, month=11, day=6) - START) / timedelta(hours=1)
    minute = 1 / 60
    at = day + 17.5  # 02:30 UTC is midnight there, and at 02:31 the clocks go back
    batches = [
        [("SEARCH", day + 6, f"a={1 + user % 2}", f"u{user}") for user in range(4)]
        + [("BUY", at + 10 * minute, "", "x")],
        [("SEARCH", at + minute / 2, "a=1", "x"), ("SEARCH", at + minute / 2, "a=1", "y")],
        [("BUY", at + 50 * minute, "", "y")],
    ]
    paths = []
    for number, batch in enumerate(batches):
        paths.append(write(tmp_path / f"{number}.csv", *batch))
        run_etl(spark, settings, paths[-1], lake)
        assert_lake_equals_oracle(spark, lake, paths, where.oracle())
    run_etl(spark, settings, None, lake, full_refresh=True)
    assert_lake_equals_oracle(spark, lake, paths, where.oracle())


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
