"""What a run says of data that cannot give an answer, and that it says it first."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_cli.summary import print_summary
from abtest_lib import open_lake
from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import EVENTS, EXPOSURES, QUARANTINE
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.runner import run_pipeline

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"


def run(spark: SparkSession, folder: Path, lines: list[str], settings: Settings | None = None) -> list[StepReport]:
    path = folder / "events.csv"
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return run_pipeline(
        Lake(spark, folder / "lake"), settings or load_settings(overrides={"engine": "exact"}), str(path)
    )


def view(user: int, day: int, experiment: str) -> str:
    return f'VIEW,7,2024-03-0{day}T10:00:0{user}Z,MLA,"{{{experiment}={"AB"[user % 2]}}}",u{user}\n'


def test_a_file_of_which_every_row_is_rejected(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"VIEW,7,2021-08-01 10:00:0{user},MLA,{{}},u{user}\n" for user in range(4)]
    reports = run(spark, tmp_path, lines)
    assert [report.job for report in reports] == ["ingest_bronze"]
    (report,) = reports
    assert (report.rows_read, report.rows_quarantined) == (4, 4)
    assert report.examples == {"timestamp_malformed": "timestamp «2021-08-01 10:00:00» in events.csv, line 2"}
    lake = Lake(spark, tmp_path / "lake")
    assert lake[QUARANTINE].read().count() == 4
    assert not lake[EXPOSURES].exists
    print_summary(lake.path, reports, 1.0)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("4 of 4 rows were rejected: the time is not like 2024-03-03T12:00:00.123456Z")
    assert "line 2. Fix the export and run it again" in said


def test_a_conversion_event_that_no_event_has(spark: SparkSession, tmp_path: Path) -> None:
    bought = [f"Purchase,7,2024-03-02T11:00:0{user}Z,MLA,{{}},u{user}\n" for user in range(3)]
    reports = run(spark, tmp_path, [*(view(user, 1, "x") for user in range(6)), *bought])
    (notice,) = next(report for report in reports if report.job == "build_silver").notices
    assert notice == (
        "conversion_event = BUY, and no event has this name, so nobody converts; the most frequent names are "
        "VIEW (6), Purchase (3): set ABTEST_CONVERSION_EVENT"
    )


def test_a_registry_of_other_experiments_and_verdicts_of_other_days(spark: SparkSession, tmp_path: Path) -> None:
    registry = tmp_path / "registry.yaml"
    registry.write_text("experiments: {search/newranking: {control: A}}", encoding="utf-8")
    settings = load_settings(overrides={"engine": "exact", "registry": registry})
    early = [view(user, 1, "search/new-ranking") for user in range(6)]
    late = [view(user, 5, "checkout") for user in range(6)]
    reports = run(spark, tmp_path, [*early, *late], settings)
    (notice,) = next(report for report in reports if report.job == "decide").notices
    assert "names 1 experiments, and none of them is in the data" in notice
    assert "search/newranking is like search/new-ranking" in notice
    latest = {item.name: str(item.day) for item in open_lake(tmp_path / "lake").experiments()}
    assert latest == {"search/new-ranking": "2024-03-01", "checkout": "2024-03-05"}
    assert Lake(spark, tmp_path / "lake")[EVENTS].read().count() == 12
