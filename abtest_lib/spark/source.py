"""Raw events as they come: CSV, JSON lines or Parquet; a file, a folder or a glob."""

import csv
import glob
import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import FractionalType, MapType, StructType, TimestampType

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.errors import InputError, one_line
from abtest_lib.ingest.column_hints import hints
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.storage import local_folder

_FORMATS = {"csv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
_COMPRESSED = {"gz", "bz2", "zst", "snappy"}
PACKED_RATIO = 20
"""Events repeat themselves: the sample shrinks to a 26th by gzip, and about as much in Parquet."""
_HEADER_LIMIT = 1_000_000
_FILE_PATH = "_metadata.file_path"


@dataclass(frozen=True, slots=True)
class Source:
    """Input files, found and understood.

    Attributes:
        path: What the caller asked for.
        files: Format to the files of it, in order of name.
        text_bytes: About how many bytes of text they hold, unpacked.
    """

    path: str
    files: dict[str, tuple[str, ...]]
    text_bytes: int = 0


@dataclass(slots=True)
class RawEvents:
    """Raw rows and what a person should know about where they came from.

    Attributes:
        frame: The six raw fields as text, raw_record (the line, where it could not be split) and source_file.
        notices: Sentences for a person, e.g. about ignored columns.
    """

    frame: DataFrame
    notices: list[str] = field(default_factory=list)


def find_source(spark: SparkSession, path: str) -> Source:
    """Find the files of an input.

    Args:
        spark: The session; it lists object stores.
        path: A file, a folder (searched to the bottom) or a glob.

    Returns:
        The files by format.

    Raises:
        InputError: Nothing is there, or a file's format is unknown.
    """
    return _understood(path, _list_local(path) if local_folder(path) is not None else _list_by_spark(spark, path))


def _understood(path: str, found: Mapping[str, int]) -> Source:
    if not found:
        raise InputError(f"no input file at {path}: give a .csv, .csv.gz, .jsonl or .parquet file, a folder or a glob")
    by_format: dict[str, list[str]] = defaultdict(list)
    for name, size in sorted(found.items()):
        if size == 0:
            raise InputError(f"input file {name} is empty: expected a header line {','.join(RAW_FIELDS)}")
        by_format[_format_of(name)].append(name)
    files = {kind: tuple(names) for kind, names in by_format.items()}
    return Source(path, files, _text_bytes(found))


def local_text_bytes(path: str) -> int | None:
    """About how many bytes of text an input on this machine's disk holds, unpacked; None for an object store.

    Raises:
        InputError: As `find_source`, before a session is started.
    """
    return None if local_folder(path) is None else _understood(path, _list_local(path)).text_bytes


def read_raw_events(spark: SparkSession, source: Source) -> RawEvents:
    """Read the six raw fields of every row as text.

    Raises:
        InputError: A column is missing, or a file cannot be read.
    """
    readers: dict[str, Callable[[SparkSession, tuple[str, ...]], RawEvents]] = {
        "csv": _read_csv,
        "json": _read_json,
        "parquet": _read_parquet,
    }
    with translate_spark_errors(f"reading {source.path}"):
        parts = [readers[kind](spark, names) for kind, names in source.files.items()]
    frame = reduce(DataFrame.unionByName, (part.frame for part in parts))
    return RawEvents(frame, [notice for part in parts for notice in part.notices])


def _list_local(path: str) -> dict[str, int]:
    root = local_folder(path)
    pattern = str(root)
    if root is not None and root.is_dir():
        candidates: Iterable[tuple[Path, Path]] = ((root, file) for file in root.rglob("*"))
    else:
        # An existing file may have brackets in its name; only what does not exist is a pattern.
        names = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207  absolute
        found = [Path(name) for name in names]
        candidates = ((entry.parent, file) for entry in found for file in ([entry, *entry.rglob("*")]))
    visible = (file for top, file in candidates if file.is_file() and not _is_hidden(file.relative_to(top)))
    try:
        return {str(file.resolve()): file.stat().st_size for file in visible}
    except OSError as error:
        raise InputError(f"cannot read the input {path}: {error.strerror}") from None


def _is_hidden(path: Path) -> bool:
    """Whether a file is one of Spark's own or the system's, or lies in such a folder: not finished, or no data."""
    return any(part.startswith((".", "_")) for part in path.parts)


def _literal(names: Iterable[str]) -> list[str]:
    """Files by their very names, for Spark takes each path for a pattern."""
    return [re.sub(r"([\[\]{}*?\\])", r"\\\1", name) for name in names]


def _list_by_spark(spark: SparkSession, path: str) -> dict[str, int]:
    with translate_spark_errors(f"listing {path}"):
        listing = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(path)
        return {row["path"]: row["length"] for row in listing.select("path", "length").collect()}


def _text_bytes(sizes: Mapping[str, int]) -> int:
    packed = {*_COMPRESSED, "parquet"}
    ratios = {name: PACKED_RATIO if name.rsplit(".", 1)[-1].lower() in packed else 1 for name in sizes}
    return sum(size * ratios[name] for name, size in sizes.items())


def _format_of(name: str) -> str:
    suffixes = [suffix.lstrip(".").lower() for suffix in Path(name).suffixes]
    plain = [suffix for suffix in suffixes if suffix not in _COMPRESSED]
    kind = _FORMATS.get(plain[-1]) if plain else None
    if kind is None:
        allowed = ", ".join(f".{suffix}" for suffix in _FORMATS)
        raise InputError(f"input file {name}: its format is not one of {allowed} (.gz may follow)")
    return kind


def _read_csv(spark: SparkSession, names: tuple[str, ...]) -> RawEvents:
    by_header: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in names:
        by_header[_csv_header(spark, name)].append(name)
    parts = [_read_csv_files(spark, header, files) for header, files in by_header.items()]
    notices = [notice for header in by_header for notice in _extra_columns(header, by_header[header][0])]
    return RawEvents(reduce(DataFrame.unionByName, parts), notices)


def _read_csv_files(spark: SparkSession, header: tuple[str, ...], names: list[str]) -> DataFrame:
    columns = ", ".join(f"`{name.replace('`', '``')}` string" for name in header)
    frame = (
        spark.read.schema(f"{columns}, _corrupt_record string")
        .options(header="true", mode="PERMISSIVE", quote='"', escape='"', encoding="UTF-8", columnPruning="false")
        # Spark turns a quoted empty field into NULL while nullValue is empty; nothing and "" are not the same here.
        .options(nullValue="\u0001null\u0001", emptyValue="")
        .csv(_literal(names))
    )
    return _six_fields(frame, dict.fromkeys(RAW_FIELDS), F.col("_corrupt_record"))


def _csv_header(spark: SparkSession, name: str) -> tuple[str, ...]:
    line = _first_line(name) if local_folder(name) is not None else _first_line_by_spark(spark, name)
    try:
        header = tuple(column.strip() for column in next(csv.reader([line]), []))
    except csv.Error as error:
        raise InputError(f"input file {name} has a header that is not CSV: {one_line(error)}") from None
    missing = [column for column in RAW_FIELDS if column not in header]
    if missing:
        shown = one_line(line, 120) or "a blank line"
        hint = hints(header)
        raise InputError(
            f"input file {name} lacks column {missing[0]}: its header is «{shown}», "
            f"expected {','.join(RAW_FIELDS)} in any order, separated by commas, in UTF-8"
            + (f"; {hint}" if hint else "")
        )
    repeated = [column for column in RAW_FIELDS if header.count(column) > 1]
    if repeated:
        times = header.count(repeated[0])
        raise InputError(f"input file {name} has column {repeated[0]} {times} times: once is allowed")
    return header


def _first_line(name: str) -> str:
    opener = gzip.open if name.endswith(".gz") else open
    try:
        with opener(name, "rb") as file:
            line = str(file.readline(_HEADER_LIMIT).decode("utf-8-sig", errors="replace"))
            return re.split(r"[\r\n]", line, maxsplit=1)[0]  # a line may end with CR alone, as Spark has it
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"input file {name} is a truncated or damaged gzip file: {one_line(error)}") from None
    except OSError as error:
        raise InputError(f"cannot read the input file {name}: {error.strerror}") from None


