"""Event columns and own names of columns: every format gives the same rows."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from abtest_lib.ingest.raw_events import find_source, read_raw_events
from abtest_lib.ingest.raw_fields import RawEvents
from abtest_lib.ingest.wanted_columns import WantedColumns

WANTED = WantedColumns(("price", "device"), {"user_id": "visitor", "timestamp": "ts"})
MOMENT = "2021-08-01T10:00:00Z"

Row = Mapping[str, str | None]


def written(visitor: str, price: str | None, device: str | None) -> Row:
    """An event as it is in a file: with a column that is not declared, and another that is named like a field."""
    own = {"visitor": visitor, "price": price, "device": device, "extra": "1", "user_id": "someone else"}
    return {"event_name": "BUY", "item_id": None, "ts": MOMENT, "site": "MLA", "experiments": "{a=1}"} | own


def csv_text(rows: Sequence[Row]) -> str:
    cells = [[value if value is None else f'"{value}"' for value in row.values()] for row in rows]
    return "\n".join([",".join(rows[0]), *(",".join(cell or "" for cell in line) for line in cells)]) + "\n"


def parquet_file(path: Path, rows: Sequence[Row]) -> None:
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    pq.write_table(pa.table(columns), path)


WRITERS: Mapping[str, Callable[[Path, Sequence[Row]], object]] = {
    "e.csv": lambda path, rows: path.write_text(csv_text(rows)),
    "e.jsonl": lambda path, rows: path.write_text("".join(json.dumps(row) + "\n" for row in rows)),
    "e.json": lambda path, rows: path.write_text(json.dumps(list(rows), indent=1)),
    "e.parquet": parquet_file,
}


def read(spark: SparkSession, path: Path, wanted: WantedColumns = WANTED) -> RawEvents:
    return read_raw_events(spark, find_source(spark, str(path)), wanted)


def values(
    spark: SparkSession, path: Path, *names: str, wanted: WantedColumns = WANTED
) -> list[tuple[str | None, ...]]:
    """The fields of every row, in the order of users."""
    rows = read(spark, path, wanted).frame.collect()
    assert all(row["raw_record"] is None for row in rows)
    return [tuple(row[name] for name in names) for row in sorted(rows, key=lambda row: str(row["user_id"]))]


@pytest.mark.both_engines
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_in_every_format(spark: SparkSession, tmp_path: Path, name: str) -> None:
    rows = [
        written("u1", "12.50", "ios"),
        written("u2", None, None),
        written("u3", "12 USD", ""),
        written("u4", " 5", "a"),
    ]
    WRITERS[name](tmp_path / name, rows)
    found = read(spark, tmp_path / name)
    assert found.frame.columns == [*WANTED.fields, "raw_record", "source_file"]
    assert values(spark, tmp_path / name, *WANTED.fields) == [
        ("BUY", None, MOMENT, "MLA", "{a=1}", "u1", "12.50", "ios"),
        ("BUY", None, MOMENT, "MLA", "{a=1}", "u2", None, None),
        ("BUY", None, MOMENT, "MLA", "{a=1}", "u3", "12 USD", ""),
        ("BUY", None, MOMENT, "MLA", "{a=1}", "u4", " 5", "a"),
    ]
    if not name.startswith("e.json"):
        ignored = (
            f"ignored column extra, user_id of {tmp_path / name}: neither one of the six event fields nor declared"
        )
        assert found.notices == [f"{ignored} in event_columns"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    "own", ["unit price", "price.usd", "a`b", "it's", "Preis €", "price|", "x.y `z` (USD)", "a\\b"]
)
def test_any_name_of_a_column(spark: SparkSession, tmp_path: Path, name: str, own: str) -> None:
    row = dict(written("u1", "2.5", "ios"))
    row[own] = row.pop("price")
    row[f"{own} id"] = row.pop("visitor")
    wanted = WantedColumns(("price",), {"user_id": f"{own} id", "timestamp": "ts", "price": own})
    WRITERS[name](tmp_path / name, [row])
    assert values(spark, tmp_path / name, "user_id", "price", wanted=wanted) == [("u1", "2.5")]


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_a_name_with_quotes(spark: SparkSession, tmp_path: Path, name: str) -> None:
    row = dict(written("u1", "2.5", "ios"))
    row['the "price"'] = row.pop("price")
    wanted = WantedColumns(("price",), {"user_id": "visitor", "timestamp": "ts", "price": 'the "price"'})
    WRITERS[name](tmp_path / name, [row])
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace(',the "price"', ',"the ""price"""'))
    assert values(spark, tmp_path / name, "user_id", "price", wanted=wanted) == [("u1", "2.5")]


