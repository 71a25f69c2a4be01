"""The list of experiments: search, filters, order and pages."""

import base64
import binascii
import math
import operator
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from abtest_lib import answers
from abtest_lib.errors import UsageError
from api.routes.arms import challenger
from api.routes.verdicts import verdict, word
from api.store.day_index import ABSENT, DECISIONS
from api.store.snapshot import Snapshot

Sort = Literal["name", "-name", "first_day", "-first_day", "last_day", "-last_day", "participants", "-participants"]
Value = str | float


class _Cursor(NamedTuple):
    """The end of a page: the order, and value and name of its last row."""

    sort: Sort
    value: Annotated[str, Field(max_length=2_000)] | Annotated[float, Field(allow_inf_nan=False, ge=-1, le=1e15)]
    name: Annotated[str, Field(max_length=2_000)]


_CURSOR = TypeAdapter(_Cursor)


class ListQuery(BaseModel):
    """The parameters of the list."""

    model_config = ConfigDict(extra="ignore")

    search: Annotated[str | None, Field(max_length=500, description="a part of the name, in any case")] = None
    decision: Annotated[answers.Decision | None, Field(description="the decision on the last day")] = None
    is_valid: Annotated[bool | None, Field(description="whether the experiment is valid on the last day")] = None
    changed: Annotated[bool | None, Field(description="whether the decision changed on the last day")] = None
    sort: Annotated[Sort, Field(description="a minus puts the largest first; ties are sorted by name")] = "name"
    limit: Annotated[int, Field(ge=1, le=500, description="number of experiments on a page")] = 50
    cursor: Annotated[str | None, Field(max_length=4_000, description="`next_cursor` of the page before")] = None


def list_experiments(snapshot: Snapshot, query: ListQuery) -> answers.ExperimentList:
    """Return one page.

    Raises:
        UsageError: The cursor does not come from a page with this order.
    """
    names, value = snapshot.directory.names, _sort_value(snapshot, query.sort)
    descending = query.sort.startswith("-")
    rows = sorted(_matching(snapshot, query), key=value, reverse=descending)  # stable: ties stay in order of names
    total, cursor = len(rows), _read_cursor(query)
    if cursor is not None:
        last, name = cursor
        ahead = operator.lt if descending else operator.gt
        rows = [row for row in rows if ahead(value(row), last) or (value(row) == last and names[row] > name)]
    page = rows[: query.limit]
    more = len(rows) > len(page)
    return answers.ExperimentList(
        experiments=[_line(snapshot, row) for row in page],
        total=total,
        next_cursor=_write_cursor(query.sort, value(page[-1]), names[page[-1]]) if more else None,
        release=snapshot.release(),
    )


def _matching(snapshot: Snapshot, query: ListQuery) -> list[int]:
    directory = snapshot.directory
    keep = np.ones(len(directory.names), dtype=bool)
    if query.decision is not None:
        keep &= directory.last["decision"] == DECISIONS.index(query.decision)
    if query.is_valid is not None:
        keep &= directory.last["is_valid"] == float(query.is_valid)
    if query.changed is not None:
        before = directory.last["decision_before"]
        has_changed = (before != ABSENT) & (before != directory.last["decision"])
        keep &= has_changed == query.changed
    rows: list[int] = np.flatnonzero(keep).tolist()
    if query.search:
        wanted = query.search.casefold()
        rows = [row for row in rows if wanted in directory.names[row].casefold()]
    return rows


def _sort_value(snapshot: Snapshot, sort: Sort) -> Callable[[int], Value]:
    directory, column = snapshot.directory, sort.removeprefix("-")
    if column == "name":
        return directory.names.__getitem__
    if column == "participants":
        people: list[float] = np.nan_to_num(directory.last["participants_to_date"], nan=-1.0).tolist()
        return people.__getitem__
    days = [day.isoformat() for day in directory.days]
    positions = directory.spans()[0 if column == "first_day" else 1].tolist()
    return lambda row: days[positions[row]]


def _write_cursor(sort: Sort, value: Value, name: str) -> str:
    return base64.urlsafe_b64encode(_CURSOR.dump_json(_Cursor(sort, value, name))).decode()


def _read_cursor(query: ListQuery) -> tuple[Value, str] | None:
    if query.cursor is None:
        return None
    cursor = _parse_cursor(query.cursor)
    if cursor is None or cursor.sort != query.sort or isinstance(cursor.value, str) == _is_number(query.sort):
        raise UsageError("cursor: must be the next_cursor of a page with the same sort")
    return cursor.value, cursor.name


def _is_number(sort: Sort) -> bool:
    return sort.endswith("participants")


def _parse_cursor(text: str) -> _Cursor | None:
    """Read a cursor of `_write_cursor`; None for any other text."""
    try:
        return _CURSOR.validate_json(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None


def _line(snapshot: Snapshot, row: int) -> answers.ExperimentSummary:
    directory = snapshot.directory
    name, days = directory.names[row], directory.days_of(directory.names[row])
    last = {column: float(values[row]) for column, values in directory.last.items()}
    found = snapshot.read(name, days[-1])
    said = None if found is None else verdict(found)
    best, lift = (None, None) if found is None else challenger(found)
    return answers.ExperimentSummary(
        name=name,
        first_day=days[0].isoformat(),
        last_day=days[-1].isoformat(),
        days=len(days),
        variants=int(last["arm_count"]),
        participants=None if math.isnan(last["participants_to_date"]) else int(last["participants_to_date"]),
        decision=word(DECISIONS, last["decision"]),
        decision_before=word(DECISIONS, last["decision_before"]),
        is_valid=said and said["is_valid"],
        metric=said and said["metric"],
        winner=said and said["winner"],
        challenger=best,
        lift=lift,
        reasons=said["reasons"] if said else [],
    )
