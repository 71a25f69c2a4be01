"""Guesses which columns of a file are the wanted ones under another name."""

import re
from collections.abc import Collection
from difflib import SequenceMatcher

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.ingest.wanted_columns import SIX_FIELDS, WantedColumns

_LIKE = {
    "event_name": "event event_type eventtype action event_action name type",
    "item_id": "item product product_id sku listing listing_id article",
    "timestamp": "ts time date datetime event_time eventtime created_at occurred_at event_timestamp",
    "site": "country market domain website locale marketplace",
    "experiments": "experiment tests ab_tests variants variant exposures assignments buckets treatments",
    "user_id": "user uid userid visitor visitor_id customer customer_id client_id member_id person distinct_id",
}
_ALIKE = 0.75


def hints(header: Collection[str], wanted: WantedColumns = SIX_FIELDS) -> str:
    """Describe the columns that look like missing ones.

    Args:
        header: The columns of a file.
        wanted: The columns that should be there.

    Returns:
        A clause for a message; empty if no column looks like one.

    Examples:
        >>> hints(["event_name", "item_id", "ts", "site", "experiments", "Visitor"])
        'ts looks like timestamp, Visitor like user_id: rename them, or set column_names'
    """
    others = [column for column in header if column not in wanted.sources and column.strip()]
    found: list[tuple[str, str]] = []
    for name in (field for field in RAW_FIELDS if wanted.source(field) not in header):
        taken = {column for column, _ in found}
        best = max((column for column in others if column not in taken), key=lambda c: _likeness(c, name), default="")
        if best and _likeness(best, name) >= _ALIKE:
            found.append((best, name))
    if not found:
        return ""
    (column, field), *rest = found
    clauses = [f"{column} looks like {field}", *(f"{other} like {name}" for other, name in rest)]
    return f"{', '.join(clauses)}: rename {'it' if len(found) == 1 else 'them'}, or set column_names"


def _likeness(column: str, wanted: str) -> float:
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip()).lower()).strip("_")
    if plain == wanted or plain.replace("_", "") == wanted.replace("_", ""):
        return 1.0
    if plain in _LIKE[wanted].split():
        return 0.9
    return SequenceMatcher(None, plain, wanted).ratio()
