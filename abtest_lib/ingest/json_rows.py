"""Rows of JSON files: an object or an array of objects in each line, or one document over several lines."""

import json
from collections.abc import Iterator

import pyarrow as pa


def rows_of_json(name: str, source_file: str) -> Iterator[pa.Table]:
    raise NotImplementedError
