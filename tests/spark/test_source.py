"""What lines of CSV and JSON, and maps from JSON or Parquet become."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.errors import InputError
from abtest_lib.ingest.raw_events import find_source, read_raw_events

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


def lines_of(spark: SparkSession, path: Path) -> list[dict[str, str]]:
    """The events of an input in which every line splits."""
    events, lines = read(spark, path)
    assert lines == []
    return sorted(events, key=lambda event: str(event["user_id"]))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("7001", "7001"),
        ("7001.0", "7001"),
        ("7e3", "7000"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("1.50E-2", "0.015"),
        ("12345678901234567890123456789.000", "12345678901234567890123456789"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("9007199254740993.0", "9007199254740993"),
        ('"7001.0"', "7001.0"),
        ('"|7.0"', "|7.0"),
        ('"7.0|"', "7.0|"),
        ('"a\\\\"', "a\\"),
        ('": 5.0, \\" : 6.0"', ': 5.0, " : 6.0'),
        ("true", "true"),
    ],
)
def test_equal_numbers_in_json_are_one_id(spark: SparkSession, tmp_path: Path, written: str, text: str) -> None:
    line = json.dumps(FIRST | {"item_id": 1.5, "experiments": {"a": 1}, "user_id": "?"}).replace('"?"', written)
    line = line.replace('{"a": 1}', f'{{"a": {written}}}')
    (tmp_path / "e.jsonl").write_text(f"{line}\n[{line}, {line}]\n", encoding="utf-8")
    expected = FIRST | {"item_id": "1.5", "user_id": text, "experiments": f"{{a={text}}}"}
    found = lines_of(spark, tmp_path / "e.jsonl")
    if "," in text:
        assert {event["user_id"] for event in found} == {text}
    else:
        assert found == [expected] * 3


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (json.dumps([FIRST, SECOND], indent=2), 2),
        ("[\n" + json.dumps(FIRST) + ",\n" + json.dumps(SECOND) + "\n]\n", 2),
        ("\ufeff" + json.dumps(FIRST, indent=1) + "\n" + json.dumps(SECOND, indent=1) + "\r\n", 2),
        (json.dumps(FIRST, indent=1), 1),
        (json.dumps(FIRST) + "\n" + json.dumps(SECOND), 2),
        ("[\n]", 0),
    ],
    ids=["array", "array by line", "objects", "object", "lines", "nothing"],
)
def test_json_over_several_lines_is_read_whole(spark: SparkSession, tmp_path: Path, content: str, count: int) -> None:
    (tmp_path / "e.json").write_text(content, encoding="utf-8")
    assert lines_of(spark, tmp_path / "e.json") == [FIRST, SECOND][:count]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([1_709_467_200_000_001_000] * 2, pa.timestamp("ns", "UTC")), ["2024-03-03T12:00:00.000001Z"] * 2),
        (pa.array([1_709_467_200_000_000_001] * 2, pa.timestamp("ns", "UTC")), ["2024-03-03T12:00:00.000000001Z"] * 2),
        (pa.array([-1, None], pa.timestamp("ns", "UTC")), ["1969-12-31T23:59:59.999999999Z", None]),
        (pa.array([1_709_467_200_000_000_000] * 2, pa.timestamp("ns")), ["2024-03-03T12:00:00.000000"] * 2),
        (pa.array([1_709_467_200_000_000] * 2, pa.timestamp("us", "UTC")), ["2024-03-03T12:00:00.000000Z"] * 2),
        (pa.array([1_709_467_200_000] * 2, pa.timestamp("ms", "Asia/Tokyo")), ["2024-03-03T12:00:00.000000Z"] * 2),
        (pa.array(["x", None]).dictionary_encode(), ["x", None]),
        (pa.array([2**64 - 1, 7], pa.uint64()), ["18446744073709551615", "7"]),
        (pa.array([1e20, 7.5]), ["100000000000000000000", "7.5"]),
        (pa.array([bytes(range(16)), None], pa.uuid()), ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]),
        (pa.array([None, None], pa.null()), [None, None]),
    ],
    ids=["ns", "finer", "before 1970", "naive", "us", "ms", "dictionary", "unsigned", "large", "uuid", "null"],
)
def test_a_column_of_parquet_becomes_text_without_loss(
    spark: SparkSession, tmp_path: Path, values: pa.Array, texts: list[str | None]
) -> None:
    columns = {name: [value] * 2 for name, value in FIRST.items()} | {"item_id": values, "user_id": ["1", "2"]}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    assert [event["item_id"] for event in lines_of(spark, tmp_path / "e.parquet")] == texts


@pytest.mark.parametrize("finer", [0, 1])
def test_times_of_96_bits_are_read_or_refused_but_never_cut(spark: SparkSession, tmp_path: Path, finer: int) -> None:
    times = pa.array([1_709_467_200_000_001_000, 1_709_467_200_000_001_000 + finer], pa.timestamp("ns"))
    columns = {name: [value] * 2 for name, value in FIRST.items()} | {"timestamp": times}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet", use_deprecated_int96_timestamps=True)
    if finer:
        with pytest.raises(InputError, match="finer than microseconds as INT96 in column timestamp"):
            lines_of(spark, tmp_path / "e.parquet")
    else:
        assert lines_of(spark, tmp_path / "e.parquet") == [FIRST | {"timestamp": "2024-03-03T12:00:00.000001Z"}] * 2


@pytest.mark.parametrize(
    ("experiments", "text"),
    [
        (pa.array([{"b": 2.0, "a": 1.5}]), "{a=1.5, b=2}"),
        (pa.array([{"a": None, "b": "x"}]), "{b=x}"),
        (pa.array([[{"key": "b", "value": 1}, {"key": "a", "value": 2}]]), "{a=2, b=1}"),
        (pa.array([[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]]), "{a=1, a=2}"),
        (pa.array([[("a", 4915.0)]], pa.map_(pa.string(), pa.float64())), "{a=4915}"),
    ],
    ids=["struct", "struct with null", "list", "named twice", "map of numbers"],
)
def test_experiments_in_any_shape_of_parquet(
    spark: SparkSession, tmp_path: Path, experiments: pa.Array, text: str
) -> None:
    columns = {name: [value] for name, value in FIRST.items()} | {"experiments": experiments}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    assert lines_of(spark, tmp_path / "e.parquet") == [FIRST | {"experiments": text}]


def test_columns_beside_the_six_are_ignored_whatever_they_are(spark: SparkSession, tmp_path: Path) -> None:
    extra = [
        ("User_Id", ["q"]),
        ("x", [1]),
        ("x", [2]),
        ("_corrupt_record", ["z"]),
        ("at", pa.array([1], pa.timestamp("ns"))),
    ]
    extra += [("id", pa.array([bytes(16)], pa.uuid())), ("t", pa.array([1], pa.time64("ns")))]
    names = [*FIRST, *(name for name, _ in extra)]
    columns = [*(pa.array([value]) for value in FIRST.values()), *(pa.array(value) for _, value in extra)]
    pq.write_table(pa.Table.from_arrays(columns, names), tmp_path / "e.parquet")
    header = ",".join([*FIRST, "x", "x", "User_Id", "_corrupt_record", "", "_metadata", "`"])
    (tmp_path / "e.csv").write_text(f"{header}\n{','.join(FIRST.values())},1,2,q,z,0,1,2\n")
    for name in ("e.parquet", "e.csv"):
        assert lines_of(spark, tmp_path / name) == [FIRST]
    notices = read_raw_events(spark, find_source(spark, str(tmp_path / "e.csv"))).notices
    ignored = "x, x, User_Id, _corrupt_record, without a name and 2 more"
    assert notices == [f"ignored column {ignored} of {tmp_path}/e.csv: not one of the six event fields"]
