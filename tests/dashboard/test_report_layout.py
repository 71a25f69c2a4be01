"""The report as it looks: on a phone, on screens, on paper."""

from pathlib import Path
from typing import Any

import pytest
from lakes import RANKING
from serving import listening
from world import build_lake

from dashboard.client import Client
from dashboard.report import write_report

# A4 between the margins that browsers print with
PAPER = 717
BROKEN = """() => [...document.querySelectorAll('tbody th, tbody td:not([data-label="Lift over control"])')]
    .filter(cell => {
        const all = document.createRange();
        all.selectNodeContents(cell);
        const lines = new Set([...all.getClientRects()].map(box => Math.round(box.top)));
        return lines.size > 1 && !cell.textContent.trim().replaceAll('\\u00a0', '').includes(' ');
    }).map(cell => cell.textContent)"""
TOO_WIDE = """() => [...document.querySelectorAll('table')]
    .filter(table => table.scrollWidth > table.parentElement.clientWidth).map(table => table.textContent)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    lake = build_lake(tmp_path_factory.mktemp("lake"))
    with listening(lake, tmp_path_factory.mktemp("cache")) as address, Client(address) as client:
        written = write_report(client, RANKING)
    file = Path(folder) / "report.html"
    file.write_text(written, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize(
    ("width", "media"), [(390, "screen"), (800, "screen"), (1100, "screen"), (1440, "screen"), (PAPER, "print")]
)
def test_nothing_breaks_and_nothing_sticks_out(browser: Any, report: str, width: int, media: str) -> None:
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media=media)
    page.goto(report)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelectorAll('table').length") >= 3
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(BROKEN) == []
    finally:
        page.close()
