"""Blocks of CSV lines as raw rows, split as Spark splits them: each line by itself, and oddly quoted ones leniently."""

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from abtest_lib.ingest.arrow_rows import rows_of_events, rows_of_fields, rows_of_lines
from abtest_lib.ingest.text_blocks import blocks_of_lines

_FIELD = r'(?:[^",\n]*|"(?:[^"\n]|"")*")'
_IS_BLANK = r"^[\x00-\x20]*$"
_FIRST_LINE = re.compile(rb"[\x00-\x20]*[^\x00-\x20][^\n]*\n?")
_THREADS = max(1, min(4, os.cpu_count() or 1))
_AS_IS = csv.ParseOptions(quote_char='"', double_quote=True, newlines_in_values=False)


def rows_of_csv(name: str, header: Sequence[str], source_file: str, fields: Sequence[str]) -> Iterator[pa.Table]:
    """Read the rows of a file of CSV.

    Args:
        name: The file.
        header: Its columns, the wanted ones by the names of their fields.
        source_file: The value of source_file in its rows.
        fields: The fields of a row.

    Yields:
        Rows in the order of the file, except for lines that cannot be split or are oddly quoted, which come later.
    """
    split = partial(_rows_of_block, header=header, source_file=source_file, fields=fields)
    pending: deque[Future[list[pa.Table]]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        # The next block is read and unpacked while others are split.
        for block in _without_header(blocks_of_lines(name)):
            pending.append(threads.submit(split, block))
            if len(pending) > _THREADS:
                yield from pending.popleft().result()
        for done in pending:
            yield from done.result()


def _without_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out everything up to the first line that is not blank."""
    for block in blocks:
        header = _FIRST_LINE.match(block)
        if header is not None:
            yield block[header.end() :]
            yield from blocks


def _rows_of_block(block: bytes, header: Sequence[str], source_file: str, fields: Sequence[str]) -> list[pa.Table]:
    lines = pa.array(block.split(b"\n"), pa.binary()).cast(pa.string())
    return list(_rows_of_lines(lines, header, source_file, fields))


def _rows_of_lines(
    lines: pa.Array, header: Sequence[str], source_file: str, fields: Sequence[str]
) -> Iterator[pa.Table]:
    is_blank = pc.match_substring_regex(lines, _IS_BLANK)
    # A crash can leave lines of null bytes in a log; other blank lines contain no event.
    nulls = lines.filter(pc.and_(is_blank, pc.match_substring(lines, "\0")))
    if len(nulls):
        yield rows_of_lines(nulls.to_pylist(), source_file, fields)
    lines = lines.filter(pc.invert(is_blank))
    is_plain = pc.match_substring_regex(lines, rf"^{_FIELD}(?:,{_FIELD}){{{len(header) - 1}}}$")
    plain = lines.filter(is_plain)
    if len(plain):
        yield _split_plain(plain, header, source_file, fields)
    odd = [(line, split_line(line)) for line in lines.filter(pc.invert(is_plain)).to_pylist()]
    events = [dict(zip(header, values, strict=True)) for _, values in odd if len(values) == len(header)]
    if events:
        yield rows_of_events(events, source_file, fields)
    broken = [line for line, values in odd if len(values) != len(header)]
    if broken:
        yield rows_of_lines(broken, source_file, fields)


def _split_plain(lines: pa.Array, header: Sequence[str], source_file: str, fields: Sequence[str]) -> pa.Table:
    wanted = [name for name in fields if name in header]
    text = b"\n".join(lines.cast(pa.binary()).to_pylist())
    table = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=list(header), block_size=len(text) + 1, use_threads=False),
        _AS_IS,
        csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()),
            include_columns=wanted,
            # An empty field and "" are not the same.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return rows_of_fields({name: table.column(name) for name in wanted}, source_file, fields)


def split_line(line: str) -> list[str | None]:
    """Split one line as Spark does: a field with text after its closing quote is kept unchanged, up to the comma.

    Examples:
        >>> split_line('a,"b,c",,"",d')
        ['a', 'b,c', None, '', 'd']
        >>> split_line('"a"b,c,"d,e')
        ['"a"b', 'c', 'd,e']
    """
    values: list[str | None] = []
    place = 0
    while place <= len(line):
        value, place = _next_field(line, place)
        values.append(value)
    return values


def _next_field(line: str, start: int) -> tuple[str | None, int]:
    """Return the field that begins at a position, and where the next begins."""
    is_quoted = line[start : start + 1] == '"' and len(line) > start + 1
    end = _closing_quote(line, start + 1) if is_quoted else start
    if end is None:
        return line[start + 1 :].replace('""', '"'), len(line) + 1
    if is_quoted:
        after = end + 1
        while after < len(line) and line[after] <= " ":
            after += 1
        if line[after : after + 1] in ("", ","):
            return line[start + 1 : end].replace('""', '"'), after + 1
    comma = line.find(",", end)
    stop = len(line) if comma < 0 else comma
    if not is_quoted:
        return line[start:stop] or None, stop + 1
    # Univocity 2.9 adds a quote to the last field where another follows white space and one character.
    has_quirk = comma < 0 and after > end + 1 and line[after] != '"' and line[after + 1 : after + 2] == '"'
    added = '"' if has_quirk else ""
    before = line[start + 1 : end].replace('""', '"')
    return f'"{before}{line[end:stop]}{added}', stop + 1


def _closing_quote(line: str, start: int) -> int | None:
    place = line.find('"', start)
    while place >= 0 and line[place + 1 : place + 2] == '"':
        place = line.find('"', place + 2)
    return None if place < 0 else place