def _first_line_by_spark(spark: SparkSession, name: str) -> str:
    row = spark.read.text(_literal([name])).first()
    return "" if row is None else str(row[0]).removeprefix("\ufeff")


def _extra_columns(columns: Iterable[str], name: str) -> list[str]:
    extra = [column for column in columns if column not in RAW_FIELDS]
    return [f"ignored column {', '.join(extra)} of {name}: not one of the six event fields"] if extra else []


def _read_json(spark: SparkSession, names: tuple[str, ...]) -> RawEvents:
    text = spark.read.text(_literal(names)).where(r"value RLIKE '\\S'")
    lines = text.select(F.regexp_replace("value", "^\ufeff", "").alias("line"), F.col(_FILE_PATH).alias("source_file"))
    columns = ", ".join(f"`{name}` string" for name in RAW_FIELDS)
    # An object is read as an array of one. The parser stops after a line's first value and is silent about the rest.
    events = F.when(~_is_glued(F.col("line")), F.from_json("line", f"array<struct<{columns}>>"))
    frame = lines.select("*", F.explode_outer(events).alias("event")).select("*", "event.*")
    # A string column takes a JSON object as its text; the map in it becomes the text of the CSV form.
    as_map = F.from_json("experiments", "map<string,string>")
    is_object = F.col("experiments").rlike(r'^\{\s*("|\}$)')
    as_text = F.coalesce(_map_as_text(as_map), F.col("experiments"))
    converted = F.when(is_object, as_text).otherwise(F.col("experiments"))
    fields = {**dict.fromkeys(RAW_FIELDS), "experiments": converted}
    return RawEvents(_six_fields(frame, fields, F.when(F.col("event").isNull(), F.col("line")), "source_file"))


