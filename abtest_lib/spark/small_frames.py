"""Frames of a few rows, without the Python workers that `createDataFrame` starts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.spark.embedded import is_embedded


def literal_rows(spark: SparkSession, rows: Iterable[Sequence[object]], columns: Mapping[str, str]) -> DataFrame:
    """Make a frame of a few rows, which become part of the query.

    Args:
        spark: The session.
        rows: Texts, numbers, booleans, dates, instants with a time zone, lists and maps of these.
        columns: Name to Spark SQL type, in the order of the values.

    Returns:
        The rows.

    Raises:
        TypeError: A value is of another type.
    """
    rows = [tuple(row) for row in rows]
    for value in chain.from_iterable(rows):
        _check(value)
    if is_embedded(spark):
        # There rows travel as Arrow in any case, and texts of instants are not understood.
        return spark.createDataFrame(rows, ", ".join(f"`{name}` {kind}" for name, kind in columns.items()))
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    fields = ", ".join(f"`{name}`: {kind}" for name, kind in columns.items())
    listed = F.from_json(F.lit(json.dumps(named, default=_as_text)), f"array<struct<{fields}>>")
    return spark.range(1).select(F.inline(listed))


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a frame's row cannot hold {value!r}")


def _check(value: object) -> None:
    if not isinstance(value, str | int | float | date | list | tuple | dict | None):
        raise TypeError(f"a frame's row cannot hold {value!r}")
