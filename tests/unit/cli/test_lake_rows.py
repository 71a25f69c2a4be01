"""Rows of a lake for the command line, and the lift that the summary shows."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from abtest_lib.analysis.arms import Interval
from abtest_lib.analysis.experiments import best_comparisons
from abtest_lib.lake.reader import read_rows, rows_of_day

DAY = date(2021, 8, 1)


def test_rows_by_values_that_sql_would_take_for_its_own(tmp_path: Path) -> None:
    names = ["it's; --", 'a "quoted" one', "größe|日本", "plain"]
    rows = pa.table(
        {"day": [DAY] * 4, "window": names, "users": [1, 2, 3, 4], "reasons": [["a", "b"], [], ["c"], None]}
    )
    write_deltalake(tmp_path, rows, partition_by=["day"])
    table = DeltaTable(tmp_path)
    assert [read_rows(table, ["users"], window=name) for name in names] == [[{"users": n}] for n in (1, 2, 3, 4)]
    (first,) = read_rows(table, window=names[0], day=DAY)
    assert first == {"day": DAY, "window": names[0], "users": 1, "reasons": ["a", "b"]}
    assert read_rows(table, window="absent") == []
    assert len(rows_of_day(table, DAY)) == 4
    assert rows_of_day(table, date(2021, 8, 2)) == []


def test_timestamps_are_instants_in_utc(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=-4))
    at = datetime(2021, 8, 1, 18, 55, 36, 299_001, tzinfo=zone)
    rows = pa.table({"at": pa.array([at, None], pa.timestamp("us", "UTC")), "name": ["a", "b"]})
    write_deltalake(tmp_path, rows)
    found = {row["name"]: row["at"] for row in read_rows(DeltaTable(tmp_path))}
    assert found == {"a": at, "b": None}
    assert found["a"].isoformat() == "2021-08-01T22:55:36.299001+00:00"


def test_the_lift_shown_is_that_of_the_arm_that_converts_best_beside_the_control() -> None:
    def comparison(experiment: str, arm: str, lift: float | None, window: str = "to_date") -> dict[str, object]:
        ends = None if lift is None else (lift - 0.25, lift + 0.25)
        return {
            "difference": 0.01,
            "day": DAY,
            "experiment_name": experiment,
            "variant_id": arm,
            "window": window,
            "lift": lift,
            "lift_lower": ends and ends[0],
            "lift_upper": ends and ends[1],
        }

    rows = [
        comparison("control leads", "B", -0.5),
        comparison("control leads", "C", -0.75),
        comparison("two", "10", 0.25),
        comparison("two", "9", 0.25),
        comparison("two", "8", 0.9, window="day"),
        comparison("nobody bought", "B", None),
    ]
    found = {
        name: (arm, compared.lift, compared.lift_interval)
        for name, (arm, compared) in best_comparisons(rows).items()
        if compared is not None
    }
    assert found == {
        "control leads": ("B", -0.5, Interval(-0.75, -0.25)),
        "two": ("9", 0.25, Interval(0.0, 0.5)),
    }
