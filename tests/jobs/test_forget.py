"""A person is forgotten: no file names them, everything is as if they had never come, and they stay out."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import ALL_TABLES
from abtest_lib.errors import ConfigError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.forget import forget
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.runner import all_steps, run_pipeline, run_steps

PERSON = "4711-forget-me"
METRICS = Path(__file__).parents[1] / "metrics.yaml"
HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
THEIRS = (
    'VIEW,1,2021-08-01T10:00:00.000-0400,MLA,"{search/one=A, search/two=1}",4711-forget-me\n'
    'BUY,1,2021-08-02T10:00:00.000-0400,MLA,"{search/one=B, search/two=1}",4711-forget-me\n'
    "VIEW,1,yesterday,MLA,{},4711-forget-me\n"
    "VIEW,1,too,many,fields,in,this,line,4711-forget-me,and,more\n"
)
OTHERS = "".join(
    f'{name},7,2021-08-0{day}T1{hour}:00:00.000-0400,MLA,"{{search/one={arm}, search/two={number}}}",user-{user}\n'
    for user in range(30)
    for day, hour, name, arm, number in (
        (1 + user % 3, user % 5, "VIEW", "AB"[user % 2], 1 + user % 2),
        (2 + user % 2, 3 + user % 5, "BUY" if user % 4 == 0 else "VIEW", "AB"[user % 2], 1 + user % 2),
    )
)


def run(spark: SparkSession, text: str, lake: Path) -> None:
    folder = lake.parent / f"{lake.name} input"
    folder.mkdir(exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}.csv").write_text(HEADER + text)
    run_pipeline(Lake(spark, lake), built_with(), str(max(folder.iterdir())))


def settings(**overrides: object) -> Settings:
    return load_settings(overrides={"engine": "exact", "metrics": METRICS} | overrides)


def built_with() -> Settings:
    """Forgetting takes these from the lake."""
    return settings(reporting_timezone="America/Bogota", cross_exposed="include")


def contents(spark: SparkSession, lake: Path) -> dict[str, Counter[str]]:
    """Every row of silver and gold."""
    tables = [contract for contract in ALL_TABLES if contract.layer in {"silver", "gold"}]
    return {item.full_name: Counter(map(str, Lake(spark, lake)[item].read().collect())) for item in tables}


def texts_of(lake: Path) -> str:
    """Everything that any file of the lake says, Parquet files decoded column by column."""
    said = []
    for file in sorted(path for path in lake.rglob("*") if path.is_file()):
        if file.suffix == ".parquet":
            said += [str(pq.ParquetFile(file).read().to_pylist()), str(pq.ParquetFile(file).metadata.to_dict())]
        else:
            said.append(file.read_bytes().decode("utf-8", errors="replace"))
    return "\n".join(said)


def test_a_person_is_gone_from_every_file_and_stays_out(spark: SparkSession, tmp_path: Path) -> None:
    lake, never = tmp_path / "lake", tmp_path / "never"
    run(spark, OTHERS + THEIRS, lake)
    assert PERSON in texts_of(lake)
    removed = forget(Lake(spark, lake), settings(), [PERSON])
    assert {item.table: item.rows for item in removed} == {
        "bronze/events": 2,
        "quarantine/events": 2,
        "silver/exposures": 4,
        "silver/purchases": 1,
        "silver/participants": 3,
    }
    assert PERSON not in texts_of(lake)

    run(spark, OTHERS, never)
    expected = contents(spark, never)
    assert contents(spark, lake) == expected

    (report, *_) = run_steps_again(spark, lake)
    assert (report.rows_read, report.rows_forgotten, report.rows_written) == (64, 4, 0)
    assert report.duplicates == 60
    assert PERSON not in texts_of(lake)
    assert contents(spark, lake) == expected
    assert forget(Lake(spark, lake), settings(), [PERSON])[0].rows == 0


def run_steps_again(spark: SparkSession, lake: Path) -> list[StepReport]:
    source = lake.parent / "again.csv"
    source.write_text(HEADER + OTHERS + THEIRS)
    return run_steps(Lake(spark, lake), built_with(), all_steps(str(source)))


def test_forgetting_nobody_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody to forget: give at least one user id"):
        forget(Lake(spark, tmp_path), settings(), [])
