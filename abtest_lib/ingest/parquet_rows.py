"""Rows of Parquet files."""
from collections.abc import Iterator, Sequence
import pyarrow as pa


def rows_of_parquet(name: str, source_file: str) -> tuple[Sequence[str], Iterator[pa.Table]]:
    raise NotImplementedError
