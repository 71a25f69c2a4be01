"""Guesses which columns of a file are the wanted ones under another name."""

import re
from collections.abc import Collection
from difflib import SequenceMatcher

from abtest_lib.contracts import RAW_FIELDS

_LIKE = {
    "event_name": "event event_type eventtype action event_action name type",
    "item_id": "item product product_id sku listing listing_id article",
    "timestamp": "ts time date datetime event_time eventtime created_at occurred_at event_timestamp",
    "site": "country market domain website locale marketplace",
    "experiments": "experiment tests ab_tests variants variant exposures assignments buckets treatments",
    "user_id": "user uid userid visitor visitor_id customer customer_id client_id member_id person distinct_id",
}
_ALIKE = 0.75


def hints(header: Collection[str]) -> str:
    """Describe the columns that look like missing ones.

    Args:
        header: The columns of a file.

    Returns:
        A clause for a message; empty if no column looks like one.

    Examples:
        >>> hints(["event_name", "item_id", "ts", "site", "experiments", "Visitor"])
        'ts looks like timestamp, Visitor like user_id: rename them'
    """
    others = [column for column in header if column not in RAW_FIELDS and column.strip()]
    found: list[tuple[str, str]] = []
    for wanted in (field for field in RAW_FIELDS if field not in header):
        taken = {column for column, _ in found}
        best = max((column for column in others if column not in taken), key=lambda c: _likeness(c, wanted), default="")
        if best and _likeness(best, wanted) >= _ALIKE:
            found.append((best, wanted))
    if not found:
        return ""
    (column, wanted), *rest = found
    clauses = [f"{column} looks like {wanted}", *(f"{other} like {field}" for other, field in rest)]
    return f"{', '.join(clauses)}: rename {'it' if len(found) == 1 else 'them'}"


def _likeness(column: str, wanted: str) -> float:
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip()).lower()).strip("_")
    if plain == wanted or plain.replace("_", "") == wanted.replace("_", ""):
        return 1.0
    if plain in _LIKE[wanted].split():
        return 0.9
    return SequenceMatcher(None, plain, wanted).ratio()
