"""The columns in the footer of a Parquet file, as types that Spark reads without loss.

Spark's own inference rejects a whole file because of one column of nanoseconds or UUIDs, wanted or not.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import types as T

from abtest_lib.errors import InputError, LakeError, one_line
from abtest_lib.ingest.column_hints import hints
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.storage import is_s3, local_folder, object_store, with_retries

FORM = "form"
"""Key of a field's metadata: how its values become text, if the type alone does not determine it."""
NANOSECONDS, NANOSECONDS_UTC, UUID = "nanoseconds", "nanoseconds_utc", "uuid"
_TAIL = 2**20
_SPARK_VERSION = b"org.apache.spark.version"

_PLAIN: tuple[tuple[Callable[[Any], bool], T.DataType], ...] = (
    (pa.types.is_string, T.StringType()),
    (pa.types.is_large_string, T.StringType()),
    (pa.types.is_binary, T.BinaryType()),
    (pa.types.is_large_binary, T.BinaryType()),
    (pa.types.is_fixed_size_binary, T.BinaryType()),
    (pa.types.is_boolean, T.BooleanType()),
    (pa.types.is_int8, T.ByteType()),
    (pa.types.is_int16, T.ShortType()),
    (pa.types.is_int32, T.IntegerType()),
    (pa.types.is_int64, T.LongType()),
    (pa.types.is_uint8, T.ShortType()),
    (pa.types.is_uint16, T.IntegerType()),
    (pa.types.is_uint32, T.LongType()),
    (pa.types.is_uint64, T.DecimalType(20, 0)),
    (pa.types.is_float32, T.FloatType()),
    (pa.types.is_float64, T.DoubleType()),
    (pa.types.is_date, T.DateType()),
    (pa.types.is_null, T.IntegerType()),
)


def read_footer(name: str) -> pq.ParquetFile | None:
    """Open a file to read its footer; return None in a store that only Spark can reach.

    Raises:
        InputError: It is not Parquet, or damaged.
        LakeError: The object store does not answer.
    """
    try:
        if local_folder(name) is not None:
            return pq.ParquetFile(name)
        return pq.ParquetFile(pa.BufferReader(_tail(name, _TAIL))) if is_s3(name) else None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"input file {name} is not Parquet, or damaged: {one_line(error, 120)}") from None


def spark_schema(footer: pq.ParquetFile, name: str, wanted: WantedColumns) -> T.StructType:
    """Return the schema with which Spark reads the wanted columns of a file, under their names in the file.

    Args:
        footer: The result of `read_footer`.
        name: The file, for messages.
        wanted: The columns; an event column may be missing.

    Raises:
        InputError: A column is missing, there twice, or of a type that has no text.
    """
    columns = footer.schema_arrow.names
    check_columns(columns, name, wanted)
    leaves = {footer.schema.column(place).path: footer.schema.column(place) for place in range(len(footer.schema))}
    return T.StructType(
        [_field(footer, field, leaves.get(field), name) for field in map(wanted.source, wanted.present(columns))]
    )


def check_columns(columns: Sequence[str], name: str, wanted: WantedColumns) -> None:
    """Reject a file that does not have each of the six columns once.

    Raises:
        InputError: A column is missing or there twice.
    """
    for field in wanted.sources:
        times = columns.count(field)
        if times == 0 and field in wanted.required:
            hint = hints(columns, wanted)
            has = one_line(f"it has {', '.join(columns)}{f'; {hint}' if hint else ''}")
            raise InputError(f"input file {name} lacks column {field}: {has}")
        if times > 1:
            raise InputError(f"input file {name} has column {field} {times} times: once is allowed")


def _field(footer: pq.ParquetFile, field: str, leaf: Any, name: str) -> T.StructField:  # noqa: ANN401  untyped
    logical = {} if leaf is None else json.loads(leaf.logical_type.to_json())
    if leaf is not None and leaf.physical_type == "INT96":
        _check_int96(footer, field, name)
        return T.StructField(field, T.TimestampType())
    if logical.get("Type") == "Timestamp":
        is_utc = logical["isAdjustedToUTC"]
        if logical["timeUnit"] == "nanoseconds":
            return T.StructField(field, T.LongType(), metadata={FORM: NANOSECONDS_UTC if is_utc else NANOSECONDS})
        return T.StructField(field, T.TimestampType() if is_utc else T.TimestampNTZType())
    if logical.get("Type") == "UUID":
        return T.StructField(field, T.BinaryType(), metadata={FORM: UUID})
    arrow = footer.schema_arrow.field(field).type
    known = _spark_type(arrow)
    if known is None:
        raise InputError(f"input file {name} has column {field} of type {arrow}: text or numbers are wanted")
    return T.StructField(field, known)


def _spark_type(arrow: Any) -> T.DataType | None:  # noqa: ANN401  pyarrow has no types
    if pa.types.is_dictionary(arrow):
        return _spark_type(arrow.value_type)
    if pa.types.is_decimal128(arrow):
        return T.DecimalType(arrow.precision, arrow.scale)
    if pa.types.is_map(arrow):
        key, value = _spark_type(arrow.key_type), _spark_type(arrow.item_type)
        return None if key is None or value is None else T.MapType(key, value)
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        element = _spark_type(arrow.value_type)
        return None if element is None else T.ArrayType(element)
    if pa.types.is_struct(arrow):
        inner = [(item.name, _spark_type(item.type)) for item in arrow]
        fields = [T.StructField(key, kind) for key, kind in inner if kind is not None]
        return T.StructType(fields) if len(fields) == len(inner) else None
    return next((kind for test, kind in _PLAIN if test(arrow)), None)


def _check_int96(footer: pq.ParquetFile, field: str, name: str) -> None:
    """Reject times that Spark would truncate to microseconds; files written by Spark have none."""
    if _SPARK_VERSION in (footer.metadata.metadata or {}) or local_folder(name) is None:
        return
    for batch in footer.iter_batches(columns=[field]):
        nanoseconds = batch.column(0).cast(pa.int64())
        is_cut = pc.not_equal(pc.multiply(pc.divide(nanoseconds, 1_000), 1_000), nanoseconds)
        if pc.any(is_cut).as_py():
            raise InputError(
                f"input file {name} has times finer than microseconds as INT96 in column {field}: "
                "write them as 64-bit nanoseconds or microseconds"
            )


def _tail(name: str, size: int) -> bytes:
    """Read the end of an object, with the whole footer."""
    import obstore  # noqa: PLC0415  only object stores need it
    from obstore.exceptions import BaseError  # noqa: PLC0415

    folder, _, file = name.rpartition("/")
    store = object_store(folder)
    try:
        whole = int(with_retries(lambda: obstore.head(store, file))["size"])
        start = max(0, whole - size)
        tail = bytes(with_retries(lambda: obstore.get_range(store, file, start=start, end=whole)))
    except BaseError as error:
        raise LakeError(f"reading {name}: {one_line(error)}") from None
    footer = int.from_bytes(tail[-8:-4], "little") + 8
    return tail if footer <= len(tail) or start == 0 else _tail(name, footer)
