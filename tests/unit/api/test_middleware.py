"""What the middleware does to a request."""

import asyncio
from types import SimpleNamespace
from typing import Any

from api.middleware import RequestMiddleware
from api.names import as_written
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
