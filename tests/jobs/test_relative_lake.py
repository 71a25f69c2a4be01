"""A lake given by a relative path, or by signs that a URL escapes: every write works as with a plain path."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import EXPOSURES
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.forget import forget
from abtest_lib.pipeline.maintain import Keep, maintain
from abtest_lib.pipeline.runner import run_pipeline

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
VIEWS = "".join(
    f'VIEW,7,2021-08-01T10:00:0{user}Z,MLA,"{{search/one={"AB"[user % 2]}}}",user-{user}\n' for user in range(6)
)
LATE = "BUY,7,2021-08-02T10:00:00Z,MLA,{},user-3\n"


@pytest.mark.parametrize("folder", ["lake", "größe # 50% [a b]"])
def test_a_relative_lake_takes_late_purchases_upkeep_and_forgetting(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(overrides={"engine": "exact"})
    for name, text in (("views.csv", VIEWS), ("late.csv", LATE)):
        Path(name).write_text(HEADER + text)
        run_pipeline(Lake(spark, f"./{folder}"), settings, name)
    flagged = Lake(spark, tmp_path / folder)[EXPOSURES].read().where("flag_purchase").collect()
    assert [row["user_id"] for row in flagged] == ["user-3"]

    assert maintain(Lake(spark, f"{folder}/"), settings, Keep())
    removed = forget(Lake(spark, f"../{tmp_path.name}/{folder}"), settings, ["user-3"])
    assert {item.table: item.rows for item in removed}["silver/exposures"] == 1
    assert not any(b"user-3" in file.read_bytes() for file in (tmp_path / folder).rglob("*") if file.is_file())