@pytest.mark.parametrize("name", WRITERS)
def test_a_column_that_one_of_two_files_lacks(spark: SparkSession, tmp_path: Path, name: str) -> None:
    without = {key: value for key, value in written("u2", None, "web").items() if key != "price"}
    WRITERS[name](tmp_path / f"a{name}", [written("u1", "1", "ios")])
    WRITERS[name](tmp_path / f"b{name}", [without])
    assert values(spark, tmp_path, "user_id", "price", "device") == [("u1", "1", "ios"), ("u2", None, "web")]
    lacking = [notice for notice in read(spark, tmp_path).notices if "has no column" in notice]
    notice = [f"{tmp_path / f'b{name}'} has no column price: its events have no value there"]
    assert lacking == ([] if name.startswith("e.json") else notice)


@pytest.mark.parametrize("name", WRITERS)
def test_fields_that_swap_their_names(spark: SparkSession, tmp_path: Path, name: str) -> None:
    row = dict(written("u1", "1", "ios"))
    row |= {"item_id": "a user", "user_id": "an item"}
    wanted = WantedColumns((), {"user_id": "item_id", "item_id": "user_id", "timestamp": "ts"})
    WRITERS[name](tmp_path / name, [row])
    assert values(spark, tmp_path / name, "user_id", "item_id", wanted=wanted) == [("a user", "an item")]


@pytest.mark.parametrize("name", WRITERS)
def test_the_map_of_experiments_under_its_own_name(spark: SparkSession, tmp_path: Path, name: str) -> None:
    row = dict(written("u1", "1", "ios"))
    row["the.tests"] = row.pop("experiments")
    wanted = WantedColumns((), {"user_id": "visitor", "timestamp": "ts", "experiments": "the.tests"})
    WRITERS[name](tmp_path / name, [row])
    assert values(spark, tmp_path / name, "user_id", "experiments", wanted=wanted) == [("u1", "{a=1}")]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([12.5, 7.0, None]), ["12.5", "7", None]),
        (pa.array([float("nan"), float("inf"), float("-inf")]), ["NaN", "Infinity", "-Infinity"]),
        (pa.array([1e-7, 123456789012.0, -0.0]), ["0.0000001", "123456789012", "0"]),
        (pa.array([0.1, 19.99, 1e300], pa.float64()), ["0.1", "19.99", "1" + "0" * 300]),
        (pa.array([0.5, 2.0, None], pa.float32()), ["0.5", "2", None]),
        (pa.array([Decimal("12.50"), Decimal("-3.00"), None], pa.decimal128(10, 2)), ["12.5", "-3", None]),
        (pa.array([1, -2, None], pa.int64()), ["1", "-2", None]),
        (pa.array(["12.50", "x", None]), ["12.50", "x", None]),
        (pa.array([True, False, None]), ["true", "false", None]),
    ],
    ids=["double", "no number", "small", "digits", "float", "decimal", "whole", "text", "boolean"],
)
@pytest.mark.parametrize("own", ["price", "price.usd `net`"])
def test_numbers_of_parquet_become_text(
    spark: SparkSession, tmp_path: Path, column: pa.Array, texts: list[str | None], own: str
) -> None:
    rows = [written(f"u{place}", None, None) for place in range(3)]
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0] if name != "price"}
    pq.write_table(pa.table(columns | {own: column}), tmp_path / "e.parquet")
    wanted = WantedColumns(("price",), {"user_id": "visitor", "timestamp": "ts", "price": own})
    assert [row[0] for row in values(spark, tmp_path / "e.parquet", "price", wanted=wanted)] == texts


@pytest.mark.parametrize(
    ("number", "text"), [("5.50", "5.5"), ("1.6e9", "1600000000"), ("-1E-2", "-0.01"), ("12", "12"), ("true", "true")]
)
def test_numbers_of_json_become_text(spark: SparkSession, tmp_path: Path, number: str, text: str) -> None:
    line = json.dumps(written("u1", "?", "ios")).replace('"?"', number).replace(f'"{MOMENT}"', number)
    (tmp_path / "e.jsonl").write_text(line + "\n")
    assert values(spark, tmp_path / "e.jsonl", "timestamp", "price") == [(text, text)]
