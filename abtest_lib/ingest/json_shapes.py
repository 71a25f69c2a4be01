"""The layout of JSON files: a value in each line, or one document over several lines."""

import json
import re

from abtest_lib.errors import InputError
from abtest_lib.ingest.packing import open_unpacked

LARGEST_DOCUMENT = 64 * 2**20
"""In bytes; a document is read as one row, a file of lines as many."""
_HEAD = 2**20
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def is_document(name: str) -> bool:
    """Return whether a file on this machine is one array, or objects, over several lines.

    Args:
        name: The file; gzip and bzip2 are unpacked.

    Raises:
        InputError: Its first value goes over several lines and the rest does not fit, or is too large for one row.
    """
    with open_unpacked(name) as file:
        if not _begins_over_lines(_text(file.read(_HEAD))):
            return False
    text = document_text(name)
    if len(text) > LARGEST_DOCUMENT:
        raise InputError(
            f"input file {name} holds JSON over several lines, of which at most {LARGEST_DOCUMENT // 2**20} MB are "
            "read: write one object per line"
        )
    broken = broken_at(text)
    if broken is not None:
        raise InputError(
            f"input file {name} holds JSON over several lines and is neither one array of objects nor objects one "
            f"after another: it breaks in line {broken}; send it again, or write one object per line"
        )
    return True


def document_text(name: str) -> str:
    """Read the text of a document; of a file that is too large, read one byte more than allowed."""
    with open_unpacked(name) as file:
        return _text(file.read(LARGEST_DOCUMENT + 1))


def broken_at(text: str) -> int | None:
    r"""Return the line where a text stops being one array of objects, or objects on lines of their own; else None.

    Examples:
        >>> broken_at('[\n{"a": 1},\n{"a": 2}\n]')
        >>> broken_at('{\n"a": 1\n}\n{\n"a" 2}')
        5
    """
    place = _skip(text, 0)
    is_array = text[place : place + 1] == "["
    end = "]" if is_array else ""
    place = _skip(text, place + is_array)
    while text[place : place + 1] != end:
        try:
            value, after = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            return error.lineno
        except RecursionError:
            return _line(text, place)
        place = _next_value(text, after, end)
        if place < 0 or not isinstance(value, dict):
            return _line(text, after)
    rest = _skip(text, place + len(end))
    return None if rest == len(text) else _line(text, rest)


def _next_value(text: str, after: int, end: str) -> int:
    """Return where the next value of a document begins, or its end; -1 if something else follows a value."""
    place = _skip(text, after)
    if end:
        if text[place : place + 1] == end:
            return place
        following = _skip(text, place + 1)
        return following if text[place : place + 1] == "," and text[following : following + 1] != end else -1
    # Line ends separate objects.
    return place if place == len(text) or re.search(r"[\r\n]", text[after:place]) else -1


def _begins_over_lines(text: str) -> bool:
    """Return whether the first value of a text ends on another line than it begins."""
    start = text.lstrip()
    first_line = re.split(r"[\r\n]", start, maxsplit=1)[0]
    end = _value_end(start)
    if end is not None:
        return start[:1] in ("[", "{") and end > len(first_line)
    # Of a long array only the first element may have been read.
    inner = start[1:].lstrip()
    return start[:1] == "[" and inner[:1] == "{" and _value_end(inner) is not None


def _value_end(text: str) -> int | None:
    try:
        return _DECODER.raw_decode(text)[1]
    except (json.JSONDecodeError, RecursionError):
        return None


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", errors="replace")


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return place if match is None else match.end()


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
