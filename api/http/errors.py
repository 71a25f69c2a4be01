"""Errors as problem details (RFC 9457), with the `detail` key that clients already read."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from abtest_lib.answers import NoData, Problem
from abtest_lib.errors import LakeError, UsageError, one_line
from api.http.encoding import encode
from api.routes.planner import BusyError
from api.routes.scorecards import UnknownNameError

PROBLEM_JSON = "application/problem+json"
_TITLES = {422: "Unprocessable Content"}  # RFC 9110; http.HTTPStatus has the older phrase before Python 3.13
log = structlog.get_logger("api.http.errors")


def title_of(status: int) -> str:
    """Return the title of a status in RFC 9110.

    Examples:
        >>> title_of(404), title_of(422)
        ('Not Found', 'Unprocessable Content')
    """
    return _TITLES.get(status) or HTTPStatus(status).phrase


def problem(status: int, detail: str, request_id: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """Return a problem as a response.

    Args:
        status: The HTTP status.
        detail: One line for a person.
        request_id: The request's id in the logs.
        headers: Additional headers.
    """
    content = Problem(type="about:blank", title=title_of(status), status=status, detail=detail)
    if request_id is not None:
        content["request_id"] = request_id
    return Response(encode(content), status, headers, PROBLEM_JSON)


def no_data(detail: str) -> Response:
    """Return the 404 that existing clients expect: only `detail`."""
    return Response(encode(NoData(detail=detail)), HTTPStatus.NOT_FOUND, media_type="application/json")


def install(app: FastAPI) -> None:
    """Answer known exceptions with a problem; `RequestMiddleware` answers the others."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(UsageError, _usage)
    app.add_exception_handler(UnknownNameError, _unknown)
    app.add_exception_handler(LakeError, _not_ready)
    app.add_exception_handler(BusyError, _busy)


def _id(request: Request) -> str | None:
    found: str | None = request.scope.get("request_id")
    return found


def _unknown(_: Request, error: Exception) -> Response:
    return no_data(one_line(error))


def _invalid(request: Request, error: Exception) -> Response:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    name = str(first.get("loc", ["the request"])[-1])
    shown = one_line(first.get("input"), 80)
    message = one_line(first.get("msg", "is not valid"), 160).removeprefix("Value error, ")
    detail = f"{name} is missing" if first.get("type") == "missing" else f"{name} '{shown}': {message}"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, _id(request))


def _http(request: Request, error: Exception) -> Response:
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR.value, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
    if headers and headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # `api.http.middleware` answers HEAD wherever there is a GET
    return problem(status, one_line(getattr(error, "detail", error)), _id(request), headers)


def _usage(request: Request, error: Exception) -> Response:
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, one_line(error), _id(request))


def _not_ready(request: Request, error: Exception) -> Response:
    log.warning("not ready", problem=str(error))
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, one_line(error), _id(request), {"Retry-After": "5"})


def _busy(request: Request, error: Exception) -> Response:
    return problem(HTTPStatus.TOO_MANY_REQUESTS, one_line(error), _id(request), {"Retry-After": "5"})


def unexpected(error: Exception, request_id: str) -> Response:
    """Log an unexpected error with its traceback, and answer without its details."""
    log.error("unexpected error", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the logs say more", request_id)
