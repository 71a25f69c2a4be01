"""Times, numbers and identities of raw rows, as the settings say."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.transforms.event_time import event_time
from abtest_lib.transforms.raw import add_row_id
from abtest_lib.transforms.rules import number_rule

pytestmark = pytest.mark.both_engines


def instants(spark: SparkSession, texts: Sequence[str], clock: str, timezone: str | None) -> list[str | None]:
    rows = literal_rows(spark, list(enumerate(texts)), {"place": "int", "timestamp": "string"})
    moment = F.unix_micros(F.expr(event_time(clock, timezone)))
    found = {row["place"]: row["micros"] for row in rows.select("place", moment.alias("micros")).collect()}
    return [_shown(found[place]) for place in range(len(texts))]


def _shown(micros: int | None) -> str | None:
    if micros is None:
        return None
    whole, rest = divmod(micros, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}" + (f".{rest:06}" if rest else "")


NEW_YORK: Mapping[str, str | None] = {
    "2021-08-01T10:00:00": "2021-08-01T14:00:00",
    "2021-08-01 10:00:00.5": "2021-08-01T14:00:00.500000",
    "2021-08-01 10:00": "2021-08-01T14:00:00",
    "2021-08-01T10": "2021-08-01T14:00:00",
    "20210801T1000": "2021-08-01T14:00:00",
    "20210801T100000,25": "2021-08-01T14:00:00.250000",
    "2021-08-01t10:00:00.123456000": "2021-08-01T14:00:00.123456",
    "2021-01-01T10:00:00": "2021-01-01T15:00:00",
    "2021-08-01T10:00:00Z": "2021-08-01T10:00:00",
    "2021-08-01T10:00:00+02:00": "2021-08-01T08:00:00",
    # On 14 March 2021 the clock went from 02:00 to 03:00, and on 7 November from 02:00 back to 01:00.
    "2021-03-14T01:59:59": "2021-03-14T06:59:59",
    "2021-03-14T02:30:00": "2021-03-14T07:30:00",
    "2021-03-14T03:00:00": "2021-03-14T07:00:00",
    "2021-11-07T00:59:59": "2021-11-07T04:59:59",
    "2021-11-07T01:30:00": "2021-11-07T05:30:00",
    "2021-11-07T02:00:00": "2021-11-07T07:00:00",
    "2021-02-30T10:00:00": None,
    "2021-08-01T24:00:00": None,
    "2021-08-01T10:00:00.1234567": None,
    "2021-08-01": None,
    "2021-08-01  10:00:00": None,
    "2021-08-01 10:00:00Z": None,
    "2021-08-01T10:00:00\n": None,
    " 2021-08-01T10:00:00": None,
    "1609459200": None,
    "": None,
}


def test_iso_times_without_an_offset(spark: SparkSession) -> None:
    assert instants(spark, list(NEW_YORK), "iso", "America/New_York") == list(NEW_YORK.values())


@pytest.mark.parametrize(
    ("timezone", "text", "instant"),
    [
        ("UTC", "2021-08-01T10:00:00", "2021-08-01T10:00:00"),
        ("Asia/Kolkata", "2021-08-01T10:00:00", "2021-08-01T04:30:00"),
        ("Europe/Berlin", "2021-03-28T02:30:00", "2021-03-28T01:30:00"),
        ("Europe/Berlin", "2021-10-31T02:30:00", "2021-10-31T00:30:00"),
        ("Australia/Lord_Howe", "2021-10-03T02:15:00", "2021-10-02T15:45:00"),
        ("Australia/Lord_Howe", "2021-04-04T01:45:00", "2021-04-03T14:45:00"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00"),
        (None, "2021-08-01T10:00:00", None),
        (None, "2021-08-01T10:00:00Z", "2021-08-01T10:00:00"),
    ],
)
def test_a_clock_that_changes(spark: SparkSession, timezone: str | None, text: str, instant: str | None) -> None:
    assert instants(spark, [text], "iso", timezone) == [instant]


SECONDS: Mapping[str, str | None] = {
    "1600000000": "2020-09-13T12:26:40",
    "1600000000.5": "2020-09-13T12:26:40.500000",
    "1600000000.123456": "2020-09-13T12:26:40.123456",
    "1600000000.123456000": "2020-09-13T12:26:40.123456",
    "1600000000.0": "2020-09-13T12:26:40",
    "-1": "1969-12-31T23:59:59",
    "-0.5": "1969-12-31T23:59:59.500000",
    "0": "1970-01-01T00:00:00",
    "1600000000.1234567": None,
    "1.6e9": None,
    "1600000000.": None,
    "+1600000000": None,
    " 1600000000": None,
    "1600000000\n": None,
    "99999999999999": None,
    "-99999999999999": None,
    "999999999999999999999999": None,
    "2021-08-01T10:00:00Z": None,
    "NaN": None,
    "": None,
}

MILLISECONDS: Mapping[str, str | None] = {
    "1600000000000": "2020-09-13T12:26:40",
    "1600000000123": "2020-09-13T12:26:40.123000",
    "1600000000123.456": "2020-09-13T12:26:40.123456",
    "1600000000123.4560": "2020-09-13T12:26:40.123456",
    "-1500": "1969-12-31T23:59:58.500000",
    "1600000000": "1970-01-19T12:26:40",
    "1600000000123.4567": None,
    "99999999999999999999": None,
    "2021-08-01T10:00:00": None,
}


@pytest.mark.parametrize(("clock", "expected"), [("epoch_s", SECONDS), ("epoch_ms", MILLISECONDS)])
def test_numbers_since_1970(spark: SparkSession, clock: str, expected: Mapping[str, str | None]) -> None:
    assert instants(spark, list(expected), clock, "America/New_York") == list(expected.values())


NUMBERS: Mapping[str, float | None] = {
    "12.5": 12.5,
    "-3": -3.0,
    "+3": 3.0,
    "5.": 5.0,
    ".5": 0.5,
    "1e2": 100.0,
    "1E-2": 0.01,
    " 7 ": 7.0,
    "\t7\r": 7.0,
    "1000000000": 1e9,
    "-1e9": -1e9,
    "1e-400": 0.0,
    "0" * 300 + "1": 1.0,
}
NO_NUMBERS = [
    "NaN",
    "Infinity",
    "-inf",
    "12 USD",
    "$12",
    "1,5",
    "1_000",
    "5d",
    "5f",
    "0x10",
    "1000000000.5",
    "1e10",
    "1e400",
    "--1",
    "1e",
    ".",
    "1 2",
    "٣",
    "null",
    "7\n8",
    "0" * 400 + "1",
]
EMPTY = [None, "", "  ", "\t"]


def test_what_a_column_of_numbers_takes(spark: SparkSession) -> None:
    texts = [*NUMBERS, *NO_NUMBERS, *EMPTY]
    rows = literal_rows(spark, list(enumerate(texts)), {"place": "int", "price": "string"})
    is_broken = F.coalesce(F.expr(number_rule("price").broken), F.lit(False)).alias("is_broken")
    number = F.expr("try_cast(`price` AS double)").alias("number")
    found = sorted(rows.select("place", is_broken, number).collect())
    broken = [texts[row["place"]] for row in found if row["is_broken"]]
    assert broken == NO_NUMBERS
    kept = {texts[row["place"]]: row["number"] for row in found if not row["is_broken"]}
    assert kept == {**NUMBERS, **dict.fromkeys(EMPTY)}


def ids(spark: SparkSession, columns: Sequence[str], *values: str | None) -> str:
    fields = {**dict.fromkeys(RAW_FIELDS, "abc"), "item_id": None}
    row = (*fields.values(), None, *values)
    types = dict.fromkeys((*RAW_FIELDS, "raw_record", *columns), "string")
    (found,) = add_row_id(literal_rows(spark, [row], types), columns).collect()
    return str(found["row_id"])


def test_event_columns_are_part_of_the_identity(spark: SparkSession) -> None:
    text = "3:abcnull;3:abc3:abc3:abc3:abc"
    plain = hashlib.sha256(text.encode()).hexdigest()
    assert ids(spark, []) == plain
    assert ids(spark, ["price", "device"], None, None) == plain
    both = hashlib.sha256(f"{text}device=3:iosprice=1:5".encode()).hexdigest()
    assert ids(spark, ["price", "device"], "5", "ios") == both
    assert ids(spark, ["device", "price"], "ios", "5") == both
    empty = ids(spark, ["price"], "")
    assert len({plain, both, empty, ids(spark, ["price"], "5"), ids(spark, ["device"], "5")}) == 5
