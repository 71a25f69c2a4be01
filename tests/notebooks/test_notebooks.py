"""The notebooks run from the first cell to the last, one after the other, on a lake that the first one makes."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
USERS = "800"
EXPERIMENT = "search/new-ranking"


pytestmark = pytest.mark.spark_only  # on Databricks and EMR notebooks find a session of Spark


@pytest.fixture(scope="module")
def tour(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first notebook leaves behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTEBOOK_FOLDER", str(tmp_path_factory.mktemp("tour")))
        patch.setenv("NOTEBOOK_USERS", USERS)
        found = runpy.run_path(str(NOTEBOOKS / "01_tour.py"))
    assert found["spark"] is spark
    return found


def test_the_tour_ends_with_a_verdict_on_every_experiment(tour: dict[str, Any]) -> None:
    judged = {row.experiment_name for row in tour["verdicts"]}
    assert judged >= {"search/new-ranking", "search/aa-test"}
    assert all(row.explanation for row in tour["verdicts"])
    assert tour["rejected"].count() > 0


def test_the_results_are_those_of_the_lake(tour: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_LAKE", tour["lake"])
    monkeypatch.setenv("NOTEBOOK_EXPERIMENT", "search/new-ranking")
    found = runpy.run_path(str(NOTEBOOKS / "00_results.py"))
    (verdict,) = (row for row in tour["verdicts"] if row.experiment_name == "search/new-ranking")
    assert (found["result"].decision, found["result"].explanation) == (verdict.decision, verdict.explanation)
    assert {item.name for item in found["experiments"]} >= {row.experiment_name for row in tour["verdicts"]}
    assert len(found["figure"].data) == 2 * len(found["frame"]) > 0
    assert found["analysis"].control == "A"


def test_one_experiment_is_computed_again_from_its_counts(
    tour: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTEBOOK_LAKE", tour["lake"])
    found = runpy.run_path(str(NOTEBOOKS / "02_one_experiment.py"))
    compared = [arm for arm in found["names"] if arm != found["verdict"]["control_id"]]
    for arm in compared:
        z = found["result"].statistic[0, found["names"].index(arm)]
        assert z == pytest.approx(found["published"][arm]["statistic"])
    assert compared
    assert found["name"] in capsys.readouterr().out
    assert len(found["figure"].data) == 2 * len(found["names"])


def test_a_metric_of_ones_own_counts_the_people_that_plain_python_counts(
    spark: SparkSession, tour: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_LAKE", tour["lake"])
    monkeypatch.setenv("ABTEST_REGISTRY", str(tour["events"].registry))
    found = runpy.run_path(str(NOTEBOOKS / "03_own_metric.py"))
    events, people = (
        spark.read.format("delta").load(f"{tour['lake']}/{table}").collect()
        for table in ("bronze/events", "silver/participants")
    )
    last: dict[str, Any] = {}
    for event in events:
        if event["event_name"] == "PRODUCT":
            last[event["user_id"]] = max(last.get(event["user_id"], event["timestamp"]), event["timestamp"])
    entered: dict[str, Any] = {}
    for one in people:
        if one["experiment_name"] == EXPERIMENT and one["variant_id"] != "DEFAULT":
            first = entered.setdefault(one["user_id"], one)
            entered[one["user_id"]] = min(first, one, key=lambda row: row["first_exposed_at"])
    rows = [
        row for row in found["sums"].collect() if (row.experiment_name, row.metric) == (EXPERIMENT, "product_viewers")
    ]
    for row in rows:
        arm = [one for one in entered.values() if one["variant_id"] == row.variant_id]
        viewers = [one for one in arm if one["user_id"] in last and last[one["user_id"]] >= one["first_exposed_at"]]
        assert (row.users, row.sum_x, row.sum_xx) == (len(arm), len(viewers), len(viewers))
        assert 0 < len(viewers) < len(arm)
    assert len(rows) == 2
    metrics = {row.metric for row in found["compared"] if row.experiment_name == EXPERIMENT}
    assert metrics == {"purchase", "product_viewers", "searches_per_order"}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("0*.py")), ids=lambda path: path.stem)
def test_databricks_reads_the_source(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# Databricks notebook source"
    cells = "\n".join(lines[1:]).split("# COMMAND ----------")
    assert len(cells) > 5
    for cell in cells:
        written = [line for line in cell.splitlines() if line.strip()]
        is_text = written[0].startswith("# MAGIC %md")
        assert all(line.startswith("# MAGIC") == is_text for line in written), cell