def _is_glued(line: Column) -> Column:
    """Whether something follows the first object of a line; texts in quotes are looked at only where it may be so."""
    may_be = line.rlike(r"\}\s*[^\s,}\]\"]")
    return may_be & F.regexp_replace(line, r'"(?:\\.|[^"\\])*+"', "").rlike(r"\}\s*[^\s,}\]]")


def _read_parquet(spark: SparkSession, names: tuple[str, ...]) -> RawEvents:
    parts, notices = [], []
    for files in _parquet_schemas(spark, names).values():
        frame = spark.read.parquet(*_literal(files))
        missing = [column for column in RAW_FIELDS if column not in frame.columns]
        if missing:
            hint = hints(frame.columns)
            has = f"it has {', '.join(frame.columns)}{f'; {hint}' if hint else ''}"
            raise InputError(f"input file {files[0]} lacks column {missing[0]}: {has}")
        notices += _extra_columns(frame.columns, files[0])
        parts.append(_six_fields(frame, _parquet_fields(frame.schema), F.lit(None).cast("string")))
    return RawEvents(reduce(DataFrame.unionByName, parts), notices)


def _parquet_schemas(spark: SparkSession, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Files of one schema are read together: a column may be text in one and a number in another."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[spark.read.parquet(*_literal([name])).schema.json()].append(name)
    return groups


def _parquet_fields(schema: StructType) -> dict[str, Column | None]:
    fields: dict[str, Column | None] = dict.fromkeys(RAW_FIELDS)
    for item in schema.fields:
        if item.name in fields and isinstance(item.dataType, TimestampType):
            fields[item.name] = F.date_format(item.name, "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")
        elif item.name in fields and isinstance(item.dataType, MapType):
            fields[item.name] = _map_as_text(F.col(item.name).cast("map<string,string>"))
        elif item.name in fields and isinstance(item.dataType, FractionalType):
            # Whole numbers become fractional where some are missing; 7 must not be another user than 7.0.
            whole = F.expr(f"try_cast(`{item.name}` AS BIGINT)")
            as_whole = F.when(whole == F.col(item.name), whole).cast("string")
            fields[item.name] = F.coalesce(as_whole, F.col(item.name).cast("string"))
    return fields


def _map_as_text(experiments: Column) -> Column:
    """`{name=variant, name=variant}`, sorted by name; a map that this cannot say becomes text that breaks a rule."""
    pairs = F.array_sort(F.map_entries(experiments))
    texts = F.transform(pairs, lambda pair: F.concat(pair["key"], F.lit("="), F.ifnull(pair["value"], F.lit(""))))
    text = F.concat(F.lit("{"), F.array_join(texts, ", "), F.lit("}"))
    in_names = F.array_join(F.map_keys(experiments), "").contains(",")
    in_variants = F.array_join(F.map_values(experiments), "").rlike("[=,]")
    refused = F.concat(F.lit("map "), F.to_json(experiments))
    return F.when(in_names | in_variants, refused).when(experiments.isNotNull(), text)


def _six_fields(
    frame: DataFrame, fields: dict[str, Column | None], raw_record: Column, source_file: str = _FILE_PATH
) -> DataFrame:
    columns = [
        (F.col(name) if column is None else column).cast("string").alias(name) for name, column in fields.items()
    ]
    return frame.select(*columns, raw_record.alias("raw_record"), F.col(source_file).alias("source_file"))
