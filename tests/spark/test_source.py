"""What lines of CSV and JSON, and maps from JSON or Parquet become."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.spark.source import find_source, read_raw_events

FIRST = {
    "event_name": "VIEW",
    "item_id": "{a}{b",
    "timestamp": "2021-08-01T10:00:00Z",
    "site": "MLA",
    "experiments": "{a=1}",
    "user_id": "1",
}
SECOND = FIRST | {"user_id": "2"}


def read(spark: SparkSession, path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The rows that are events, and the lines that could not be split."""
    rows = read_raw_events(spark, find_source(spark, str(path))).frame.collect()
    events = [{name: row[name] for name in RAW_FIELDS} for row in rows if row["raw_record"] is None]
    return events, [row["raw_record"] for row in rows if row["raw_record"] is not None]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "classic mac"])
def test_a_line_of_csv_ends_in_any_of_three_ways(spark: SparkSession, tmp_path: Path, end: str) -> None:
    lines = [",".join(RAW_FIELDS), *(",".join(event.values()) for event in (FIRST, SECOND))]
    (tmp_path / "e.csv").write_bytes("".join(line + end for line in lines).encode())
    assert read(spark, tmp_path / "e.csv") == ([FIRST, SECOND], [])


@pytest.mark.parametrize(
    ("line", "events"),
    [
        (json.dumps(FIRST), [FIRST]),
        ("\ufeff" + json.dumps(FIRST) + " \r", [FIRST]),
        (json.dumps([FIRST, SECOND]), [FIRST, SECOND]),
        (json.dumps(FIRST | {"extra": {"a": [{}, {"b": 1}]}}), [FIRST]),
        (json.dumps(FIRST | {"user_id": 7, "item_id": None}), [FIRST | {"user_id": "7", "item_id": None}]),
        (json.dumps(FIRST | {"item_id": 'quoted \\" }{'}), [FIRST | {"item_id": 'quoted \\" }{'}]),
        ("   ", []),
    ],
    ids=["object", "mark", "array", "nested", "number", "quoted", "blank"],
)
def test_lines_that_are_events(spark: SparkSession, tmp_path: Path, line: str, events: list[dict[str, str]]) -> None:
    (tmp_path / "e.jsonl").write_text(line + "\n")
    assert read(spark, tmp_path / "e.jsonl") == (events, [])


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(FIRST) + json.dumps(SECOND),
        json.dumps(FIRST) + " \t" + json.dumps(SECOND),
        json.dumps(FIRST) + " and more",
        json.dumps(FIRST)[:-10],
        "null",
        "[1, 2]",
        "seven",
    ],
    ids=["glued", "glued with space", "followed", "cut", "null", "numbers", "no JSON"],
)
def test_a_line_that_cannot_be_split_is_kept_whole(spark: SparkSession, tmp_path: Path, line: str) -> None:
    (tmp_path / "e.jsonl").write_text(line + "\n" + json.dumps(SECOND) + "\n")
    events, lines = read(spark, tmp_path / "e.jsonl")
    assert events == [SECOND]
    assert set(lines) == {line}


@pytest.mark.parametrize(
    ("experiments", "text"),
    [
        ({"b": "2", "a": "1"}, "{a=1, b=2}"),
        ({}, "{}"),
        ({"a=b": "1"}, "{a=b=1}"),
        ({"a": "b=c"}, 'map {"a":"b=c"}'),
        ({"a": "1, b=2"}, 'map {"a":"1, b=2"}'),
        ({"a=1, b": "2"}, 'map {"a=1, b":"2"}'),
    ],
)
def test_a_map_becomes_text_only_where_text_says_the_same(
    spark: SparkSession, tmp_path: Path, experiments: dict[str, str], text: str
) -> None:
    (tmp_path / "e.jsonl").write_text(json.dumps(FIRST | {"experiments": experiments}) + "\n")
    column = pa.array([list(experiments.items())], pa.map_(pa.string(), pa.string()))
    columns = {name: [value] for name, value in FIRST.items()} | {"experiments": column}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    for name in ("e.jsonl", "e.parquet"):
        events, _ = read(spark, tmp_path / name)
        assert events == [FIRST | {"experiments": text}]
