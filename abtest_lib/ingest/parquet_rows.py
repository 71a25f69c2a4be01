"""Rows of Parquet files, each of the six columns as text."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from abtest_lib.errors import InputError, one_line
from abtest_lib.ingest.arrow_rows import rows_of_fields
from abtest_lib.ingest.numbers import plain_number_text
from abtest_lib.ingest.pairs import pairs_text
from abtest_lib.ingest.parquet_types import FORM, UUID, spark_schema
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.storage import local_folder, open_object

_SECONDS = "%Y-%m-%dT%H:%M:%S"
_SAID = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_PAIR_SIZE = 2


def columns_of_parquet(name: str, wanted: WantedColumns) -> tuple[str, ...]:
    """Read the names of all the columns of a file.

    Raises:
        InputError: The file is damaged, or lacks one of the six columns.
    """
    with _open(name) as parquet:
        spark_schema(parquet, name, wanted)
        return tuple(parquet.schema_arrow.names)


def rows_of_parquet(name: str, source_file: str, wanted: WantedColumns) -> Iterator[pa.Table]:
    """Read the rows of a file of Parquet.

    Args:
        name: The file, on this machine or in an object store.
        source_file: The value of source_file in its rows.
        wanted: The columns to read.

    Yields:
        Rows.

    Raises:
        InputError: The file is damaged, or has a column of a type that has no text.
    """
    with _open(name) as parquet:
        forms = {field.name: (field.metadata or {}).get(FORM) for field in spark_schema(parquet, name, wanted).fields}
        leaves = map(parquet.schema.column, range(len(parquet.schema)))
        instants = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
        for batch in parquet.iter_batches(columns=list(forms)):
            columns = {}
            for field in wanted.present(tuple(forms)):
                source = wanted.source(field)
                column = batch.column(source)
                is_uuid = forms[source] == UUID
                columns[field] = _uuids(column) if is_uuid else _as_text(column, is_utc=source in instants)
            yield rows_of_fields(columns, source_file, wanted.fields)


@contextmanager
def _open(name: str) -> Iterator[pq.ParquetFile]:
    try:
        with ExitStack() as stack:
            is_here = local_folder(name) is not None
            file = name if is_here else pa.PythonFile(stack.enter_context(open_object(name)), "r")
            yield stack.enter_context(pq.ParquetFile(file))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"input file {name} is not Parquet, or damaged: {one_line(error, 120)}") from None


def _as_text(column: pa.Array, *, is_utc: bool = False) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode(), is_utc=is_utc)
    if pa.types.is_timestamp(kind):
        return _instants(column, "Z" if is_utc or kind.tz is not None else "")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _map_texts(column.cast(pa.string()), lambda text: _SAID.get(text) or plain_number_text(text))
    if pa.types.is_nested(kind):
        return _maps(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        texts = [None if value is None else value.decode(errors="replace") for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    return column.cast(pa.string())


def _map_texts(texts: pa.Array, change: Any) -> pa.Array:  # noqa: ANN401  a function of text to text
    """Apply a function to each distinct text once."""
    encoded = texts.dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices, changed).dictionary_decode()


def _instants(column: pa.Array, offset: str) -> pa.Array:
    """Write instants to the microsecond; finer digits are kept, so that a rule rejects them."""
    if column.type.unit != "ns":
        micros, finer = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()), pa.scalar("")
    else:
        whole = column.cast(pa.int64())
        rest = pc.modulo(pc.add(pc.modulo(whole, 1_000), 1_000), 1_000)
        micros = pc.divide(pc.subtract(whole, rest), 1_000)
        finer = pc.if_else(pc.equal(rest, 0), "", pc.utf8_lpad(rest.cast(pa.string()), 3, "0"))
    texts = pc.strftime(micros.cast(pa.timestamp("us")), format=_SECONDS)
    return pc.binary_join_element_wise(texts, finer, offset, "")


def _uuids(column: pa.Array) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    texts = [None if value is None else _uuid(value.hex()) for value in storage.to_pylist()]
    return pa.array(texts, pa.string())


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _maps(column: pa.Array) -> pa.Array:
    """Write a map, a struct of experiments or a list of pairs in the CSV form; other lists as JSON."""
    kind = column.type
    write: Callable[[Any], str]
    if pa.types.is_struct(kind):
        write = _struct
    elif pa.types.is_map(kind):
        write = _pairs
    elif pa.types.is_struct(kind.value_type) and kind.value_type.num_fields == _PAIR_SIZE:
        write = _structs
    else:
        write = _list
    return pa.array([None if value is None else write(value) for value in column.to_pylist()], pa.string())


def _struct(values: Mapping[str, Any]) -> str:
    # A struct has a field for each experiment of the file; those that an event is not in are null.
    return _pairs((name, variant) for name, variant in values.items() if variant is not None)


def _structs(pairs: Iterable[Mapping[str, Any]]) -> str:
    return _pairs(tuple(pair.values()) for pair in pairs)


def _list(values: Iterable[Any]) -> str:
    return f"[{', '.join(map(_plain, values))}]"


def _pairs(pairs: Iterable[tuple[Any, ...]]) -> str:
    return pairs_text([(_plain(name), None if variant is None else _plain(variant)) for name, variant in pairs])


def _plain(value: Any) -> str:  # noqa: ANN401  whatever Parquet holds
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return _SAID.get(str(value)) or plain_number_text(str(value))
    return plain_number_text(str(value)) if not isinstance(value, str) else value
