"""A day file: the gold tables of one day, laid out so that one experiment is a few small reads.

Parquet takes milliseconds for one experiment, and seconds for a history of 333 days. A day file is written once, when
a release is mirrored, and never changed. It has a JSON header with the position of each section, then:

- `fence`: every 64th hash, so that a lookup reads one block of the index;
- `index`: one record per experiment, sorted by the hash of its name, with its counts and its verdict's numbers;
- `arms`: one row of doubles per experiment × variant, all tables side by side; a null is a NaN;
- `funnel`: event code, arm, users and purchases, as doubles;
- `metrics`: the other metrics and the segments, as `metric_section` describes;
- `texts`: per experiment the names of its arms and the words of its verdict, as JSON;
- `names`: the names of the experiments, in the order of the index.
"""

import json
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abtest_lib.errors import LakeError
from api.http.names import name_hash
from api.store.day_index import ENTRY, ENTRY_DTYPE, HASH, Entry, unpack_entry
from api.store.metric_section import ROW, Codes, MetricRow, unpack_metrics

Picker = Callable[[list[float | None]], tuple[float | None, ...]]
Read = Callable[[int, int], bytes | memoryview]
MAGIC = b"ABTDAY01"
PREAMBLE = struct.Struct("<8sQ")
FENCE_STEP = 64
FUNNEL_COLUMNS = ("event", "arm", "users", "purchases")
HIGH, LOW = ".high", ".low"
LARGEST_EXACT = 2**53  # a double represents every integer up to this one


@dataclass(frozen=True, slots=True)
class ExperimentDay:
    """One experiment on one day, decoded.

    Attributes:
        entry: Its record in the index.
        arms: One row per arm; the last value of each row is None, for columns that the day lacks.
        names: The id of each arm, in the order of `arms`.
        verdict: The texts of the verdict: control, winner, reasons, model version, explanation; None without one.
        columns: The position of each column in a row.
        codes: The texts of coded columns; a code is a position.
        pickers: The cached getters of `pick`.
        metric_data: The packed metrics of all users, without purchases.
        metric_codes: The texts of their coded columns.
    """

    entry: Entry
    arms: list[list[float | None]]
    names: list[str]
    verdict: Mapping[str, Any] | None
    columns: Mapping[str, int]
    codes: Mapping[str, list[str]]
    pickers: dict[tuple[str, ...], Picker]
    metric_data: bytes | memoryview
    metric_codes: Codes

    def pick(self, arm: int, columns: tuple[str, ...]) -> tuple[float | None, ...]:
        """Return several numbers of one arm; None where the lake has none."""
        picker = self.pickers.get(columns)
        if picker is None:
            picker = self.pickers[columns] = itemgetter(*(self.columns.get(column, -1) for column in columns))
        return picker(self.arms[arm])

    def value(self, arm: int, column: str) -> float | None:
        """Return one number of one arm; None where the lake has none."""
        return self.arms[arm][self.columns.get(column, -1)]

    def integer(self, arm: int, column: str) -> int | None:
        """Return one integer of one arm, of up to 64 bits; None where the lake has none."""
        small, high, low = self.pick(arm, (column, column + HIGH, column + LOW))
        if high is not None and low is not None:
            return int(high) * 2**32 + int(low)
        return None if small is None else int(small)

    def text(self, arm: int, column: str) -> str | None:
        """Return one text of one arm; None where the lake has none."""
        code = self.value(arm, column)
        return None if code is None else self.codes[column][int(code)]

    def metrics(self) -> Iterator[MetricRow]:
        """Yield the metrics of all users, without purchases."""
        return unpack_metrics(self.metric_data, self.metric_codes)


