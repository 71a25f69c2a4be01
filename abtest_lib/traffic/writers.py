"""Write rows as CSV, JSON lines or Parquet, plain or compressed, by the file's suffix."""

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from abtest_lib.errors import MachineError, UsageError
from abtest_lib.traffic.corruption import INVALID_BYTE, CorruptedRows
from abtest_lib.traffic.events import FIELDS, Rows

SUFFIXES = (".csv", ".csv.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz", ".parquet")
_ITEM, _PRICE = '"item_id": "%s", ', '"price": %s, '
_GZIP_LEVEL = 1  # the text repeats itself so much that higher levels only cost time


class Writer(Protocol):
    """A writer that appends blocks of rows to one file."""

    def write(self, rows: Rows, corrupted: CorruptedRows) -> None:
        """Append a block."""

    def close(self) -> None:
        """Finish the file."""


class OutputFile:
    """One output file that appears under its name only when it is complete."""

    def __init__(self, path: Path, names: Sequence[str] = FIELDS) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._writer = _writer(self._part, suffix_of(path), names)

    def write(self, rows: Rows, corrupted: CorruptedRows) -> None:
        """Append a block of rows."""
        self._writer.write(rows, corrupted)

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish the file, or remove it after an error."""
        self._writer.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def suffix_of(path: Path) -> str:
    """Return the suffix that determines the format, or an empty text for a folder.

    Raises:
        UsageError: The suffix is not supported.

    Examples:
        >>> suffix_of(Path("events.csv.gz"))
        '.csv.gz'
    """
    name = path.name.lower()
    found = [suffix for suffix in SUFFIXES if name.endswith(suffix)]
    if not found and path.suffix and not path.is_dir():
        raise UsageError(f"cannot write '{path}': the file must end in {', '.join(SUFFIXES)}, or name a folder")
    return max(found, key=len, default="")


def _writer(path: Path, suffix: str, names: Sequence[str]) -> Writer:
    if suffix == ".parquet":
        return _ParquetWriter(path, names)
    encode = _csv_lines if suffix.startswith(".csv") else _json_lines
    header = ",".join(names) + "\n" if suffix.startswith(".csv") else ""
    return _TextWriter(path, encode, header, compressed=suffix.endswith(".gz"))


class _TextWriter:
    def __init__(
        self, path: Path, encode: Callable[[Rows, CorruptedRows], list[str]], header: str, *, compressed: bool
    ) -> None:
        self._encode = encode
        self._file: BinaryIO = path.open("wb")
        # Unlike the gzip module this leaves the time out of the header, so that equal seeds give equal bytes.
        self._compressor = zlib.compressobj(_GZIP_LEVEL, wbits=31) if compressed else None
        self._put(header)

    def write(self, rows: Rows, corrupted: CorruptedRows) -> None:
        self._put("".join(self._encode(rows, corrupted)))

    def close(self) -> None:
        if self._compressor is not None:
            self._file.write(self._compressor.flush())
        self._file.close()

    def _put(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        self._file.write(self._compressor.compress(data) if self._compressor is not None else data)


def _fields(rows: Rows, ends: list[str | None]) -> Iterable[tuple[str | None, ...]]:
    return zip(*(getattr(rows, name) for name in FIELDS[:-1]), ends, strict=True)


def _csv_lines(rows: Rows, corrupted: CorruptedRows) -> list[str]:
    ends = rows.user_id
    if rows.price is not None and rows.device is not None:
        columns = zip(rows.user_id, rows.price, rows.device, strict=True)
        ends = [f"{user},{price or ''},{device}" for user, price, device in columns]
    lines = [
        f'{event},{item or ""},{moment},{site},"{experiments}",{end}\n'
        for event, item, moment, site, experiments, end in _fields(rows, ends)
    ]
    for index in corrupted.careful:
        fields = [_csv_field(getattr(rows, name)[index]) for name in rows.names]
        width = len(fields) + corrupted.extra.get(index, 0)
        lines[index] = ",".join([*fields, "more", "columns"][:width]) + "\n"
    return lines


def _csv_field(value: str | None) -> str:
    if value is None:
        return ""
    plain = value and not set(value) & set(',"\r\n')
    return value if plain else '"' + value.replace('"', '""') + '"'


def _json_lines(rows: Rows, corrupted: CorruptedRows) -> list[str]:
    texts = {text: json.dumps(text, ensure_ascii=False) for text in set(rows.experiments)}
    ends = rows.user_id
    if rows.price is not None and rows.device is not None:
        columns = zip(rows.user_id, rows.price, rows.device, strict=True)
        ends = [f'{user}", {_PRICE % price if price else ""}"device": "{device}' for user, price, device in columns]
    lines = [
        f'{{"event_name": "{event}", {_ITEM % item if item else ""}"timestamp": "{moment}", "site": "{site}", '
        f'"experiments": {texts[experiments]}, "user_id": "{end}"}}\n'
        for event, item, moment, site, experiments, end in _fields(rows, ends)
    ]
    for index in corrupted.careful:
        # An absent value is left out; broken columns have no meaning here, so such a line is cut short instead.
        values = ((name, getattr(rows, name)[index]) for name in rows.names)
        line = json.dumps({name: value for name, value in values if value is not None}, ensure_ascii=False)
        lines[index] = (line[: len(line) // 2] if index in corrupted.extra else line) + "\n"
    return lines


class _ParquetWriter:
    def __init__(self, path: Path, names: Sequence[str]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415  only this format needs it
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            raise MachineError("writing Parquet needs pyarrow: install abtest-suite[spark]") from None
        self._arrow = pa
        self._schema = pa.schema([(name, pa.string()) for name in names])
        self._file = parquet.ParquetWriter(path, self._schema)

    def write(self, rows: Rows, corrupted: CorruptedRows) -> None:
        """Append a block as a reader would read it: Parquet has no broken lines and no broken text."""
        keep = [index for index in range(len(rows)) if index not in corrupted.extra]
        columns = {name: getattr(rows, name) for name in rows.names}
        table = {
            name: [value and value.replace(INVALID_BYTE, "\ufffd") for value in (column[index] for index in keep)]
            for name, column in columns.items()
        }
        self._file.write_table(self._arrow.table(table, schema=self._schema))

    def close(self) -> None:
        self._file.close()
