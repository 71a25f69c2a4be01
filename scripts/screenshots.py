"""Pictures of the dashboard for the README and the documentation: `make screenshots`.

They are taken with the system's Chromium and stored with few colours, so that each stays small.
"""

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

EXPERIMENT = "search/price-badge"
PAGES = {
    "overview": "",
    "experiment": f"experiment?name={quote(EXPERIMENT, safe='')}",
    "not-valid": f"experiment?name={quote('vip/seller-with-tooltip', safe='')}",
    "pipeline": "pipeline",
    "plan": "plan?per_day=5000",
    "calculator": "calculator",
    "try": f"try?name={quote(EXPERIMENT, safe='')}",
    "reference": "reference",
}
TALLEST = {1440: 1445, 390: 1700}
COLOURS = 128
READY = (
    "!document.querySelector('[data-testid=stApp][data-test-script-state=running],[data-testid=stSkeleton],"
    "[data-stale=true],[data-testid=stSpinner]')"
)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", required=True, help="the demo lake")
    parser.add_argument("--registry", required=True, help="its experiment registry")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("error: no Chromium: install the system's package (apt-get install chromium)")
    given.out.mkdir(parents=True, exist_ok=True)
    api, shown = _free_port(), _free_port()
    with ExitStack() as stack:
        folder = str(Path(given.lake).parent / "cache")
        serve = ("serve", "--lake", given.lake, "--port", str(api), "--cache-dir", folder)
        stack.enter_context(_running(serve, {"ABTEST_REGISTRY": given.registry, "ABTEST_API_LOG_LEVEL": "error"}))
        _wait_for(f"http://127.0.0.1:{api}/health/ready")
        stack.enter_context(_running(("dashboard", "--api", f"http://127.0.0.1:{api}", "--port", str(shown)), {}))
        _wait_for(f"http://127.0.0.1:{shown}/_stcore/health")
        _take(chromium, f"http://127.0.0.1:{shown}", given.out)


def _take(chromium: str, address: str, out: Path) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only where there is a Chromium

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width in TALLEST:
            for name, path in PAGES.items():
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(f"{address}/{path}")
                _picture(page, width, out / f"{name}-{width}.png")
                page.close()
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        page.goto(f"{address}/{PAGES['experiment']}")
        _picture(page, 1440, out / "experiment-dark-1440.png")
        browser.close()


def _picture(page: Any, width: int, file: Path) -> None:  # noqa: ANN401  Playwright is imported late
    from PIL import Image  # noqa: PLC0415

    page.wait_for_selector("h1")
    _settle(page)
    tall = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(tall + 20, TALLEST[width])})
    _settle(page)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)
    sys.stdout.write(f"{file} ({file.stat().st_size // 1_000} kB)\n")


def _settle(page: Any) -> None:  # noqa: ANN401
    page.wait_for_timeout(400)
    page.wait_for_function(READY, timeout=60_000)
    page.wait_for_timeout(1_000)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _running(command: tuple[str, ...], environment: dict[str, str]) -> Iterator[None]:
    program = "from abtest_cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command], env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            httpx.get(address, timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"error: nothing answers at {address}")


if __name__ == "__main__":
    main()
