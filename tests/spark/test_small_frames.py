"""Rows of this process as a frame: the values come back as they went in."""

from datetime import UTC, date, datetime

import pytest
from pyspark.sql import SparkSession

from abtest_lib.spark.small_frames import literal_rows

COLUMNS = {
    "name": "string",
    "users": "bigint",
    "share": "double",
    "is_on": "boolean",
    "day": "date",
    "at": "timestamp",
    "days": "array<date>",
    "versions": "map<string,bigint>",
}
AT = datetime(2021, 8, 1, 3, 59, 59, 123456, tzinfo=UTC)
ROW = ('a "quoted" \\ {name=ñ}\n', 2**62, 0.1, True, date(2021, 8, 1), AT, [date(2021, 8, 2)], {"gold/x": 7})


def test_values_come_back_as_they_went_in(spark: SparkSession) -> None:
    frame = literal_rows(spark, [ROW, (None,) * len(COLUMNS)], COLUMNS)
    assert dict(frame.dtypes) == COLUMNS
    first, second = frame.collect()
    assert first["at"].astimezone(UTC) == AT
    assert [value for name, value in first.asDict().items() if name != "at"] == [*ROW[:5], *ROW[6:]]
    assert set(second) == {None}


def test_no_rows(spark: SparkSession) -> None:
    frame = literal_rows(spark, [], COLUMNS)
    assert dict(frame.dtypes) == COLUMNS
    assert frame.count() == 0


def test_a_value_of_another_type_is_refused(spark: SparkSession) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        literal_rows(spark, [(object(),)], {"name": "string"})
