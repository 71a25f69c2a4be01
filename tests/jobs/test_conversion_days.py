"""Counts to date follow the calendar: a purchase counts on its day, whether anybody is exposed on it or not."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_TO_DATE, LAKE_DAILY, QUARANTINE, VERDICTS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import all_steps, run_pipeline, run_steps
from tests.oracle.compare import assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
Event = tuple[str, str, str, str]
"""Name, time, experiments, user."""


def write(path: Path, events: list[Event]) -> Path:
    lines = (f'{name},,{time},MLA,"{{{experiments}}}",{user}\n' for name, time, experiments, user in events)
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def at(day: int, user: int) -> str:
    return (datetime(2024, 3, day, 9, tzinfo=UTC) + timedelta(seconds=user)).isoformat()


def exposures(days: tuple[int, ...] = (1, 2), users: int = 2_000) -> list[Event]:
    """As many users in each arm, half of them on each of two days."""
    return [
        ("VIEW", at(days[user % len(days)], user), f"x={arm}", f"{arm}{user}") for arm in "AB" for user in range(users)
    ]


def purchases(day: int, arm: str, users: range) -> list[Event]:
    return [("BUY", at(day, 10_000 + user), "", f"{arm}{user}") for user in users]


BUYERS = [
    *purchases(2, "A", range(40)),
    *purchases(2, "B", range(40)),
    *purchases(5, "A", range(40, 100)),
    *purchases(5, "B", range(40, 200)),
]


def test_a_purchase_after_the_last_exposure_counts(spark: SparkSession, tmp_path: Path) -> None:
    """Two users on 1 March; the one in B buys on 3 March, when nobody is exposed."""
    events = [("VIEW", at(1, 0), "x=A", "a"), ("VIEW", at(1, 1), "x=B", "b"), ("BUY", at(3, 1), "", "b")]
    lake = Lake(spark, tmp_path / "lake")
    run_pipeline(lake, load_settings(overrides={"engine": "exact"}), str(write(tmp_path / "e.csv", events)))
    rows = lake[EXPERIMENT_TO_DATE].read().collect()
    counts = {(row["day"].day, row["variant_id"]): (row["users"], row["purchases"]) for row in rows}
    assert counts == {(1, "A"): (1, 0), (1, "B"): (1, 0), (3, "A"): (1, 0), (3, "B"): (1, 1)}


def test_the_test_statistic_counts_all_purchases(spark: SparkSession, tmp_path: Path) -> None:
    """100 and 200 of 2,000 converted: z = (.1 − .05) / √(.075 · .925 · 2/2000) = 6.0030."""
    lake = Lake(spark, tmp_path / "lake")
    settings = load_settings(overrides={"engine": "exact"})
    run_pipeline(lake, settings, str(write(tmp_path / "e.csv", [*exposures(), *BUYERS])))
    latest = lake[COMPARISONS].read().where("day = '2024-03-05' AND window = 'to_date'").collect()
    assert [row["statistic"] for row in latest] == [pytest.approx(6.0030, abs=1e-4)]
    verdicts = {row["day"].day: row["decision"] for row in lake[VERDICTS].read().collect()}
    assert set(verdicts) == {1, 2, 5}
    assert verdicts[5] == "ship"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1)])
def test_batches_in_any_order_give_the_same_days(spark: SparkSession, tmp_path: Path, order: tuple[int, ...]) -> None:
    """A late purchase moves a conversion to an earlier day: the row of the later day goes, if nothing else holds it."""
    world = World({"reporting_timezone": "UTC"}, ends={"x": date(2024, 3, 6), "never": date(2024, 3, 6)})
    seen = [("VIEW", at(day, user), f"x={'AB'[user % 2]}", f"u{user}") for user in range(40) for day in (1, 2)]
    batches = [
        [*seen, ("BUY", at(4, 0), "", "u0"), ("BUY", at(4, 1), "", "u1")],
        [("BUY", at(3, 0), "", "u0"), ("BUY", at(3, 1), "", "u1"), ("VIEW", at(2, 99), "x=A", "u99")],
        [("VIEW", at(9, user), "", f"u{user}") for user in range(30)],
    ]
    files = [write(tmp_path / f"{number}.csv", batch) for number, batch in enumerate(batches)]
    for number in order:
        run_etl(spark, world.settings(tmp_path), files[number], tmp_path / "lake")
    oracle = assert_lake_equals_oracle(spark, str(tmp_path / "lake"), files, world.oracle())
    assert sorted({row[0].day for row in oracle.experiment_to_date}) == [1, 2, 3, 6]  # type: ignore[attr-defined]


def test_a_stray_day_ends_no_plan_and_covers_no_week(spark: SparkSession, tmp_path: Path) -> None:
    """A wrong clock in 2009 and one in 2023 beside seven days of March 2024; the plan ends on 14 March."""
    seen = [("VIEW", at(day, user), f"x={'AB'[user % 2]}", f"u{user}") for day in range(1, 6) for user in range(200)]
    strays = [("VIEW", "2009-01-05T10:00:00Z", "x=A", "u1"), ("VIEW", "2024-11-05T10:00:00Z", "x=A", "u7")]
    registry = tmp_path / "registry.yaml"
    registry.write_text("experiments: {x: {control: A, end: 2024-03-14}}", encoding="utf-8")
    settings = load_settings(overrides={"engine": "exact", "registry": registry})
    lake = Lake(spark, tmp_path / "lake")
    run_pipeline(lake, settings, str(write(tmp_path / "e.csv", [*seen, *strays])))
    verdicts = {str(row["day"]): row for row in lake[VERDICTS].read().collect()}
    assert "2024-03-14" not in verdicts  # the data ends on 5 March
    last = verdicts["2024-11-05"]
    assert last["decision"] == "inconclusive"
    assert last["information_fraction"] == pytest.approx(5 / 14)
    assert {"stray_days", "less_than_a_week"} <= set(last["reasons"])
    assert "2009-01-05" in last["explanation"]
    assert "2024-11-05" in last["explanation"]
    before = verdicts["2024-03-05"]
    assert "2009-01-05" in before["explanation"]
    assert "less_than_a_week" in before["reasons"]


def test_a_time_in_the_future_goes_to_quarantine_until_it_has_come(spark: SparkSession, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    soon, later = (now + timedelta(hours=hours) for hours in (23, 25))
    events = [("VIEW", time.isoformat(), "x=A", "u") for time in (now, soon, later)]
    path, lake = write(tmp_path / "e.csv", events), Lake(spark, tmp_path / "lake")
    first, *_ = run_steps(lake, load_settings(), all_steps(str(path))[:3])
    assert (first.rows_read, first.rows_written, first.rows_quarantined) == (3, 2, 1)
    assert first.quarantined_by_rule == {"timestamp_in_future": 1}
    (rejected,) = lake[QUARANTINE].read().collect()
    assert rejected["failed_rules"] == ["timestamp_in_future"]

    patient = load_settings(overrides={"future_tolerance": "48h"})
    again, *_ = run_steps(lake, patient, all_steps(str(path))[:3])
    assert (again.rows_read, again.rows_written, again.duplicates, again.rows_quarantined) == (3, 1, 2, 0)
    assert sum(row["events"] for row in lake[LAKE_DAILY].read().collect()) == 3
