"""Clients of the application; the mirror runs in this process, so that tests do not wait."""

import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from httpx import Response
from pydantic import TypeAdapter

from api.http.connections import GuardedProtocol
from api.main import create_app
from api.mirror.process import mirror_once
from api.settings import ApiSettings, load_api_settings
from api.store.cache import Cache

with warnings.catch_warnings():
    # Starlette 1.x asks for httpx2, a fork that the other tools here do not speak yet.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


class Fields(dict[str, Any]):
    """A JSON object whose keys are attributes too."""

    __getattr__ = dict.__getitem__


def parse(shape: type, answer: Response) -> Any:
    """Return the content of an answer after checking it against its declaration."""
    TypeAdapter(shape).validate_python(answer.json())
    return json.loads(answer.text, object_hook=Fields)


def settings_for(lake: Path | str, cache: Path, **more: object) -> ApiSettings:
    given = {"lake": str(lake), "cache_dir": cache, "refresh_seconds": 0, "log_requests": False, "log_level": "error"}
    return load_api_settings(**{**given, **more})


def mirror(settings: ApiSettings) -> bool:
    cache = Cache(settings.cache_dir, settings.lake)
    cache.prepare()
    return mirror_once(settings, cache)


@contextmanager
def served(lake: Path | str, cache: Path, **more: object) -> Iterator[TestClient]:
    settings = settings_for(lake, cache, **more)
    mirror(settings)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(lake: Path | str, cache: Path, **more: object) -> Iterator[str]:
    """A real server on a free port of this machine; its address."""
    settings = settings_for(lake, cache, **more)
    mirror(settings)
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_level="error", access_log=False, http=GuardedProtocol)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
