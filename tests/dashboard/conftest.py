"""The dashboard in a real browser: one API, one dashboard and one Chromium for all tests."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# pytest's importlib mode does not find modules next to a test; lakes and servers are those of the API's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "api"))
sys.path.insert(0, str(Path(__file__).parent))

from looking import Looker
from sites import Site, opened
from world import build_empty_lake, build_lake


def _chromium() -> str:
    named = os.environ.get("ABTEST_TEST_CHROMIUM")
    found = named or next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: install the system's package (apt-get install chromium), or set ABTEST_TEST_CHROMIUM")
    return found


# By module: Playwright keeps an event loop running in this thread, which other tests would stumble over.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not installed")
    executable = _chromium()
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield chromium.new_context(accept_downloads=True)  # one for all, so that scripts are loaded once
        chromium.close()


@pytest.fixture(scope="module")
def site(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    assert browser  # without one everything is skipped before servers are started
    with opened(build_lake(tmp_path_factory.mktemp("lake")), tmp_path_factory.mktemp("cache")) as found:
        yield found


@pytest.fixture(scope="module")
def empty_site(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    assert browser
    with opened(build_empty_lake(tmp_path_factory.mktemp("empty")), tmp_path_factory.mktemp("cache")) as found:
        yield found


@pytest.fixture
def look(browser: Any, site: Site) -> Iterator[Looker]:
    looker = Looker(browser, site.address)
    site.front.mode = "well"
    yield looker
    site.front.mode = "well"
    looker.close()