class DayFile:
    """A day file, on disk or, after `load`, in memory.

    Args:
        path: The file.

    Raises:
        LakeError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._memory: memoryview | None = None
        header = self._header()
        self._sections: dict[str, list[int]] = header["sections"]
        self.experiments: int = header["experiments"]
        self.events: list[str] = header["events"]
        self.codes: dict[str, list[str]] = header["codes"]
        self.metric_codes: Codes = header["metric_codes"]
        self._pickers: dict[tuple[str, ...], Picker] = {}
        self._hashes: list[int] | None = None
        self.columns = {name: position for position, name in enumerate(header["columns"])}
        self._row = struct.Struct(f"<{len(self.columns)}d")
        self._fence: list[int] = np.frombuffer(self.section("fence"), "<u8").tolist()

    def _header(self) -> dict[str, Any]:
        try:
            magic, length = PREAMBLE.unpack(self._read(0, PREAMBLE.size))
            header: dict[str, Any] = json.loads(bytes(self._read(PREAMBLE.size, length))) if magic == MAGIC else {}
        except (struct.error, ValueError):
            header = {}
        if header.get("bytes") != self.size:
            raise LakeError(f"{self.path.name} in the cache is damaged: {self.size} bytes are there")
        return header

    @property
    def in_memory(self) -> bool:
        """Whether the file is loaded."""
        return self._memory is not None

    def load(self) -> None:
        """Load the whole file into memory."""
        self._memory = memoryview(self.path.read_bytes())
        self._hashes = self.index()["hash"].tolist()

    def unload(self) -> None:
        """Drop the file from memory."""
        self._memory = self._hashes = None

    def _open(self) -> tuple[Read, int | None]:
        """Return a function that reads bytes, and the open file for the caller to close; None if it is in memory."""
        memory = self._memory
        if memory is not None:
            return (lambda start, length: memory[start : start + length]), None
        try:
            file = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise LakeError(f"{self.path.name} in the cache cannot be read: {type(error).__name__}") from error
        return (lambda start, length: os.pread(file, length, start)), file

    def _read(self, start: int, length: int) -> bytes | memoryview:
        read, file = self._open()
        try:
            return read(start, length)
        finally:
            _close(file)

    def section(self, name: str) -> bytes | memoryview:
        """Return a whole section."""
        start, length = self._sections[name]
        return self._read(start, length)

    def index(self) -> NDArray[np.void]:
        """Return all records of the index."""
        return np.frombuffer(self.section("index"), ENTRY_DTYPE)

    def names(self) -> list[str]:
        """Return the names of the experiments, in the order of the index."""
        names: list[str] = json.loads(bytes(self.section("names")))
        return names

    def entry(self, name: str) -> Entry | None:
        """Return the record of an experiment; None if the day has none."""
        read, file = self._open()
        try:
            return self._entry(name, read)
        finally:
            _close(file)

    def _entry(self, name: str, read: Read) -> Entry | None:
        wanted, hashes, index = name_hash(name), self._hashes, self._sections["index"][0]
        if hashes is not None:
            first = bisect_left(hashes, wanted)
            block = read(index + first * ENTRY.size, ENTRY.size if first < self.experiments else 0)
        else:
            first = max(0, bisect_right(self._fence, wanted) - 1) * FENCE_STEP
            block = read(index + first * ENTRY.size, min(FENCE_STEP, self.experiments - first) * ENTRY.size)
        starts = range(0, len(block), ENTRY.size)
        position = bisect_left(starts, wanted, key=lambda start: HASH.unpack_from(block, start)[0])
        if position == len(starts):
            return None
        found = unpack_entry(block, starts[position])
        return found if found.hash == wanted else None

    def read(self, name: str) -> ExperimentDay | None:
        """Return one experiment; None if the day has no data of it."""
        read, file = self._open()
        try:
            entry = self._entry(name, read)
            if entry is None:
                return None
            start = self._sections["arms"][0] + entry.arm_start * self._row.size
            data = read(start, entry.arm_count * self._row.size)
            text = read(self._sections["texts"][0] + entry.text_start, entry.text_length)
            metrics = self._metrics(entry.metric_start, entry.metric_count, read)
        finally:
            _close(file)
        rows = self._row.iter_unpack(data) if self.columns else [()] * entry.arm_count
        arms = [[None if value != value else value for value in row] + [None] for row in rows]  # noqa: PLR0124  NaN
        names, verdict = json.loads(bytes(text))
        return ExperimentDay(
            entry, arms, names, verdict, self.columns, self.codes, self._pickers, metrics, self.metric_codes
        )

    def _metrics(self, first: int, count: int, read: Read) -> bytes | memoryview:
        return read(self._sections["metrics"][0] + first * ROW.size, count * ROW.size) if count else b""

    def segments(self, name: str) -> list[MetricRow]:
        """Return the metrics of one experiment by segment."""
        entry = self.entry(name)
        if entry is None:
            return []
        data = self._metrics(entry.metric_start + entry.metric_count, entry.segment_count, self._read)
        return list(unpack_metrics(data, self.metric_codes))

    def funnel(self, name: str) -> list[tuple[str, int, int, int]]:
        """Return the funnel of one experiment: event name, position of the arm, users, purchases."""
        entry = self.entry(name)
        if entry is None or not entry.funnel_count:
            return []
        width = 8 * len(FUNNEL_COLUMNS)
        start = self._sections["funnel"][0] + entry.funnel_start * width
        data = np.frombuffer(self._read(start, entry.funnel_count * width), "<f8").reshape(-1, len(FUNNEL_COLUMNS))
        return [(self.events[event], arm, users, bought) for event, arm, users, bought in data.astype(int).tolist()]


def _close(file: int | None) -> None:
    if file is not None:
        os.close(file)
