"""Rows of a lake for the command line, and the lift that the summary shows."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from abtest_lib.analysis.arms import Interval
from abtest_lib.analysis.experiments import ExperimentList, ExperimentSummary, best_comparisons
from abtest_lib.contracts.enums import Decision, Direction, MetricType
from abtest_lib.lake.reader import read_rows, rows_of_day
from abtest_lib.metrics import Catalogue, Measure, Metric

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
        for name, (arm, compared) in best_comparisons(rows, {}, Catalogue()).items()
        if compared is not None
    }
    assert found == {
        "control leads": ("B", -0.5, Interval(-0.75, -0.25)),
        "two": ("9", 0.25, Interval(0.0, 0.5)),
    }


def test_the_lift_shown_is_that_of_the_metric_on_which_the_decision_rests() -> None:
    def comparison(metric: str, arm: str, lift: float, segment: str = "all") -> dict[str, object]:
        about = {"day": DAY, "experiment_name": "e", "variant_id": arm, "window": "to_date", "difference": 0.01}
        return about | {"metric": metric, "segment": segment, "lift": lift}

    rows = [
        comparison("purchase", "B", 0.5),
        comparison("searches", "B", -0.2),
        comparison("searches", "C", 0.3),
        comparison("searches", "C", -0.9, "site=MLA"),
    ]
    down = Metric("searches", MetricType.COUNT, Measure("true"), direction=Direction.DOWN)
    for catalogue, best in ((Catalogue(), ("C", 0.3)), (Catalogue({"searches": down}), ("B", -0.2))):
        arm, compared = best_comparisons(rows, {"e": "searches"}, catalogue)["e"]
        assert compared is not None
        assert (arm, compared.lift) == best


def test_the_list_names_the_metric_where_it_is_not_conversion() -> None:
    def summary(metric: str) -> ExperimentSummary:
        return ExperimentSummary(
            name="e", day=DAY, decision=Decision.SHIP, reasons=(), explanation="", users=10, metric=metric,
            best_arm=None, comparison=None,
        )  # fmt: skip

    plain, own = ExperimentList((summary("purchase"),)), ExperimentList((summary("revenue"),))
    assert "metric" not in plain.to_text(120) + plain._repr_html_()
    for shown in (own.to_text(120), own._repr_html_()):
        assert "metric" in shown
        assert "revenue" in shown
