"""Raw rows as Arrow tables: the six fields as text, the line where it could not be split, and the file."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import pyarrow as pa

from abtest_lib.storage import local_folder

_LEGAL_IN_PATHS = "/_-!.~'()*,;:$&+=@"
_LAST_CONTROL = "\u00a0"


def row_schema(fields: Iterable[str]) -> pa.Schema:
    """Return the schema of raw rows."""
    return pa.schema([(name, pa.string()) for name in (*fields, "raw_record", "source_file")])


def rows_of_fields(columns: Mapping[str, pa.ChunkedArray], source_file: str, fields: Sequence[str]) -> pa.Table:
    """Make rows that were split into fields; a field without a column is NULL."""
    number = len(next(iter(columns.values())))
    nothing = pa.nulls(number, pa.string())
    arrays = [*(columns.get(name, nothing) for name in fields), nothing, _repeated(source_file, number)]
    return pa.Table.from_arrays(arrays, schema=row_schema(fields))


def rows_of_events(events: Sequence[Mapping[str, str | None]], source_file: str, fields: Sequence[str]) -> pa.Table:
    """Make rows of events, each a mapping of the fields."""
    columns = {name: pa.array([event.get(name) for event in events], pa.string()) for name in fields}
    return rows_of_fields(columns, source_file, fields)


def rows_of_lines(lines: Iterable[str], source_file: str, fields: Sequence[str]) -> pa.Table:
    """Make rows of lines that could not be split."""
    texts = pa.array(list(lines), pa.string())
    nothing = [pa.nulls(len(texts), pa.string()) for _ in fields]
    return pa.Table.from_arrays([*nothing, texts, _repeated(source_file, len(texts))], schema=row_schema(fields))


def source_file_of(name: str) -> str:
    """Write the name of a file as Spark's `_metadata.file_path` does: a URL that leaves other alphabets as they are."""
    folder = local_folder(name)
    start = "file:" if folder is not None else name[: name.find("://") + 3]
    path = str(folder) if folder is not None else name.removeprefix(start)
    return start + "".join(letter if letter > _LAST_CONTROL else quote(letter, safe=_LEGAL_IN_PATHS) for letter in path)


def _repeated(text: str, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), times)
