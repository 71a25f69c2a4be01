"""`abtest generate`: what it says."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from abtest_cli import main; main()", "generate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml"], "error: --format is 'xml': must be one of csv, csv.gz, json,"),
        (["--start", "tomorrow"], "error: day 'tomorrow': must be written YYYY-MM-DD, such as 2021-08-01"),
        (["--users", "0"], "error: users = 0: must be at least 1"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(*arguments, "--out", str(tmp_path / "events"))
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_one_event_is_one(tmp_path: Path) -> None:
    done = run("--users", "1", "--days", "1", "--out", str(tmp_path / "events.csv"))
    assert len((tmp_path / "events.csv").read_text(encoding="utf-8").splitlines()) == 2  # the header is no event
    assert done.stderr.startswith("1 event in ")


def test_the_default_of_a_date_is_a_date() -> None:
    shown = run("--help").stdout
    assert "[default: 2021-08-01]" in shown
    assert "00:00" not in shown
