"""Look up what a client asks for, and answer requests for results before they reach FastAPI.

FastAPI spends more on routing, dependencies and wrappers than the answer itself costs. `FastResultMiddleware`
answers well-formed requests for a result; every other request goes on to the routes, which give the same answers.
"""

import re
from datetime import date
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from abtest_lib.errors import LakeError
from api.http.responses import reply, service_of
from api.routes.serializers import result
from api.store.day_file import ExperimentDay
from api.store.service import Service
from api.store.snapshot import Snapshot

_DAILY = "gold/experiment_daily"
_PATH = re.compile(rb"/experiment/([^/]+)/result")
_QUERY = re.compile(rb"day=([0-9]{4}-[0-9]{2}-[0-9]{2})|")
Found = tuple[Snapshot, str, date, ExperimentDay]


async def find(service: Service, written: str, day: date | None) -> Found | None:
    """Look up one experiment on one day.

    Args:
        service: The service of the application.
        written: The experiment, as the client wrote it.
        day: The day; None for the experiment's last.

    Returns:
        The snapshot, the name of the experiment, the day and its data; None without data.
    """
    snapshot = await service.holding(written, day)
    name = snapshot.directory.resolve(written)
    if name is None:
        return None
    day = day or snapshot.directory.last_day(name)
    file = snapshot.days.get(day)
    if file is None:
        return None
    # Reading a file may wait for the disk; requests that memory can answer must not wait for it.
    found = file.read(name) if file.in_memory else await run_in_threadpool(file.read, name)
    return None if found is None or not found.entry.daily_arms else (snapshot, name, day, found)


def result_reply(request: Request, written: str, found: Found) -> Response:
    """Return the response to `/experiment/{name}/result`."""
    snapshot, _, day, content = found
    version, catalogue = snapshot.manifest.versions.get(_DAILY), service_of(request).catalogue
    return reply(request, snapshot, result(written, day, content, version, snapshot.release(), catalogue))


class FastResultMiddleware:
    """Middleware that answers requests for results; see the module.

    Args:
        app: The application, for all other requests.
        service: The service with the results.
        route: The route of these requests, for the metrics.
    """

    def __init__(self, app: ASGIApp, service: Service, route: BaseRoute) -> None:
        self._app = app
        self._service = service
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a result that exists, or pass the request on."""
        response = await self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        await (response or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        path, query = _PATH.fullmatch(scope.get("raw_path") or b""), _QUERY.fullmatch(scope["query_string"])
        if path is None or query is None:
            return None
        written, day = unquote(path[1].decode("ascii", "replace")), query[1]
        try:
            found = await find(self._service, written, date.fromisoformat(day.decode()) if day else None)
        except (ValueError, LakeError):  # no day of the calendar, or nothing to read it from: the route explains
            return None
        scope["route"] = self._route
        return None if found is None else result_reply(Request(scope), written, found)
