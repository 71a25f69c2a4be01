"""The index of a day file: one record per experiment, with its position in the other sections and its numbers."""

import struct
from typing import NamedTuple

import numpy as np

from abtest_lib.contracts import VERDICTS
from abtest_lib.contracts.enums import Decision, SrmStatus

DECISIONS = tuple(decision.value for decision in Decision)
SRM_STATUSES = tuple(status.value for status in SrmStatus)
"""The values of the codes in the index; a code is a position in the tuple."""

ABSENT = 255
HEALTH_NUMBERS = ("participants", "participants_to_date")
VERDICT_NUMBERS = tuple(
    column.name for column in VERDICTS.columns if column.type in {"double", "date"} and column.name not in VERDICTS.key
)
NUMBERS = (*HEALTH_NUMBERS, *VERDICT_NUMBERS)
"""The numbers in the index; a change here needs a new `api.store.cache.FORMAT`."""
HASH = struct.Struct("<Q")
_POSITIONS = [
    ("hash", "<u8"),
    ("arm_start", "<u4"),
    ("arm_count", "<u4"),
    ("funnel_start", "<u4"),
    ("funnel_count", "<u4"),
    ("text_start", "<u8"),
    ("text_length", "<u4"),
    ("daily_arms", "<u4"),
    ("metric_start", "<u4"),
    ("metric_count", "<u4"),
    ("segment_count", "<u4"),
    ("is_valid", "u1"),
    ("decision", "u1"),
    ("srm_status", "u1"),
    ("unused", "u1"),
]
ENTRY_DTYPE = np.dtype([*_POSITIONS, *((name, "<f8") for name in NUMBERS)])
ENTRY = struct.Struct(f"<QIIIIQIIIIIBBBB{len(NUMBERS)}d")


class Entry(NamedTuple):
    """One record of the index; days count from 1970-01-01, NaN and `ABSENT` mean null."""

    hash: int
    arm_start: int
    arm_count: int
    funnel_start: int
    funnel_count: int
    text_start: int
    text_length: int
    daily_arms: int
    metric_start: int
    metric_count: int
    segment_count: int
    is_valid: int
    decision: int
    srm_status: int
    unused: int
    numbers: tuple[float, ...]

    def number(self, column: str) -> float | None:
        """Return a number of `NUMBERS`; None where the lake has none."""
        value = self.numbers[_NUMBER_AT[column]]
        return None if value != value else value  # noqa: PLR0124  NaN is what differs from itself


_NUMBER_AT = {name: position for position, name in enumerate(NUMBERS)}


def unpack_entry(block: bytes | memoryview, start: int) -> Entry:
    """Read the record that starts at a position of a block."""
    fields = ENTRY.unpack_from(block, start)
    return Entry._make((*fields[: len(_POSITIONS)], fields[len(_POSITIONS) :]))
