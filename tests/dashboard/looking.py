"""Opening pages and reading what is on them."""

from pathlib import Path
from typing import Any

import pytest

# Below a page's own path Streamlit first asks for its server there, gets 404, and then asks at the root.
HARMLESS = ("/_stcore/health", "/_stcore/host-config")
SERIOUS = {"serious", "critical"}
DESKTOP, PHONE = 1440, 390


class Looker:
    """A browser tab that records all errors."""

    def __init__(self, browser: Any, address: str) -> None:
        self._browser = browser
        self._address = address
        self._pages: list[Any] = []
        self.problems: list[str] = []

    def open(self, path: str = "", width: int = DESKTOP, scheme: str = "light") -> Any:
        """Open a page and wait until it is complete."""
        page = self.start(path, width, scheme)
        self.wait(page)
        return page

    def start(self, path: str = "", width: int = DESKTOP, scheme: str = "light") -> Any:
        """Open a page."""
        page = self._browser.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        self._pages.append(page)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("requestfailed", lambda request: self.problems.append(f"not loaded: {request.url}"))
        page.on("response", self._note)
        page.on("console", self._read)
        page.goto(f"{self._address}/{path}")
        return page

    def wait(self, page: Any) -> None:
        """Wait until the page has stopped working."""
        page.wait_for_selector("h1, [data-testid=stAlert]", timeout=30_000)
        page.wait_for_timeout(150)
        page.wait_for_function(
            "!document.querySelector('[data-testid=stApp][data-test-script-state=running],"
            "[data-testid=stSkeleton],[data-stale=true],[data-testid=stSpinner]')",
            timeout=30_000,
        )
        page.wait_for_timeout(250)

    def close(self) -> None:
        """Close every tab."""
        for page in self._pages:
            page.close()

    def _note(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith(HARMLESS):
            self.problems.append(f"{response.status}: {response.url}")

    def _read(self, message: Any) -> None:
        is_harmless = message.location.get("url", "").endswith(HARMLESS)
        if message.type == "error" and not is_harmless:
            self.problems.append(f"console: {message.text}")


def cells(page: Any, caption_or_heading: str) -> list[dict[str, str]]:
    """The rows of the table that has a column with this heading."""
    found = page.evaluate(
        """heading => {
            const shown = node => node.innerText.trim();
            const tables = [...document.querySelectorAll('table.ab-table')];
            const table = tables.find(one => [...one.querySelectorAll('thead th')].some(th => shown(th) === heading));
            if (!table) return null;
            const names = [...table.querySelectorAll('thead th')].map(shown);
            return [...table.querySelectorAll('tbody tr')].map(row =>
                Object.fromEntries([...row.children].map((cell, place) => [names[place], shown(cell)])));
        }""",
        caption_or_heading,
    )
    assert found is not None, f"no table with a column '{caption_or_heading}'"
    rows: list[dict[str, str]] = found
    return rows


def metrics(page: Any) -> dict[str, str]:
    """The tiles: label to value."""
    found: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[data-testid=stMetric]')].map(tile => [
            tile.querySelector('[data-testid=stMetricLabel]').innerText.trim(),
            tile.querySelector('[data-testid=stMetricValue]').innerText.trim()]))"""
    )
    return found


def text(page: Any) -> str:
    """All text of the page."""
    found: str = page.inner_text("[data-testid=stMain]")
    return found


def download(page: Any, place: int = 0) -> str:
    """Click a download button and read the file."""
    with page.expect_download() as started:
        page.locator("[data-testid=stDownloadButton] button").nth(place).click()
    return Path(started.value.path()).read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """The serious violations that axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"][:3]
    ]
