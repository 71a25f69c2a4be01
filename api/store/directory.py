"""The directory of a release: every experiment, the days on which it has data, and its last verdict's numbers."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.http.names import by_bar_form, resolve
from api.store.day_file import DayFile
from api.store.day_index import ABSENT

EPOCH = date(1970, 1, 1)
_LAST = ("arm_count", "is_valid", "decision", "participants_to_date")
_BEFORE = "decision_before"


def to_date(days: float | None) -> date | None:
    """Return the date of a day that is counted from 1970-01-01; None for null.

    Examples:
        >>> to_date(18840.0)
        datetime.date(2021, 8, 1)
    """
    return None if days is None or days != days else EPOCH + timedelta(days=int(days))  # noqa: PLR0124  NaN


@dataclass(frozen=True, slots=True)
class Directory:
    """Every experiment of a release.

    Attributes:
        names: The names in alphabetical order.
        position: The position of each name.
        forms: The names by bar form; see `api.http.names`.
        days: Every day of the release, oldest first.
        present: One row of bits per experiment, one bit per day.
        last: The numbers of each experiment's last day, by column of the index of a day file, and `decision_before`,
            the decision on the day with data before it.
    """

    names: list[str]
    position: Mapping[str, int]
    forms: Mapping[str, str | None]
    days: list[date]
    present: NDArray[np.uint8]
    last: Mapping[str, NDArray[Any]]

    def resolve(self, written: str) -> str | None:
        """Return the experiment that a client means; None if there is none, or more than one."""
        return resolve(written, self.position, self.forms)

    def days_of(self, name: str) -> list[date]:
        """Return the days on which an experiment has data, oldest first."""
        bits = np.unpackbits(self.present[self.position[name]], count=len(self.days))
        return [self.days[day] for day in np.flatnonzero(bits).tolist()]

    def last_day(self, name: str) -> date:
        """Return the newest day on which an experiment has data."""
        return self.days_of(name)[-1]

    def spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return per experiment the positions of its first and last day, and the number of its days."""
        bits = np.unpackbits(self.present, axis=1, count=len(self.days)) if self.names else np.zeros((0, 1), np.uint8)
        last = bits.shape[1] - 1 - np.argmax(bits[:, ::-1], axis=1)
        return np.argmax(bits, axis=1), last, bits.sum(axis=1, dtype=np.int64)


EMPTY = Directory([], {}, {}, [], np.zeros((0, 0), np.uint8), {column: np.zeros(0) for column in (*_LAST, _BEFORE)})


def build_directory(files: Sequence[tuple[date, DayFile]]) -> bytes:
    """Build the directory of a release from its day files.

    Args:
        files: All days with their files.

    Returns:
        The directory in the format of `read_directory`.
    """
    ordered = sorted(files, key=lambda pair: pair[0])
    # Two passes, because the indexes of all days together may not fit into memory.
    seen = [_with_data(file)["hash"].copy() for _, file in ordered]
    hashes = np.unique(np.concatenate(seen)) if seen else np.zeros(0, np.uint64)
    present = np.zeros((len(hashes), len(ordered)), dtype=np.uint8)
    last = {column: np.zeros(len(hashes)) for column in _LAST}
    last["decision"][:] = ABSENT
    last[_BEFORE] = np.full(len(hashes), float(ABSENT))
    for day, (_, file) in enumerate(ordered):
        index = _with_data(file)
        rows = np.searchsorted(hashes, index["hash"])
        present[rows, day] = 1
        last[_BEFORE][rows] = last["decision"][rows]
        for column in _LAST:
            last[column][rows] = index[column]
    names = _names(hashes, [file for _, file in ordered])
    order = sorted(range(len(names)), key=names.__getitem__)
    return _dump([names[row] for row in order], [day for day, _ in ordered], present[order], last, order)


def _with_data(file: DayFile) -> NDArray[np.void]:
    index = file.index()
    found: NDArray[np.void] = index[index["daily_arms"] > 0]
    return found


def _names(hashes: NDArray[np.uint64], files: Sequence[DayFile]) -> list[str]:
    """Return the name of each hash, from as few files as possible, newest first."""
    names: dict[int, str] = {}
    for file in reversed(files):
        found = file.index()["hash"].tolist()
        if not names.keys() >= set(found):
            names.update(zip(found, file.names(), strict=True))
    return [names[value] for value in hashes.tolist()]


def _dump(
    names: list[str], days: list[date], present: NDArray[np.uint8], last: Mapping[str, NDArray[Any]], order: list[int]
) -> bytes:
    buffer = io.BytesIO()
    texts = json.dumps({"names": names, "days": [day.isoformat() for day in days]}, ensure_ascii=False).encode()
    arrays: dict[str, Any] = {column: values[order] for column, values in last.items()}
    np.savez(buffer, texts=np.frombuffer(texts, np.uint8), present=np.packbits(present, axis=1), **arrays)
    return buffer.getvalue()


def read_directory(path: Path) -> Directory:
    """Read the result of `build_directory`."""
    with np.load(path, allow_pickle=False) as stored:
        texts = json.loads(stored["texts"].tobytes())
        present = stored["present"]
        last = {column: stored[column] for column in _LAST}
        # A directory that an older version left in the cache has no decisions of the day before.
        last[_BEFORE] = stored[_BEFORE] if _BEFORE in stored.files else np.full(len(present), float(ABSENT))
    names: list[str] = texts["names"]
    position = {name: row for row, name in enumerate(names)}
    days = [date.fromisoformat(day) for day in texts["days"]]
    return Directory(names, position, by_bar_form(names), days, present, last)
