"""Rows of JSON files: an object or an array of objects in each line, or one document over several lines."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from abtest_lib.ingest.arrow_rows import rows_of_events, rows_of_lines
from abtest_lib.ingest.json_shapes import document_text, is_document
from abtest_lib.ingest.numbers import plain_number_text
from abtest_lib.ingest.pairs import pairs_text
from abtest_lib.ingest.text_blocks import blocks_of_lines
from abtest_lib.ingest.wanted_columns import SIX_FIELDS, WantedColumns

Event = Mapping[str, str | None]

_LINES_AT_ONCE = 100_000
_NO_EVENT = re.compile(r"\s*(\[\s*\]\s*)?")
_AFTER_VALUE = re.compile(r"[\s,]*")
_LOOKS_LIKE_OBJECT = re.compile(r'\{\s*("|\}$)')


class _Number(str):
    """The text of a JSON number."""

    __slots__ = ()


# An object becomes a tuple of pairs: it may name an experiment twice.
_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def rows_of_json(name: str, source_file: str, wanted: WantedColumns) -> Iterator[pa.Table]:
    """Read the rows of a file of JSON.

    Args:
        name: The file.
        source_file: The value of source_file in its rows.
        wanted: The columns to read.

    Yields:
        Rows; a line that is neither a JSON object nor an array of objects is kept whole.

    Raises:
        InputError: A document over several lines is broken or too large.
    """
    if is_document(name):
        events = [event(value, wanted) for value in _values(document_text(name))]
        yield rows_of_events(events, source_file, wanted.fields)
        return
    for block in blocks_of_lines(name):
        lines = block.decode().split("\n")
        for start in range(0, len(lines), _LINES_AT_ONCE):
            yield from _rows_of_lines(lines[start : start + _LINES_AT_ONCE], source_file, wanted)


def _rows_of_lines(lines: Sequence[str], source_file: str, wanted: WantedColumns) -> Iterator[pa.Table]:
    events: list[Event] = []
    broken: list[str] = []
    for line in lines:
        if _NO_EVENT.fullmatch(line):
            continue
        found = _events_of_line(line, wanted)
        events += (item for item in found if item is not None)
        broken += [line] * found.count(None)
    if events:
        yield rows_of_events(events, source_file, wanted.fields)
    if broken:
        yield rows_of_lines(broken, source_file, wanted.fields)


def _events_of_line(line: str, wanted: WantedColumns) -> list[Event | None]:
    """Return the events of a line; None for each value that is not an object."""
    start = len(line) - len(line.lstrip())
    try:
        value, end = _DECODER.raw_decode(line, start)
    except (json.JSONDecodeError, RecursionError):
        return [None]
    if not _AFTER_VALUE.fullmatch(line, end):
        return [None]
    values = value if isinstance(value, list) else [value]
    return [event(item, wanted) if isinstance(item, tuple) else None for item in values]


def _values(document: str) -> Iterator[tuple[Any, ...]]:
    """Yield the objects of a document: those of its array, or one after another."""
    place = _skip(document, 0)
    while place < len(document):
        value, place = _DECODER.raw_decode(document, place)
        yield from value if isinstance(value, list) else [value]
        place = _skip(document, place)


def _skip(text: str, place: int) -> int:
    return len(text) - len(text[place:].lstrip()) if text[place : place + 1].isspace() else place


def event(pairs: tuple[tuple[str, Any], ...], wanted: WantedColumns = SIX_FIELDS) -> Event:
    """Turn a JSON object into the fields as text.

    Examples:
        >>> event((("user_id", _Number("7.0")), ("experiments", (("b", "2"), ("a", "1")))))["experiments"]
        '{a=1, b=2}'
    """
    values = dict(pairs)
    fields = {name: _text(values.get(wanted.source(name))) for name in wanted.fields}
    fields["experiments"] = _experiments(values.get(wanted.source("experiments")))
    return fields


def _experiments(value: Any) -> str | None:  # noqa: ANN401  whatever JSON holds
    if isinstance(value, str) and not isinstance(value, _Number) and _LOOKS_LIKE_OBJECT.match(value):
        try:
            value = _DECODER.decode(value)
        except (json.JSONDecodeError, RecursionError):
            return _text(value)
    if not isinstance(value, tuple):
        return _text(value)
    return pairs_text([(name, _text(variant)) for name, variant in value])


def _text(value: Any) -> str | None:  # noqa: ANN401  the same
    if value is None:
        return None
    if isinstance(value, _Number):
        return plain_number_text(value)
    if isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:  # noqa: ANN401  the same
    if isinstance(value, tuple):
        return "{" + ",".join(f"{_json(name)}:{_json(item)}" for name, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
