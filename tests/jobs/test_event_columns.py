"""A lake whose events have columns of their own, and what happens when others are declared."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib import open_lake as open_results
from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import EVENTS, QUARANTINE
from abtest_lib.doctor import Health, examine
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.forget import forget
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.maintain import Keep, maintain
from abtest_lib.pipeline.runner import run_pipeline

HEADER = "event_name,item_id,ts,site,experiments,visitor,price,device\n"
BOTH = {"price": "double", "device": "string"}


def settings(columns: Mapping[str, str]) -> Settings:
    names = {"user_id": "visitor", "timestamp": "ts"}
    overrides = {"engine": "exact", "event_columns": dict(columns), "column_names": names}
    return load_settings(overrides=overrides | {"timestamp_timezone": "America/New_York"})


def line(user: int, price: str = "", device: str = "", hour: int = 10) -> str:
    return f'BUY,7,2024-03-01T{hour}:00:0{user},MLA,"{{x={"AB"[user % 2]}}}",u{user},{price},{device}\n'


def run(
    lake: Lake, file: Path, lines: list[str], columns: Mapping[str, str], *, full_refresh: bool = False
) -> list[StepReport]:
    file.write_text(HEADER + "".join(lines), encoding="utf-8")
    return run_pipeline(lake, settings(columns), str(file), full_refresh=full_refresh)


def stored(lake: Lake, columns: Mapping[str, str]) -> list[tuple[object, ...]]:
    rows = lake.with_event_columns(columns)[EVENTS].read().collect()
    return sorted(((row["user_id"], *(row[name] for name in columns)) for row in rows), key=str)


@pytest.mark.both_engines
def test_values_and_damaged_numbers(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, tmp_path / "lake")
    lines = [line(0, "12.50", "ios"), line(1), line(2, "12 USD", "web"), line(3, "NaN"), line(4, "2e9", '""')]
    report, *_ = run(lake, tmp_path / "e.csv", lines, BOTH)
    assert (report.rows_read, report.rows_written, report.rows_quarantined) == (5, 2, 3)
    assert stored(lake, BOTH) == [("u0", 12.5, "ios"), ("u1", None, None)]
    assert str(lake[EVENTS].read().where("user_id = 'u0'").first()["timestamp"]) == "2024-03-01 15:00:00"
    assert report.quarantined_by_rule == {"price_malformed": 3}
    assert report.examples == {"price_malformed": "price «12 USD» in e.csv, line 4"}
    rejected = {row["user_id"]: row["event_columns"] for row in lake[QUARANTINE].read().collect()}
    assert rejected == {
        "u2": {"price": "12 USD", "device": "web"},
        "u3": {"price": "NaN", "device": None},
        "u4": {"price": "2e9", "device": ""},
    }
    again, *_ = run(lake, tmp_path / "e.csv", lines, BOTH)
    assert (again.rows_written, again.rows_quarantined, again.duplicates) == (0, 0, 5)


def test_a_column_that_comes_later_and_goes_again(spark: SparkSession, tmp_path: Path) -> None:
    lake, file = Lake(spark, tmp_path / "lake"), tmp_path / "e.csv"
    first, second, third = [line(0, "1", "ios"), line(1, "2", "web")], [line(2, "3", "tv")], [line(3, "4", "tv")]
    run(lake, file, first, {"device": "string"})
    with pytest.raises(ConfigError, match=r"was built with event_columns = .*--full-refresh") as refused:
        run(lake, file, second, BOTH)
    assert "\n" not in str(refused.value)
    report, *_ = run(lake, file, second, BOTH, full_refresh=True)
    twice = "sending the same files again would count their events twice"
    assert report.notices[0] == f"event column price is new: events already stored have no value there, and {twice}"
    assert stored(lake, BOTH) == [("u0", None, "ios"), ("u1", None, "web"), ("u2", 3.0, "tv")]
    report, *_ = run(lake, file, second, BOTH)
    assert (report.duplicates, report.notices) == (1, ())
    report, *_ = run(lake, file, third, {"device": "string"}, full_refresh=True)
    assert report.notices[0].startswith("event column price is no longer declared: bronze/events keeps its values")
    assert "price" not in lake[EVENTS].read().columns
    run(lake, file, third, BOTH, full_refresh=True)
    assert stored(lake, BOTH)[2:] == [("u2", 3.0, "tv"), ("u3", 4.0, "tv"), ("u3", None, "tv")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"price": "string"}, "event column price: lake .* stores it as double, this run declares string"),
        ({"Price": "double"}, "event column Price: bronze/events of lake .* has it as price; write it so"),
    ],
)
def test_a_column_keeps_its_type(spark: SparkSession, tmp_path: Path, columns: Mapping[str, str], message: str) -> None:
    lake, file = Lake(spark, tmp_path / "lake"), tmp_path / "e.csv"
    run(lake, file, [line(0, "1"), line(1, "2")], {"price": "double"})
    version = lake[EVENTS].version
    for full_refresh in (False, True):
        expected = message if full_refresh else "was built with event_columns"
        with pytest.raises(ConfigError, match=expected) as refused:
            run(lake, file, [line(2, "3")], columns, full_refresh=full_refresh)
        assert "\n" not in str(refused.value)
    assert lake[EVENTS].version == version
    run(lake, file, [line(2, "3")], {"price": "double"})


def test_the_commands_on_a_lake_with_columns(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, tmp_path / "lake")
    for hour in (10, 11):
        lines = [line(user, f"{user}.5", "ios", hour) for user in range(6)]
        run(lake, tmp_path / "e.csv", [*lines, line(6, "x", "", hour)], BOTH)
    before = stored(lake, BOTH)
    assert len(before) == 12
    maintain(lake, load_settings(overrides={"engine": "exact"}), Keep())
    assert stored(lake, BOTH) == before
    forget(lake, load_settings(overrides={"engine": "exact"}), ["u3", "u6"])
    assert stored(lake, BOTH) == [row for row in before if row[0] != "u3"]
    assert lake[QUARANTINE].read().count() == 0
    report, *_ = run(lake, tmp_path / "e.csv", [line(3, "3.5", "ios")], BOTH)
    assert (report.rows_written, report.rows_forgotten) == (0, 1)
    findings = list(examine(settings(BOTH), str(lake)))
    assert findings
    assert [item for item in findings if item.health is Health.FAILED and "table" in item.check] == []
    assert open_results(tmp_path / "lake").experiments()
