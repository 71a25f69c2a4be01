"""Metrics as they come through Arrow: a list of structs in each row of counts, which may be empty or missing."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.registry import Registry
from abtest_lib.verdict.metric_rows import read_metric_rows
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.spark_udf import COMPARISON, VERDICT, judge_partition
from tests.unit.verdict.metric_worlds import STRUCT, declare, entry, metric

N = 10_000
MEANS = {"A": 20.0, "B": 21.0, "DEFAULT": 50.0}
Row = dict[str, Any]


def batch(day: date, metrics: Any = None, **more: Any) -> pa.RecordBatch:
    rows = [
        {
            "experiment_name": name,
            "variant_id": arm,
            "day": day,
            "period_start": date(2021, 8, 1),
            "since": date(2021, 8, 1),
            "users": N,
            "purchases": 500,
            "probability_best": 0.5,
            "probability_beats_control": 0.5,
        }
        for name in ("search/test", "other")
        for arm in MEANS
    ]
    table = pa.RecordBatch.from_pylist(rows)
    if metrics is None:
        return table
    listed = [metrics(row["experiment_name"], row["variant_id"]) for row in rows]
    return table.append_column("metrics", pa.array(listed, more.get("type", pa.list_(STRUCT))))


def judged(*batches: pa.RecordBatch) -> list[Row]:
    registry = Registry({"search/test": declare(planned=2 * N, goals=["revenue"])})
    context = Context(registry, fallback_variants=("DEFAULT",), catalogue=Catalogue({"revenue": metric("revenue")}))
    return [row for out in judge_partition(batches, context, Rules()) for row in out.to_pylist()]


def sums(_name: str, arm: str) -> list[Row]:
    return [entry("revenue", N, MEANS[arm]), entry("revenue", N, MEANS[arm], segment="site=MLA")]


def test_metrics_of_several_batches_are_judged() -> None:
    rows = judged(batch(date(2021, 8, 1), sums), batch(date(2021, 8, 2), sums))
    verdicts = [row for row in rows if (row["kind"], row["experiment_name"]) == (VERDICT, "search/test")]
    assert [(row["decision"], row["metric"]) for row in verdicts] == [("ship", "revenue")] * 2
    found = [row for row in rows if row["kind"] == COMPARISON and row["metric"] == "revenue"]
    assert {(row["experiment_name"], row["segment"], row["variant_id"]) for row in found} == {
        (name, segment, "B") for name in ("search/test", "other") for segment in ("all", "site=MLA")
    }
    assert all(row["difference"] == pytest.approx(1.0) for row in found)
    assert {row["role"] for row in found if row["experiment_name"] == "other"} == {"observed"}


@pytest.mark.parametrize("metrics", [None, lambda *_: None, lambda *_: []])
def test_without_metrics_a_goal_is_missing_and_conversion_is_judged(metrics: Any) -> None:
    rows = judged(batch(date(2021, 8, 1), metrics))
    by_name = {row["experiment_name"]: row for row in rows if row["kind"] == VERDICT}
    assert by_name["search/test"]["reasons"][0] == "metric_missing"
    assert "metric_missing" not in by_name["other"]["reasons"]
    assert {row["metric"] for row in rows if row["kind"] == COMPARISON} == {PURCHASE}


def test_a_column_of_nulls_without_a_type_is_empty() -> None:
    rows = judged(batch(date(2021, 8, 1), lambda *_: None, type=pa.null()))
    assert {row["metric"] for row in rows if row["kind"] == COMPARISON} == {PURCHASE}


def test_sums_that_are_null_are_not_numbers() -> None:
    rows = read_metric_rows(pa.chunked_array([pa.array([None, [entry("a", 4, 2.0)], [], [entry("b", 1, 1.0)]] * 2,
                                                       pa.list_(STRUCT))]))  # fmt: skip
    assert rows.row.tolist() == [1, 3, 5, 7]
    assert [rows.metrics[i] for i in rows.metric] == ["a", "b"] * 2
    assert rows.values["sum_x"].tolist() == [8.0, 1.0] * 2
    assert np.isnan(rows.values["sum_c"]).all()
    assert rows.is_of_everybody.all()
    assert not rows.is_of("c").any()
    index, place = rows.entries_of(np.array([3, 0, 1]))
    assert (index.tolist(), place.tolist()) == ([1, 0], [0, 2])
