"""Rows counted on their way: also where the server does not say what passed."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.config import load_settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline import ingest_bronze
from abtest_lib.pipeline.runner import ingesting, run_steps
from abtest_lib.spark.row_counter import RowCounter

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
ROWS = [f'BUY,{n},2021-08-01T10:00:0{n}.000-0400,MLA,"{{a=1}}",{n}\n' for n in range(6)]
BROKEN = [f"BUY,{n},yesterday,MLA,{{}},{n}\n" for n in range(3)]


class Untold(RowCounter):
    """As with a Connect server that was busy."""

    def on(self, frame: DataFrame) -> DataFrame:
        passed = super().on(frame)
        self._observation = SimpleNamespace(get={})  # type: ignore[assignment]  nothing more is asked of it
        return passed


def ingest(spark: SparkSession, lake: Path, rows: list[str]) -> tuple[int, ...]:
    path = lake.with_name(f"{lake.name}.csv")
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    settings = load_settings(overrides={"writer_lease": False})
    (report,) = run_steps(Lake(spark, lake), settings, {ingest_bronze.JOB: ingesting(str(path))})
    return report.rows_read, report.rows_written, report.duplicates, report.rows_quarantined


@pytest.mark.parametrize("tap", [RowCounter, Untold])
def test_every_row_is_accounted_for(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tap: type[RowCounter]
) -> None:
    monkeypatch.setattr(ingest_bronze, "RowCounter", tap)
    lake = tmp_path / "lake"
    first = [*ROWS[:4], ROWS[0], *BROKEN[:2], BROKEN[1]]
    assert ingest(spark, lake, first) == (8, 4, 2, 2)
    assert ingest(spark, lake, [*ROWS[2:], ROWS[5], *BROKEN]) == (8, 2, 5, 1)


def test_a_tap_tells_the_same_either_way(spark: SparkSession) -> None:
    for tap in (RowCounter, Untold):
        counted = tap(all=F.count(F.lit(1)), even=F.count_if(F.col("id") % 2 == 0))
        counted.on(spark.range(7)).where("id > 3").write.format("noop").mode("overwrite").save()
        assert counted.counts() == {"all": 7, "even": 4}
