"""Events as CSV, with a header in every file."""

import csv
import re
from collections import defaultdict
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.errors import InputError, one_line
from abtest_lib.ingest.column_hints import hints
from abtest_lib.ingest.input_files import skipped_notice
from abtest_lib.ingest.packing import open_unpacked
from abtest_lib.ingest.raw_fields import RawEvents, column_notices, literal_paths, six_fields
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.storage import local_folder

_HEADER_LIMIT = 1_000_000
_MOST_COLUMNS = 2_000
_WHOLE_LINE = "_whole_line"


def read_csv(spark: SparkSession, names: tuple[str, ...], wanted: WantedColumns) -> RawEvents:
    """Read files of CSV, those with the same header in one go.

    Raises:
        InputError: A file lacks a column, has one of the six twice or too many, or cannot be read.
    """
    by_header: dict[tuple[str, ...], list[str]] = defaultdict(list)
    skipped = []
    for name in names:
        header = header_of(name, wanted, spark)
        if header is None:
            skipped.append(name)
        else:
            by_header[header].append(name)
    parts = [_read_files(spark, header, files, wanted) for header, files in by_header.items()]
    frame = reduce(DataFrame.unionByName, [_lines_of_null_bytes(spark, names, wanted), *parts])
    notices = [notice for header, files in by_header.items() for notice in column_notices(header, files[0], wanted)]
    return RawEvents(frame, [*skipped_notice(skipped), *notices], has_content=bool(parts))


def _read_files(spark: SparkSession, header: tuple[str, ...], names: list[str], wanted: WantedColumns) -> DataFrame:
    # Other columns get generated names: their own may be equal, or differ only in case.
    columns = wanted.renamed(header)
    frame = (
        spark.read.schema(", ".join(f"`{name}` string" for name in (*columns, _WHOLE_LINE)))
        .options(header="true", mode="PERMISSIVE", quote='"', escape='"', encoding="UTF-8", columnPruning="false")
        # With an empty nullValue Spark turns "" into NULL; here an empty field and "" are not the same.
        .options(nullValue="\u0001null\u0001", emptyValue="", columnNameOfCorruptRecord=_WHOLE_LINE)
        .csv(literal_paths(names))
    )
    # The fields of a line that does not split are guesses.
    is_split = F.col(_WHOLE_LINE).isNull()
    fields: dict[str, Column | None] = {
        name: F.when(is_split, F.col(name)) if name in columns else F.lit(None) for name in wanted.fields
    }
    return six_fields(frame, fields, F.col(_WHOLE_LINE))


def _lines_of_null_bytes(spark: SparkSession, names: tuple[str, ...], wanted: WantedColumns) -> DataFrame:
    """Read the lines of null bytes, which a crash can leave in a log and which Spark's CSV takes for blank."""
    lines = spark.read.text(literal_paths(names))
    is_hidden = (F.col("value") < "!") & F.col("value").contains("\0") & ~F.col("value").rlike(r"[^\x00-\x20]")
    nothing: dict[str, Column | None] = dict.fromkeys(wanted.fields, F.lit(None))
    return six_fields(lines.where(is_hidden), nothing, F.col("value"))


def header_of(name: str, wanted: WantedColumns, spark: SparkSession | None = None) -> tuple[str, ...] | None:
    """Read the columns of a file; return None for a file without content.

    Args:
        name: The file.
        wanted: The columns that must be there.
        spark: A session for files that only Spark can reach.

    Raises:
        InputError: A column is missing or there twice, or the file cannot be read.
    """
    is_at_hand = spark is None or local_folder(name) is not None
    line = _first_line(name) if is_at_hand or spark is None else _first_line_by_spark(spark, name)
    if line is None:
        return None
    try:
        header = tuple(column.strip() for column in next(csv.reader([line]), []))
    except csv.Error as error:
        raise InputError(f"input file {name} has a header that is not CSV: {one_line(error)}") from None
    _check_header(header, line, name, wanted)
    return header


def _check_header(header: tuple[str, ...], line: str, name: str, wanted: WantedColumns) -> None:
    if len(header) > _MOST_COLUMNS:
        raise InputError(f"input file {name} has more than {_MOST_COLUMNS:,} columns: send the six event fields alone")
    missing = [column for column in wanted.required if column not in header]
    if missing:
        shown, hint = one_line(line, 120) or "a blank line", one_line(hints(header, wanted))
        raise InputError(
            f"input file {name} lacks column {missing[0]}: its header is «{shown}», "
            f"expected {','.join(wanted.required)} in any order, separated by commas, in UTF-8"
            + (f"; {hint}" if hint else "")
        )
    repeated = [column for column in wanted.sources if header.count(column) > 1]
    if repeated:
        times = header.count(repeated[0])
        raise InputError(f"input file {name} has column {repeated[0]} {times} times: once is allowed")


def _first_line(name: str) -> str | None:
    with open_unpacked(name) as file:
        start = file.readline(_HEADER_LIMIT)
    if not start:
        return None
    # A line may end with CR alone, as Spark has it.
    return re.split(r"[\r\n]", start.decode("utf-8-sig", errors="replace"), maxsplit=1)[0]


def _first_line_by_spark(spark: SparkSession, name: str) -> str | None:
    row = spark.read.text(literal_paths([name])).first()
    return None if row is None else str(row[0]).removeprefix("\ufeff")
