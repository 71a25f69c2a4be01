"""What the settings `event_columns` and `column_names` may hold."""

import re
from collections.abc import Mapping

from abtest_lib.contracts import EVENTS, EXPOSURES, PARTICIPANTS, QUARANTINE, RAW_FIELDS
from abtest_lib.near_names import hint

TYPES = ("double", "string")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_MOST_COLUMNS = 100
_TAKEN = {
    *(name for table in (EVENTS, QUARANTINE, EXPOSURES, PARTICIPANTS) for name in table.column_names),
    *("day", "event_time", "is_sound", "is_valid", "is_forgotten", "map_faults", "copy", "is_known"),
}


def check_event_columns(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns if their names and types are allowed.

    Raises:
        ValueError: A name or a type is not allowed; the message says what is.
    """
    if len(columns) > _MOST_COLUMNS:
        raise ValueError(f"{len(columns)} columns: at most {_MOST_COLUMNS} are allowed")
    for name, kind in columns.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"column {name!r}: a name has letters, digits and _, and begins with a letter")
        if name.lower() in _TAKEN:
            raise ValueError(f"column {name}: a table has a column of this name, so choose another")
        if kind not in TYPES:
            raise ValueError(f"column {name} of type {kind!r}: the types are {' and '.join(TYPES)}")
    if len({name.lower() for name in columns}) < len(columns):
        raise ValueError("two columns differ only in upper and lower case")
    return dict(columns)


def check_column_names(names: Mapping[str, str], event_columns: Mapping[str, str]) -> dict[str, str]:
    """Return the names if each belongs to a field and no two fields have the same.

    Raises:
        ValueError: As `check_event_columns`.
    """
    fields = (*RAW_FIELDS, *event_columns)
    for name, source in names.items():
        if name not in fields:
            raise ValueError(f"there is no field {name}; {hint(name, fields)}")
        if not source.strip() or not source.isprintable():
            raise ValueError(f"field {name} is read from {source!r}: give the name of a column of the input")
    sources = [names.get(name, name).lower() for name in fields]  # Spark takes `ts` and `TS` for one column
    twice = sorted({source for source in sources if sources.count(source) > 1})
    if twice:
        raise ValueError(
            f"two fields are read from column {twice[0]} (in upper or lower case): give each its own column"
        )
    return dict(names)
