"""The parts that all routes share: responses with entity tags, the `day` parameter, documented errors."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import AfterValidator, BeforeValidator
from starlette.responses import Response

from api.http.encoding import encode
from api.http.errors import PROBLEM_JSON, title_of
from api.http.names import as_written
from api.store.service import Service
from api.store.snapshot import Snapshot

_TAGS = re.compile(r'"[^"]*"')
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Responses = dict[int | str, dict[str, Any]]


def parse_day(value: object) -> object:
    """Read a day that a client wrote.

    Raises:
        ValueError: It is not a day of the calendar, or has another format.

    Examples:
        >>> parse_day("2021-08-01")
        datetime.date(2021, 8, 1)
    """
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value if _DAY.fullmatch(value) else "")
    except ValueError:
        raise ValueError("must be a day written YYYY-MM-DD, e.g. 2021-08-01") from None


PathText = Annotated[str, AfterValidator(as_written)]
"""A part of a path, which may contain encoded slashes."""

_WrittenDay = Annotated[date | None, BeforeValidator(parse_day)]
_EXAMPLES = ["2021-08-01"]
Day = Annotated[
    _WrittenDay, Query(description="YYYY-MM-DD; the experiment's last day when left out", examples=_EXAMPLES)
]
FirstDay = Annotated[
    _WrittenDay, Query(description="YYYY-MM-DD; from the experiment's first day when left out", examples=_EXAMPLES)
]
LastDay = Annotated[
    _WrittenDay,
    Query(
        description="YYYY-MM-DD, not before `first_day`; to the experiment's last day when left out",
        examples=_EXAMPLES,
    ),
]


def service_of(request: Request) -> Service:
    """Return the service of the application."""
    service: Service = request.app.state.service
    return service


def reply(request: Request, snapshot: Snapshot, answer: Mapping[str, object] | bytes) -> Response:
    """Return an answer with its entity tag, or 304 if the client already has it."""
    known = request.headers.get("if-none-match")
    headers = {"ETag": snapshot.etag, "Cache-Control": request.app.state.cache_control}
    if known is not None and _has(known, snapshot.etag):
        return Response(status_code=304, headers=headers)
    content = answer if isinstance(answer, bytes) else encode(answer)
    return Response(content, headers=headers, media_type="application/json")


def _has(known: str, tag: str) -> bool:
    """Return whether an If-None-Match names an entity tag, by weak comparison (RFC 9110, 8.8.3.2 and 13.1.2).

    Examples:
        >>> _has('"a", W/"b"', 'W/"a"'), _has("*", 'W/"a"'), _has('"ab"', 'W/"a"')
        (True, True, False)
    """
    return known.strip() == "*" or tag.removeprefix("W/") in _TAGS.findall(known)


def plain_reply(answer: Mapping[str, object], status: int = 200) -> Response:
    """Return an answer that clients must not cache."""
    return Response(encode(answer), status, {"Cache-Control": "no-store"}, "application/json")


def problem_doc(description: str, status: int, detail: str) -> dict[str, Any]:
    """Return the documentation of an error."""
    example = {"type": "about:blank", "title": description, "status": status, "detail": detail, "request_id": "4f6d"}
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": description, "content": content}


INVALID = problem_doc(title_of(422), 422, "day '01/08/2021': must be a day written YYYY-MM-DD, e.g. 2021-08-01")
NOT_LOADED = problem_doc(title_of(503), 503, "not loaded yet, try again later: no release is mirrored yet")


def documented(
    shape: type[Mapping[str, object]], example: Mapping[str, object], *, cached: bool = True, **more: dict[str, Any]
) -> Responses:
    """Return the `responses` of a route: its answer with an example, and its errors.

    Args:
        shape: The TypedDict of the answer.
        example: An answer of that shape.
        cached: Whether the answer has an entity tag.
        **more: More answers, by `s` and their status.
    """
    found: Responses = {
        200: {"model": shape, "description": "The answer", "content": {"application/json": {"example": example}}},
        422: INVALID,
        503: NOT_LOADED,
    }
    if cached:
        found[304] = {"description": "Not changed since the entity tag in If-None-Match"}
    return found | {int(key[1:]): value for key, value in more.items()}


def no_data_doc() -> dict[str, Any]:
    """Return the documentation of the 404 of an experiment."""
    example = {"detail": "No data found for experiment 'search/ranking' on day '2021-08-01'"}
    schema = {"$ref": "#/components/schemas/NoData"}
    return {"description": "No data", "content": {"application/json": {"schema": schema, "example": example}}}
