"""Whatever people send: quarantine or one clear line, and the lake as it was."""

import bz2
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import CONTRACT_VERSION, EVENTS, QUARANTINE, RUNS
from abtest_lib.errors import AbtestError, ConfigError, InputError, one_line
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.ingest_bronze import ingest_bronze, reject_overlap
from abtest_lib.pipeline.runner import run_steps
from tests.oracle.duckdb_oracle import instant

HEADER = "event_name,item_id,timestamp,site,experiments,user_id"
_EVENT = {
    "event_name": "SEARCH",
    "item_id": None,
    "timestamp": "2021-08-01T18:55:36.299-0400",
    "site": "MLA",
    "experiments": "{a=1}",
    "user_id": "1",
}
GOOD = 'SEARCH,,2021-08-01T18:55:36.299-0400,MLA,"{a=1, b/c=DEFAULT}",1'
Ingest = Callable[[Path], StepReport]


@pytest.fixture
def lake(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def ingest(spark: SparkSession, lake: str) -> Ingest:
    settings = load_settings(overrides={"shuffle_partitions": 2})
    return lambda path: run_steps(Lake(spark, lake), settings, [ingest_bronze(str(path))])[0]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


def row(**fields: str) -> str:
    values = {
        "event_name": "SEARCH",
        "item_id": "",
        "timestamp": "2021-08-01T18:55:36.299-0400",
        "site": "MLA",
        "experiments": "{a=1}",
        "user_id": "1",
    } | fields
    return ",".join('"' + value.replace('"', '""') + '"' for value in values.values())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "is empty"),
        ("semicolons.csv", f"{HEADER.replace(',', ';')}\n".encode(), "lacks column event_name"),
        ("utf16.csv", f"{HEADER}\n{GOOD}\n".encode("utf-16"), "in UTF-8"),
        ("no_user.csv", b"event_name,item_id,timestamp,site,experiments\n", "lacks column user_id"),
        ("twice.csv", f"{HEADER},site\n".encode(), "has column site 2 times"),
        ("one_field.csv", b"x" * 200_000, "has a header that is not CSV"),
        ("events.xls", b"x", "its format is not one of"),
        ("wide.csv", f"{HEADER},{'x,' * 200_000}\n".encode(), "more than 2,000 columns"),
        ("gzip.csv", gzip.compress(f"{HEADER}\n{GOOD}\n".encode()), "is gzip: rename it to end in .gz"),
        ("plain.csv.gz", f"{HEADER}\n{GOOD}\n".encode(), "is not gzip, as its name says"),
        ("zstd.csv", b"\x28\xb5\x2f\xfdxxxx", "is Zstandard: unpack it"),
        ("parquet.json", b"PAR1xxxx", "is Parquet: rename it to end in .parquet"),
        ("text.parquet", f"{HEADER}\n{GOOD}\n".encode(), "is not Parquet, or damaged"),
        ("control.csv", b"\x1b[31mred\x07,\x00\n", r"\\x1b\[31mred\\x07,\\x00"),
        ("2024-03-03T12:00:00.csv", f"{HEADER}\n{GOOD}\n".encode(), "cannot read a path with a colon"),
        (os.fsdecode(b"\xff.csv"), f"{HEADER}\n{GOOD}\n".encode(), "its name must be UTF-8"),
        ("broken.json", b'[\n{"a": 1},\n{"a" 2}\n]', "it breaks in line 3.* one object per line"),
        ("packed.csv.gzip", gzip.compress(f"{HEADER}\n{GOOD}\n".encode()), "its format is not one of"),
        ("cut.csv.gz", gzip.compress(b"x" * 1000)[:15], "truncated or damaged gzip"),
    ],
)
def test_a_file_that_cannot_be_events_is_one_clear_line(
    ingest: Ingest, lake: str, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as raised:
        ingest(path)
    assert one_line(name) in str(raised.value)
    assert str(raised.value).isprintable()
    assert not (Path(lake) / "bronze").exists()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_part_without_a_byte_is_skipped_and_told(ingest: Ingest, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / f"part-0.{kind}").touch()
    with pytest.raises(InputError, match=f"part-0.{kind} is empty: there is not a byte"):
        ingest(folder)
    (folder / "part-1.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(InputError, match="is empty: its files have no content"):
        ingest(folder)
    content = f"{HEADER}\n{GOOD}\n" if kind == "csv" else json.dumps(_EVENT)
    (folder / f"part-2.{kind}").write_text(content)
    report = ingest(folder)
    assert report.rows_written == 1
    assert [notice.rsplit("/", 1)[1] for notice in report.notices] == [
        f"part-0.{kind}: no content",
        "part-1.csv.gz: no content",
    ]


@pytest.mark.parametrize("name", ["e.csv.bz2", "e.CSV.GZ", "a%20b.csv", "a b.csv"])
def test_a_name_says_how_a_file_is_packed_in_any_case(ingest: Ingest, tmp_path: Path, name: str) -> None:
    pack = {"2": bz2.compress, "Z": gzip.compress}.get(name[-1], bytes)
    (tmp_path / name).write_bytes(pack(f"{HEADER}\n{GOOD}\n".encode()))
    assert ingest(tmp_path / name).rows_written == 1


def test_a_line_that_does_not_split_comes_once_under_whatever_header(
    spark: SparkSession, ingest: Ingest, lake: str, tmp_path: Path
) -> None:
    folder, line = tmp_path / "events", "a,b,c,d,e,f,g"
    folder.mkdir()
    for name, header in (("one.csv", HEADER), ("two.csv", ",".join(reversed(HEADER.split(","))))):
        (folder / name).write_text(f"{header}\n{line}\n")
    first, again = ingest(folder), ingest(folder)
    assert (first.rows_quarantined, first.duplicates) == (1, 1)
    assert (again.rows_quarantined, again.duplicates) == (0, 2)
    assert [row["raw_record"] for row in Lake(spark, lake)[QUARANTINE].read().collect()] == [line]


@pytest.mark.parametrize(
    ("path", "lake", "is_refused"),
    [
        ("s3a://b/lake/raw", "s3://b/lake", True),
        ("s3a://b/", "s3a://b/lake", True),
        ("s3a://b/lake-raw/*.csv", "s3a://b/lake", False),
        ("/data/events", "s3a://b/lake", False),
    ],
)
def test_input_and_lake_lie_apart(path: str, lake: str, is_refused: bool) -> None:  # noqa: FBT001  a table of cases
    if is_refused:
        with pytest.raises(InputError, match="overlap"):
            reject_overlap(path, lake)
    else:
        reject_overlap(path, lake)


def test_files_are_read_by_their_very_names(spark: SparkSession, ingest: Ingest, lake: str, tmp_path: Path) -> None:
    """A name may look like a pattern; files that another program has not finished are no input."""
    folder = tmp_path / "events"
    for name, user in (("e[1].csv", "1"), ("e1.csv", "2"), ("e{a,b}?*.csv", "3"), ("_temporary/0/part.csv", "4")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, row(user_id=user))
    (folder / "e[2].jsonl").write_text(json.dumps(_EVENT | {"user_id": "5"}))
    assert ingest(folder).rows_written == 4
    assert {item["user_id"] for item in Lake(spark, lake)[EVENTS].read().collect()} == {"1", "2", "3", "5"}


def test_whole_numbers_that_became_fractional_are_the_same_users(
    spark: SparkSession, ingest: Ingest, lake: str, tmp_path: Path
) -> None:
    """pandas keeps whole numbers as fractional ones where some are missing."""
    columns = {name: [value] * 3 for name, value in _EVENT.items()} | {
        "item_id": [12345678.0, None, 1.5],
        "user_id": [6673381.0, 2.0, 7.0],
    }
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    assert ingest(tmp_path / "events.parquet").rows_written == 3
    found = {(item["user_id"], item["item_id"]) for item in Lake(spark, lake)[EVENTS].read().collect()}
    assert found == {("6673381", "12345678"), ("2", None), ("7", "1.5")}


def test_a_gzip_that_breaks_off_late_leaves_the_lake_as_it_was(ingest: Ingest, lake: str, tmp_path: Path) -> None:
    lines = [row(user_id=str(user), item_id=f"{user * 7919 % 10007}") for user in range(5_000)]
    whole = gzip.compress("\n".join([HEADER, *lines]).encode())
    path = tmp_path / "late.csv.gz"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(InputError, match="truncated or damaged gzip"):
        ingest(path)
    assert not (Path(lake) / "bronze" / "events" / "_delta_log" / f"{0:020d}.json").exists()

    path.write_bytes(whole)
    assert ingest(path).rows_written == 5_000


def test_a_header_alone_is_said_and_changes_nothing(ingest: Ingest, tmp_path: Path) -> None:
    report = ingest(write(tmp_path / "header.csv"))
    assert (report.rows_read, report.rows_written, report.rows_quarantined) == (0, 0, 0)
    assert "holds no rows" in report.notices[0]


def test_missing_input_names_the_path(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no input file at .*/nowhere"):
        ingest(tmp_path / "nowhere")


DIRT = {
    "event_name_missing": row(event_name=""),
    "user_id_missing": row(user_id="  "),
    "timestamp_missing": row(timestamp=""),
    "timestamp_malformed": row(timestamp="2021-08-01T18:55:36.299"),
    "timestamp_out_of_range": row(timestamp="1970-01-01T00:00:00Z"),
    "experiments_missing": row(experiments=""),
    "experiments_malformed": row(experiments="{a=1, {b=2}}"),
    "experiment_named_twice": row(experiments="{a=1, b=2, a=3}"),
    "malformed_row": "SEARCH,,2021-08-01T18:55:36.299-0400,MLA,{a=1, b=2},1",
    "null_byte": row(site="M\0LA"),
    "field_too_long": row(item_id="9" * 10_000_000),
}


def test_each_kind_of_dirt_is_quarantined_by_its_rule(
    ingest: Ingest, spark: SparkSession, lake: str, tmp_path: Path
) -> None:
    report = ingest(write(tmp_path / "dirt.csv", GOOD, *DIRT.values()))
    assert dict(report.quarantined_by_rule) == dict.fromkeys(DIRT, 1)
    assert (report.rows_read, report.rows_written, report.duplicates) == (len(DIRT) + 1, 1, 0)

    kept = {rule: rows for rows in Lake(spark, lake)[QUARANTINE].read().collect() for rule in rows["failed_rules"]}
    assert kept["malformed_row"]["raw_record"] == DIRT["malformed_row"]
    assert len(kept["field_too_long"]["item_id"]) == 10_000_000
    assert kept["experiment_named_twice"]["experiments"] == "{a=1, b=2, a=3}"

    again = ingest(tmp_path / "dirt.csv")
    assert (again.rows_written, again.rows_quarantined, again.duplicates) == (0, 0, len(DIRT) + 1)


@pytest.mark.parametrize(
    "timestamp",
    [
        "2100-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999999Z",
        "2021-02-30T00:00:00Z",
        "2021-08-01 18:55:36Z",
        "2021-08-01T18:55:36.1234567Z",
        "2021-08-01T18:55:36+19:00",
        "1627844136",
        "2021-08-01T18:55:36.123456001Z",
        "2021-08-01T18:55:60Z",
        "20210801T18:55:36Z",
        "2021-08-01T185536Z",
        "2021-08-01T18:55:36",
        "2021-08-01T18:55:36+04:",
        "2021-08-01T18.5Z",
        "2021-213T18:55:36Z",
    ],
)
def test_a_time_that_is_none_is_quarantined(ingest: Ingest, tmp_path: Path, timestamp: str) -> None:
    report = ingest(write(tmp_path / "times.csv", row(timestamp=timestamp)))
    assert report.rows_quarantined == 1
    assert set(report.quarantined_by_rule) <= {"timestamp_malformed", "timestamp_out_of_range"}


TIMES = {
    "2024-03-03T12:00Z": "2024-03-03 12:00:00",
    "2024-03-03T12Z": "2024-03-03 12:00:00",
    "2024-03-03T12:00:00+00": "2024-03-03 12:00:00",
    "2024-03-03T12:00+0130": "2024-03-03 10:30:00",
    "2024-03-03T12:00-05:30": "2024-03-03 17:30:00",
    "2024-03-03T12:00:00,5Z": "2024-03-03 12:00:00.5",
    "2024-03-03t12:00:00.25z": "2024-03-03 12:00:00.25",
    "2024-03-03T12:00:00.1234560Z": "2024-03-03 12:00:00.123456",
    "2024-03-03T12:00:00.000000000Z": "2024-03-03 12:00:00",
    "20240303T120001Z": "2024-03-03 12:00:01",
    "20240303T1200+01": "2024-03-03 11:00:00",
    "20240303T12-0100": "2024-03-03 13:00:00",
    "20240303T120000,000001z": "2024-03-03 12:00:00.000001",
}
"""Equal instants among them stay rows of their own: their raw texts differ."""


def test_every_form_of_iso_8601_with_an_offset_is_a_time(
    ingest: Ingest, spark: SparkSession, lake: str, tmp_path: Path
) -> None:
    users = {f"u{place}": time for place, time in enumerate(TIMES)}
    report = ingest(write(tmp_path / "times.csv", *(row(user_id=user, timestamp=time) for user, time in users.items())))
    assert (report.rows_written, dict(report.quarantined_by_rule)) == (len(TIMES), {})
    found = Lake(spark, lake)[EVENTS].read().selectExpr("user_id", "CAST(timestamp AS string) AS time").collect()
    assert {users[item["user_id"]]: item["time"] for item in found} == TIMES
    assert {time: f"{instant(time):%Y-%m-%d %H:%M:%S}" for time in TIMES} == {
        time: text.split(".")[0] for time, text in TIMES.items()
    }


def test_a_line_of_null_bytes_is_counted(ingest: Ingest, tmp_path: Path) -> None:
    path = write(tmp_path / "crashed.csv", GOOD, "\0" * 1000, " \0\t", "  ", "", GOOD)
    report = ingest(path)
    assert (report.rows_read, report.rows_written, report.duplicates) == (4, 1, 1)
    assert dict(report.quarantined_by_rule) == {"malformed_row": 2}


def test_two_spellings_of_one_id_are_told(ingest: Ingest, tmp_path: Path) -> None:
    users, arms = ["7001", "7001.0", "8", "9.5", "10", "a.0"], ["Control", "control", "x", "x", "y", "z"]
    lines = [row(user_id=user, experiments=f"{{e={arm}}}") for user, arm in zip(users, arms, strict=True)]
    assert ingest(write(tmp_path / "a.csv", *lines)).notices == (
        "user ids '7001' and '7001.0' are counted as two users: write ids alike, or set normalize_ids",
        (
            "variants 'Control' and 'control' of experiment e are counted as two arms: write them alike, or set "
            "normalize_ids"
        ),
    )
    lines = [
        row(user_id=user, experiments="{e=x\u00a0}" if user == "u" else "{e=x}") for user in ("u\u00a0", "u", "v ")
    ]
    assert ingest(write(tmp_path / "b.csv", *lines)).notices == (
        r"user ids 'u' and 'u\xa0' are counted as two users: write ids alike, or set normalize_ids",
        r"variants 'x' and 'x\xa0' of experiment e are counted as two arms: write them alike, or set normalize_ids",
    )
    assert ingest(write(tmp_path / "c.csv", row(user_id="1.0", experiments="{e=A, f=a}"))).notices == ()


def test_spellings_of_one_id_are_joined_where_the_setting_says_so(
    spark: SparkSession, lake: str, tmp_path: Path
) -> None:
    users, arms = ["7001", "7001.0", " 8", "8\u00a0", "9.5"], ["Control", "control", "4915", "4915.0", "b=C "]
    lines = [row(user_id=user, experiments=f"{{e={arm}, f/g={arm}}}") for user, arm in zip(users, arms, strict=True)]
    path, settings = write(tmp_path / "a.csv", *lines), load_settings(overrides={"normalize_ids": True})
    (report,) = run_steps(Lake(spark, lake), settings, [ingest_bronze(str(path))])
    assert (report.rows_written, report.duplicates, report.notices) == (3, 2, ())
    found = {(item["user_id"], item["experiments"]) for item in Lake(spark, lake)[EVENTS].read().collect()}
    assert found == {
        ("7001", "{e=control, f/g=control}"),
        ("8", "{e=4915, f/g=4915}"),
        ("9.5", "{e=b=c, f/g=b=c}"),
    }
    with pytest.raises(ConfigError, match="built with normalize_ids = true, this run has false"):
        run_steps(Lake(spark, lake), load_settings(), [ingest_bronze(str(path))])


def test_unusual_but_valid_rows_are_events(ingest: Ingest, spark: SparkSession, lake: str, tmp_path: Path) -> None:
    users = ["'; DROP TABLE users; --", "..\\..", "ключ", "🙂", "a,b", 'say "hi"', "0001", "1"]
    lines = [row(user_id=user, experiments="{búsqueda/方|x-y=z, a=b=c}") for user in users]
    lines += [
        row(timestamp=t) for t in ("2000-01-01T00:00:00Z", "2021-08-01T18:55:36-04:00", "2024-12-31T23:59:59.999999Z")
    ]
    lines += [row(experiments="{}"), row(site=""), row().replace('"MLA"', "")]
    path = tmp_path / "unusual.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ("\r\n".join([HEADER, *lines]) + "\r\n").encode())
    report = ingest(path)
    assert (report.rows_written, report.rows_quarantined, report.duplicates) == (len(lines), 0, 0)
    events = Lake(spark, lake)[EVENTS].read()
    assert {line["user_id"] for line in events.select("user_id").collect()} == set(users)
    # Nothing and an empty text are two things.
    assert {line["site"] for line in events.select("site").distinct().collect()} == {"MLA", "", None}


def test_text_in_another_encoding_is_quarantined(ingest: Ingest, tmp_path: Path) -> None:
    path = tmp_path / "latin1.csv"
    path.write_bytes(f"{HEADER}\n{row(site='São')}\n{GOOD}\n".encode("latin-1"))
    report = ingest(path)
    assert (report.rows_written, dict(report.quarantined_by_rule)) == (1, {"bad_encoding": 1})


def test_columns_in_any_order_and_extra_columns(ingest: Ingest, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.csv", row(user_id="1"))
    (folder / "b.csv").write_text(
        "device,user_id,experiments,site,timestamp,item_id,event_name\n"
        'tablet,2,"{a=1}",MLA,2021-08-01T18:55:36.299-0400,,SEARCH\n'
    )
    (folder / "c.jsonl").write_text(
        json.dumps(
            {
                "event_name": "BUY",
                "timestamp": "2021-08-01T20:00:00Z",
                "experiments": {"b": "2", "a": "1"},
                "user_id": 3,
            }
        )
        + "\n"
    )
    report = ingest(folder)
    assert (report.rows_read, report.rows_written) == (3, 3)
    assert any("ignored column device" in notice for notice in report.notices)


def test_input_and_lake_must_not_overlap(ingest: Ingest, lake: str, tmp_path: Path) -> None:
    inside = Path(lake) / "landing"
    inside.mkdir(parents=True)
    with pytest.raises(InputError, match="overlap"):
        ingest(write(inside / "events.csv", GOOD))
    with pytest.raises(InputError, match="overlap"):
        ingest(tmp_path)


def test_a_lake_of_a_newer_version_is_left_alone(ingest: Ingest, lake: str, tmp_path: Path) -> None:
    ingest(write(tmp_path / "events.csv", GOOD))
    log = Path(RUNS.path(lake)) / "_delta_log" / f"{0:020d}.json"
    note = log.read_text().replace(rf"\"contract_version\": \"{CONTRACT_VERSION}\"", r"\"contract_version\": \"999\"")
    assert "999" in note
    log.write_text(note)
    with pytest.raises(ConfigError, match="newer version"):
        ingest(write(tmp_path / "more.csv", row(user_id="2")))


def test_other_settings_need_a_full_refresh(spark: SparkSession, ingest: Ingest, lake: str, tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", GOOD)
    ingest(path)
    bogota = load_settings(overrides={"reporting_timezone": "America/Bogota"})
    with pytest.raises(ConfigError, match=r"reporting_timezone = UTC, this run has America/Bogota.*--full-refresh"):
        run_steps(Lake(spark, lake), bogota, [ingest_bronze(str(path))])


def test_a_lake_that_cannot_be_written_is_one_clear_line(spark: SparkSession, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    path = write(tmp_path / "events.csv", GOOD)
    with pytest.raises(ConfigError) as raised:
        run_steps(Lake(spark, blocked / "lake"), load_settings(), [ingest_bronze(str(path))])
    assert isinstance(raised.value, AbtestError)
    assert "\n" not in str(raised.value)
