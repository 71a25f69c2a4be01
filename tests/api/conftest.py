"""Clients of the application over small lakes; the mirror runs in this process, so that tests do not wait."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from api.cache import Cache
from api.main import create_app
from api.mirror import mirror_once
from api.settings import ApiSettings, load_api_settings

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not find modules beside a test

from lakes import build_lake

with warnings.catch_warnings():
    # Starlette 1.x asks for httpx2, a fork that the other tools here do not speak yet.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

Open = Callable[..., AbstractContextManager[TestClient]]


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


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def client(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(lake, tmp_path_factory.mktemp("cache")) as opened:
        yield opened
