"""The middleware of every request: id, HEAD, encoded slashes, API key, time limit, errors, headers, log line, metrics.

It is one ASGI middleware, because each further layer costs tens of microseconds per request.
"""

import asyncio
import hmac
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from time import perf_counter
from urllib.parse import unquote

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import problem, unexpected
from api.http.logs import REQUEST_ID
from api.http.metrics import Metrics
from api.http.names import ENCODED_SLASH
from api.settings import ApiSettings

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_OPEN_PATHS = {"/health/live", "/health/ready"}
log = structlog.get_logger("api.request")


class RequestMiddleware:
    """The middleware of every request; see the module.

    Args:
        app: The application that answers.
        settings: The API's settings.
        metrics: The metrics that count requests.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._timeout = settings.request_timeout_seconds
        self._logs = settings.log_requests
        self._keys = [bytes.fromhex(digest) for digest in settings.key_hashes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A copy: the server's own access log cannot write the changed path.
        scope = dict(scope)
        started, status, method = perf_counter(), 500, scope["method"]
        if method == "HEAD":
            scope["method"] = "GET"  # the same answer, sent without its body
        request_id = _request_id(scope["headers"])
        scope["request_id"] = request_id
        keep_encoded_slashes(scope)
        REQUEST_ID.set(request_id)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            elif method == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id)
        finally:
            self._finish(scope, method, status, perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._keys and scope["path"] not in _OPEN_PATHS and not self._is_allowed(scope["headers"]):
            await self._refuse(scope)(scope, receive, send)
            return
        has_begun = False

        async def send_once(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._timeout):
                await self._app(scope, receive, send_once)
        except TimeoutError:
            if has_begun:
                raise
            detail = f"no answer within {self._timeout:g} seconds: try again later"
            await problem(503, detail, scope["request_id"], {"Retry-After": "5"})(scope, receive, send)
        except Exception as error:
            # Caught here, inside CORS and the request id: an outer handler would leave both out.
            if has_begun:
                raise
            await unexpected(error, scope["request_id"])(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response:
        detail = "an API key is needed: send it as X-API-Key, or as Authorization: Bearer"
        return problem(401, detail, scope["request_id"], {"WWW-Authenticate": "Bearer"})

    def _is_allowed(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether the request has a known key; every hash is compared, in constant time."""
        given = b""
        for name, value in headers:
            if name == b"x-api-key":
                given = value
            elif name == b"authorization" and value[:7].lower() == b"bearer ":
                given = given or value[7:].strip()
        digest = sha256(given).digest()
        return sum([hmac.compare_digest(digest, known) for known in self._keys]) > 0

    def _finish(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "none")
        self._metrics.observe(method, route, status, seconds)
        if self._logs:
            path = scope.get("raw_path", b"").decode("ascii", "replace")
            log.info("request", method=method, path=path, status=status, ms=round(seconds * 1_000, 3))


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the client's request id if it is well formed, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return secrets.token_hex(8)


def keep_encoded_slashes(scope: Scope) -> None:
    """Treat `%2F` as part of a name, not as a separator of path segments.

    Examples:
        >>> scope = {"raw_path": b"/experiment/a%2Fresult"}
        >>> keep_encoded_slashes(scope)
        >>> scope["path"] == "/experiment/a" + ENCODED_SLASH + "result"
        True
    """
    raw = scope.get("raw_path") or b""
    if b"%" in raw:
        parts = _ENCODED_SLASH.split(raw.split(b"?", 1)[0])
        scope["path"] = ENCODED_SLASH.join(unquote(part.decode("ascii", "replace")) for part in parts)
