"""Which files an input has, and what is said of those that cannot be read, without Spark."""

import gzip
import json
import os
from pathlib import Path

import pytest

from abtest_lib.errors import ConfigError, InputError, one_line
from abtest_lib.ingest.input_files import find_local_source, local_text_bytes
from abtest_lib.ingest.json_shapes import broken_at, is_document
from abtest_lib.storage import lake_location


def test_files_are_found_by_format_and_empty_ones_are_told(tmp_path: Path) -> None:
    for name in ("a.csv", "b.CSV.GZ", "c.jsonl", "d.snappy.parquet", "sub/e.json", "_tmp/f.csv", ".g.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(b"x") if name.endswith("GZ") else b"x")
    (tmp_path / "_SUCCESS").touch()
    for name in ("y.csv", "z"):
        (tmp_path / name).touch()
    source = find_local_source(str(tmp_path))
    assert source is not None
    found = {kind: [Path(name).name for name in names] for kind, names in source.files.items()}
    assert found == {"csv": ["a.csv", "b.CSV.GZ"], "json": ["c.jsonl", "e.json"], "parquet": ["d.snappy.parquet"]}
    assert source.notices == (f"skipped {tmp_path.resolve()}/y.csv and 1 more: no content",)


@pytest.mark.parametrize("name", ["12:00.csv", "12:00/a.csv", os.fsdecode(b"\xe9.csv")])
def test_a_name_that_spark_cannot_read_is_told_before_spark_starts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x")
    (tmp_path / "good.csv").write_text("x")
    with pytest.raises(InputError) as raised:
        local_text_bytes(str(tmp_path))
    assert one_line(name) in str(raised.value)


@pytest.mark.parametrize("lake", ["/data/a%20b", "s3a://bucket/a%2Fb", "./100%25"])
def test_a_lake_with_an_escape_in_its_name_is_refused(lake: str) -> None:
    with pytest.raises(ConfigError, match=r"reads %2. as another character"):
        lake_location(lake)
    assert lake_location("/data/100% b") == "/data/100% b"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert one_line("a\x1b[31m\x00\u202eb é 方 \u200b") == r"a\x1b[31m\x00\u202eb é 方 \u200b"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[\n{"a": 1},\n{"a": 2}\n]\n', None),
        ('{"a":\n1}\r\n{"a": 2}\n', None),
        ("[\n]", None),
        ('[\n{"a": 1},\n]', 2),
        ('[\n{"a": 1}\n{"a": 2}]', 2),
        ('[{"a": 1}\n] x', 2),
        ("[\n1]", 2),
        ('{"a":\n1} {"a": 2}', 2),
        ('{"a":\n1}\n[]', 3),
        ('[\n{"a": 1},\n{"a": "cut', 3),
        ("[" * 100_000, 1),
        ('[\n{"a": ' + "9" * 10_000 + "}]", None),
    ],
)
def test_a_document_is_an_array_of_objects_or_objects_in_lines_of_their_own(text: str, line: int | None) -> None:
    assert broken_at(text) == line


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('{"a": 1}\n{"a": 2}\n', False),
        ('[{"a": 1}]\n[{"a": 2}]\n', False),
        ('{"a": "cut\n{"a": 2}\n', False),
        ('{"a": 1}, x\n{"a": 2}\n', False),
        ("seven\n", False),
        (json.dumps([{"a": 1}], indent=1), True),
        ("[" + ",\n".join(json.dumps({"a": n}) for n in range(200_000)) + "]", True),
    ],
    ids=["lines", "arrays", "cut", "followed", "no JSON", "pretty", "long"],
)
def test_only_a_value_over_lines_makes_a_document(tmp_path: Path, text: str, is_one: bool) -> None:  # noqa: FBT001
    (tmp_path / "e.json.gz").write_bytes(gzip.compress(text.encode()))
    assert is_document(str(tmp_path / "e.json.gz")) is is_one
