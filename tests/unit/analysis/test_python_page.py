"""docs/python.md: its blocks run in order, on a few rows of an older demo lake, and print what the page shows."""

import json
import re
from contextlib import redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from metric_lakes import write_older

from abtest_lib import contracts

PAGE = Path(__file__).parents[3] / "docs" / "python.md"
ROWS = Path(__file__).with_name("demo_rows.json")
BLOCKS = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def from_json(row: dict[str, Any]) -> dict[str, Any]:
    days = {"day", "period_start", "decided_on"}
    return {name: date.fromisoformat(value) if name in days and value else value for name, value in row.items()}


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = tmp_path / "lake"
    for name, rows in json.loads(ROWS.read_text(encoding="utf-8")).items():
        contract = next(table for table in contracts.GOLD_TABLES if table.name == name)
        write_older(lake, contract, [from_json(row) for row in rows])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")


@pytest.mark.usefixtures("working_folder")
def test_the_page_shows_what_its_blocks_print() -> None:
    names: dict[str, Any] = {}
    found = BLOCKS.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) > 7
    for block, shown in found:
        with redirect_stdout(StringIO()) as printed:
            exec(block, names)  # noqa: S102  the page is ours
        assert printed.getvalue().strip("\n") == shown.strip("\n")
