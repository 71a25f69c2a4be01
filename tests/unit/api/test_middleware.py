"""What the middleware does to a request."""

import asyncio
from types import SimpleNamespace
from typing import Any

from api.http.middleware import RequestMiddleware
from api.http.names import as_written
from api.settings import load_api_settings


def test_the_server_keeps_a_path_that_its_access_log_can_write() -> None:
    """Encoded slashes are marked for the application only: uvicorn's log failed on the mark, and the answer with it."""
    seen: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(as_written(scope["path"]))

    settings = load_api_settings(lake="x", log_requests=False)
    metrics: Any = SimpleNamespace(observe=lambda *_: None)
    middleware = RequestMiddleware(application, settings, metrics)
    path, raw = "/experiment/a/b", b"/experiment/a%2Fb"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": raw, "headers": []}
    asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type]  nothing is received or sent
    assert scope["path"].encode() == path.encode()
    assert seen == [path]


def test_head_is_answered_as_get_and_the_body_stays_here() -> None:
    """The test client and servers drop a body themselves, so they do not show it."""
    methods, sent, counted = [], [], []

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        methods.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    metrics: Any = SimpleNamespace(observe=lambda method, *_: counted.append(method))
    middleware = RequestMiddleware(application, load_api_settings(lake="x", log_requests=False), metrics)
    scope = {"type": "http", "method": "HEAD", "path": "/", "raw_path": b"/", "headers": []}
    asyncio.run(middleware(scope, None, send))  # type: ignore[arg-type]  nothing is received
    assert (methods, counted, scope["method"]) == (["GET"], ["HEAD"], "HEAD")
    assert (b"content-length", b"4") in sent[0]["headers"]
    assert [(message["body"], message["more_body"]) for message in sent[1:]] == [(b"", True), (b"", False)]
