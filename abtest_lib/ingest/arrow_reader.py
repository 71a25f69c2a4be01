"""Raw events read by Arrow into Parquet, for an engine that does not keep lines that it cannot split."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from abtest_lib.errors import LakeError, one_line
from abtest_lib.ingest.arrow_rows import row_schema, source_file_of
from abtest_lib.ingest.csv_blocks import rows_of_csv
from abtest_lib.ingest.csv_files import header_of
from abtest_lib.ingest.input_files import Source, skipped_notice
from abtest_lib.ingest.json_rows import rows_of_json
from abtest_lib.ingest.parquet_rows import columns_of_parquet, rows_of_parquet
from abtest_lib.ingest.raw_fields import RawEvents, column_notices
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.spark.scratch import Scratch

_ROWS_PER_GROUP = 65_536


def read_by_arrow(session: SparkSession, scratch: Scratch, source: Source, wanted: WantedColumns) -> RawEvents:
    """Read the raw fields of every row as text, and keep the rows in a scratch folder.

    Args:
        session: The session that uses the rows.
        scratch: The folder that keeps them until the session ends.
        source: The input files.
        wanted: The columns to read.

    Raises:
        InputError: A column is missing, or a file cannot be read.
    """
    path = scratch.new_path()
    path.mkdir()
    notices: list[str] = []
    has_content = _write(_rows_of_files(source, notices, wanted), path, row_schema(wanted.fields))
    frame = session.read.parquet(str(path))
    return RawEvents(frame, notices, has_content=has_content)


def _rows_of_files(source: Source, notices: list[str], wanted: WantedColumns) -> Iterator[pa.Table]:
    yield from _rows_of_csv_files(source.files.get("csv", ()), notices, wanted)
    empty = row_schema(wanted.fields).empty_table()
    for name in source.files.get("json", ()):
        yield empty
        yield from rows_of_json(name, source_file_of(name), wanted)
    seen: set[tuple[str, ...]] = set()
    for name in source.files.get("parquet", ()):
        columns = columns_of_parquet(name, wanted)
        if columns not in seen:
            notices += column_notices(columns, name, wanted)
            seen.add(columns)
        yield empty
        yield from rows_of_parquet(name, source_file_of(name), wanted)


def _rows_of_csv_files(names: Iterable[str], notices: list[str], wanted: WantedColumns) -> Iterator[pa.Table]:
    headers: Mapping[str, tuple[str, ...] | None] = {name: header_of(name, wanted) for name in names}
    notices += skipped_notice(name for name, header in headers.items() if header is None)
    first_of: dict[tuple[str, ...], str] = {}
    for name, header in headers.items():
        if header is not None:
            first_of.setdefault(header, name)
    for header, name in first_of.items():
        notices += column_notices(header, name, wanted)
    for name, header in headers.items():
        if header is not None:
            yield row_schema(wanted.fields).empty_table()  # the file has content, if no row
            yield from rows_of_csv(name, wanted.renamed(header), source_file_of(name), wanted.fields)


def _write(tables: Iterator[pa.Table], folder: Path, schema: pa.Schema) -> bool:
    """Write tables as Parquet; return whether there was one, with or without rows."""
    has_content = False
    try:
        with pq.ParquetWriter(folder / "rows.parquet", schema, compression="snappy") as writer:
            for table in tables:
                has_content = True
                if table.num_rows:
                    writer.write_table(table, row_group_size=_ROWS_PER_GROUP)
    except OSError as error:
        why = error.strerror or one_line(error)
        raise LakeError(
            f"cannot write to the scratch folder {folder.parent}: {why}; nothing was lost: free some space, or name "
            "another folder with TMPDIR"
        ) from error
    return has_content
