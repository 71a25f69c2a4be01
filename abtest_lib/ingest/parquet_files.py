"""Events as Parquet: only the six columns are read, each with the type in the file's footer."""

from functools import reduce
from itertools import chain

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from abtest_lib.ingest.numbers import plain_number
from abtest_lib.ingest.parquet_types import (
    FORM,
    NANOSECONDS,
    NANOSECONDS_UTC,
    UUID,
    check_columns,
    read_footer,
    spark_schema,
)
from abtest_lib.ingest.raw_fields import RawEvents, column_notices, literal_paths, pairs_as_text, six_fields
from abtest_lib.ingest.wanted_columns import WantedColumns

_WITHOUT_OFFSET = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"
_PARTS_OF_UUID = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
_PAIR_SIZE = 2


def read_parquet(spark: SparkSession, names: tuple[str, ...], wanted: WantedColumns) -> RawEvents:
    """Read files of Parquet, those with the same schema in one go: a column may be text in one and a number in another.

    Raises:
        InputError: A file lacks a column, is damaged, or has a column of a type that has no text.
    """
    groups: dict[str, tuple[T.StructType, list[str]]] = {}
    ignored: dict[str, list[str]] = {}
    for name in names:
        schema, columns = _schema(spark, name, wanted)
        groups.setdefault(schema.json(), (schema, []))[1].append(name)
        ignored.setdefault(str(columns), column_notices(columns, name, wanted))
    parts = [_read_files(spark, schema, files, wanted) for schema, files in groups.values()]
    return RawEvents(reduce(DataFrame.unionByName, parts), [*chain.from_iterable(ignored.values())])


def _schema(spark: SparkSession, name: str, wanted: WantedColumns) -> tuple[T.StructType, list[str]]:
    """Return the schema to read the wanted columns of a file with, and the names of all its columns."""
    footer = read_footer(name)
    if footer is not None:
        return spark_schema(footer, name, wanted), list(footer.schema_arrow.names)
    inferred = spark.read.parquet(*literal_paths([name])).schema
    check_columns(inferred.names, name, wanted)
    return T.StructType([inferred[wanted.source(field)] for field in wanted.present(inferred.names)]), inferred.names


def _read_files(spark: SparkSession, schema: T.StructType, names: list[str], wanted: WantedColumns) -> DataFrame:
    frame = spark.read.schema(schema).parquet(*literal_paths(names))
    texts = {item.name: _as_text(item) for item in schema.fields}
    fields: dict[str, Column | None] = {name: texts.get(wanted.source(name), F.lit(None)) for name in wanted.fields}
    return six_fields(frame, fields, F.lit(None).cast("string"))


def _as_text(field: T.StructField) -> Column:
    name, kind = _quoted(field.name), field.dataType
    column = F.col(name)
    form = (field.metadata or {}).get(FORM)
    if form in (NANOSECONDS, NANOSECONDS_UTC):
        return _nanoseconds(name, "Z" if form == NANOSECONDS_UTC else "")
    if form == UUID:
        return _uuid(column)
    if isinstance(kind, T.TimestampType):
        return F.concat(F.date_format(column, _WITHOUT_OFFSET), F.lit("Z"))
    if isinstance(kind, T.TimestampNTZType):
        return F.date_format(column, _WITHOUT_OFFSET)
    if isinstance(kind, T.FractionalType):
        # Columns of whole numbers become fractional if some are missing; 7 must not be another user than 7.0.
        whole = F.expr(f"try_cast({name} AS BIGINT)")
        return F.coalesce(F.when(whole == column, whole).cast("string"), _plain_text(column, kind))
    pairs = _pairs(column, kind)
    return column.cast("string") if pairs is None else pairs


def _quoted(name: str) -> str:
    """Write a name of a column, which may have points or backticks, as SQL."""
    return f"`{name.replace('`', '``')}`"


def _nanoseconds(name: str, offset: str) -> Column:
    """Write nanoseconds since 1970 as text; digits finer than microseconds are kept, so that a rule rejects them."""
    micros = F.expr(f"timestamp_micros(({name} - pmod({name}, 1000)) div 1000)")
    rest = F.pmod(F.col(name), F.lit(1_000))
    finer = F.when(rest == 0, "").otherwise(F.lpad(rest.cast("string"), 3, "0"))
    return F.concat(F.date_format(micros, _WITHOUT_OFFSET), finer, F.lit(offset))


def _uuid(column: Column) -> Column:
    text = F.lower(F.hex(column))
    return F.when(column.isNotNull(), F.concat_ws("-", *(text.substr(*part) for part in _PARTS_OF_UUID)))


def _plain_text(column: Column, kind: T.DataType) -> Column:
    text = column.cast("string")
    return plain_number(text) if isinstance(kind, T.FractionalType) else text


def _pairs(column: Column, kind: T.DataType) -> Column | None:
    """Write a map, a struct of experiments or a list of pairs in the CSV form; return None for other types."""
    if isinstance(kind, T.MapType):
        entries = F.transform(F.map_entries(column), lambda pair: _pair(pair["key"], pair["value"], kind.valueType))
        return pairs_as_text(entries, column.cast("map<string,string>"))
    if isinstance(kind, T.StructType):
        # A struct has a field for each experiment of the file; those that an event is not in are null.
        each = [_pair(F.lit(item.name), column[item.name], item.dataType) for item in kind.fields]
        present = F.filter(F.array(*each), lambda pair: pair["value"].isNotNull())
        return pairs_as_text(F.when(column.isNotNull(), present), column)
    element = kind.elementType if isinstance(kind, T.ArrayType) else None
    if isinstance(element, T.StructType) and len(element.fields) == _PAIR_SIZE:
        key, value = element.fields
        return pairs_as_text(
            F.transform(column, lambda pair: _pair(pair[key.name].cast("string"), pair[value.name], value.dataType)),
            column,
        )
    return None


def _pair(key: Column, value: Column, kind: T.DataType) -> Column:
    return F.struct(key.cast("string").alias("key"), _plain_text(value, kind).alias("value"))
