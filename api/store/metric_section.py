"""The metrics of a day file: one row of doubles per experiment × metric × segment × arm compared with the control.

Purchases by all users are not among the rows: their numbers are those of the arm. The rows of an experiment begin with
those of all users; the rows of its segments follow.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from abtest_lib.metrics import PURCHASE

EVERYBODY = "all"
COMPARED = (
    *("margin", "users", "control_users", "value", "control_value"),
    *("difference", "difference_lower", "difference_upper", "lift", "lift_lower", "lift_upper"),
    *("decision_lower", "decision_upper", "boundary", "p_adjusted", "p_holm"),
    *("unadjusted_difference", "unadjusted_lower", "unadjusted_upper", "variance_reduction", "interaction_p_value"),
)
FITTED = ("probability_best", "probability_beats_control", "expected_loss")
COUNTED = ("capped_users", "mature_users")
CODED = ("metric", "segment", "role", "status")
NUMBERS = (*COMPARED, *FITTED, *COUNTED)
"""The numbers of a row, in order; a change here needs a new `api.store.cache.FORMAT`."""
ROW = struct.Struct(f"<{1 + len(CODED) + len(NUMBERS)}d")
Codes = Mapping[str, list[str]]
Numbers = tuple[float | None, ...]

OF_PURCHASES = (
    *(f"comparison.to_date.{name}" for name in COMPARED),
    *(f"posterior.to_date.{name}" for name in FITTED),
    *(f"metric.{name}" for name in COUNTED),
)
"""The columns of an arm that hold the same numbers of purchases by all users."""


class MetricRow(NamedTuple):
    """One metric of one arm, of all users or of a segment.

    `arm` is the position of the arm, `numbers` are those of `NUMBERS`.
    """

    arm: int
    metric: str
    segment: str
    role: str | None
    status: str | None
    numbers: Numbers


def unpack_metrics(data: bytes | memoryview, codes: Codes) -> Iterator[MetricRow]:
    """Yield the rows of a part of the section."""
    for arm, *values in ROW.iter_unpack(data):
        known = [None if value != value else value for value in values]  # noqa: PLR0124  NaN differs from itself
        words = [None if code is None else codes[name][int(code)] for name, code in zip(CODED, known, strict=False)]
        metric, segment, role, status = words
        yield MetricRow(int(arm), metric or PURCHASE, segment or EVERYBODY, role, status, tuple(known[len(CODED) :]))
