"""Raw events in CSV, JSON or Parquet; a file, a folder or a glob."""

from collections.abc import Callable, Mapping
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession

from abtest_lib.errors import InputError
from abtest_lib.ingest.arrow_reader import read_by_arrow
from abtest_lib.ingest.csv_files import read_csv
from abtest_lib.ingest.input_files import Source, find_local_source, list_objects, understand_files
from abtest_lib.ingest.json_files import read_json
from abtest_lib.ingest.parquet_files import read_parquet
from abtest_lib.ingest.raw_fields import RawEvents
from abtest_lib.ingest.wanted_columns import SIX_FIELDS, WantedColumns
from abtest_lib.spark.embedded import is_embedded
from abtest_lib.spark.scratch import scratch_of
from abtest_lib.spark.spark_errors import translate_spark_errors

_READERS: Mapping[str, Callable[[SparkSession, tuple[str, ...], WantedColumns], RawEvents]] = {
    "csv": read_csv,
    "json": read_json,
    "parquet": read_parquet,
}


def find_source(spark: SparkSession, path: str) -> Source:
    """Find the files of an input.

    Args:
        spark: The session; it lists object stores.
        path: A file, a folder (searched to the bottom) or a glob.

    Returns:
        The files by format.

    Raises:
        InputError: Nothing is there, or the name or the first bytes of a file show that it holds no events.
    """
    listing = list_objects if is_embedded(spark) else partial(_list_by_spark, spark)
    return find_local_source(path) or understand_files(path, listing(path))


def read_raw_events(spark: SparkSession, source: Source, wanted: WantedColumns = SIX_FIELDS) -> RawEvents:
    """Read the raw fields of every row as text.

    Args:
        spark: The session.
        source: The input files.
        wanted: The columns to read.

    Raises:
        InputError: A column is missing, or a file cannot be read.
    """
    scratch = scratch_of(spark)
    if scratch is not None:
        read = read_by_arrow(spark, scratch, source, wanted)
        read.notices[:0] = source.notices
        return _not_empty(read, source)
    with translate_spark_errors(f"reading {source.path}"):
        parts = [_READERS[kind](spark, names, wanted) for kind, names in source.files.items()]
    frame = reduce(DataFrame.unionByName, (part.frame for part in parts))
    notices = [*source.notices, *(notice for part in parts for notice in part.notices)]
    return _not_empty(RawEvents(frame, notices, any(part.has_content for part in parts)), source)


def _not_empty(read: RawEvents, source: Source) -> RawEvents:
    if not read.has_content:
        raise InputError(f"the input {source.path} is empty: its files have no content once unpacked")
    return read


def _list_by_spark(spark: SparkSession, path: str) -> dict[str, int]:
    with translate_spark_errors(f"listing {path}"):
        listing = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(path)
        return {row["path"]: row["length"] for row in listing.select("path", "length").collect()}
