"""The report: one file, complete, harmless, with the API's numbers."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from lakes import LONELY, RANKING
from metric_lakes import REVENUE, SEARCHES
from serving import listening
from world import HOSTILE, build_lake

from dashboard import formatting, labels
from dashboard.client import Client
from dashboard.report import write_report

LARGEST = 100_000


class Tags(HTMLParser):
    """Every tag with its attributes, and all the text."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def api(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with listening(lake, tmp_path_factory.mktemp("cache")) as address, Client(address) as client:
        yield client


@pytest.mark.parametrize("name", [RANKING, LONELY, HOSTILE])
def test_a_report_is_one_harmless_file(api: Client, name: str) -> None:
    written = write_report(api, name)
    tags = Tags(written)
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "img", "link", "iframe", "object"})
    assert not any(key in attributes for _, attributes in tags.found for key in ("src", "href", "onerror", "onload"))
    assert "url(" not in written
    assert len(written.encode()) < LARGEST
    assert escape(name) in written
    for picture in re.findall(r"<svg.*?</svg>", written, re.DOTALL):
        assert ET.fromstring(picture).attrib["aria-label"]  # noqa: S314  written here
    assert not re.search(r"\d[eE][+-]\d", tags.text)


def test_a_report_has_the_numbers_of_the_api(api: Client) -> None:
    text = Tags(write_report(api, RANKING)).text
    now = api.history(RANKING)["points"][-1]
    assert formatting.sentence(now["verdict"]["explanation"]) in text
    assert len(now["variants"]) == 2
    for arm in now["variants"]:
        for shown in (
            formatting.count(arm["users"]),
            formatting.percent(arm["conversion_rate"]),
            formatting.lift(arm["lift"]),
        ):
            assert shown in text
    assert labels.BOUNDARY_TITLE in text
    assert labels.POSTERIOR_TITLE in text


def test_a_report_has_the_scorecard_and_the_goals_by_segment(api: Client) -> None:
    text = Tags(write_report(api, RANKING)).text
    assert labels.SCORECARD_TITLE in text
    assert [metric for metric in ("purchase", REVENUE, SEARCHES) if f"{labels.SEGMENTS_TITLE}: {metric}" in text] == [
        "purchase",
        REVENUE,
    ]
    assert text.count(labels.SEGMENTS_NOTE) == 2
    assert "✓ proven better" in text
    assert "+22.5\u00a0% (+7.0\u00a0…\u00a0+40.0)" in text
    assert labels.SCORECARD_TITLE not in Tags(write_report(api, LONELY)).text


@pytest.mark.parametrize("name", [RANKING, LONELY])
def test_percentages_have_one_form(api: Client, name: str) -> None:
    text = Tags(re.sub(r"<style>.*?</style>", "", write_report(api, name), flags=re.DOTALL)).text
    assert len(re.findall(r"\d\u00a0%", text)) > 3
    assert not re.search(r"\d ?%", text)


def test_a_report_of_an_earlier_day_knows_nothing_later(api: Client) -> None:
    written = write_report(api, RANKING, "2021-08-01")
    assert "2021-08-02" not in written.replace(api.experiment(RANKING)["release"]["published_at"], "")
    assert "is inconclusive" in written


def test_an_experiment_that_is_not_valid_says_so_first(api: Client) -> None:
    text = Tags(write_report(api, LONELY)).text
    assert labels.INVALID_TITLE in text
    assert "Fewer than two arms have users" in text


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from abtest_cli import main; main()", "report", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_reads_a_lake(lake: Path, tmp_path: Path) -> None:
    done = run(RANKING, "--lake", str(lake), "--day", "2021-08-02", "--out", str(tmp_path / "report.html"))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"<h1>{RANKING}, 2021-08-02</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["x"], "give either --lake", 2),
        (["x", "--api", "http://127.0.0.1:9"], "error: no API answers at http://127.0.0.1:9: start one with", 1),
        (["x", "--api", "127.0.0.1:9"], "--api '127.0.0.1:9': must be an address such as http://", 2),
        (["x", "--lake", "/no/such/lake"], "there is no lake at /no/such/lake: abtest run", 2),
        (["x", "--lake", "LAKE"], "No data found for experiment 'x': it holds ", 2),
        ([f"{RANKING}s", "--lake", "LAKE"], f"did you mean {RANKING}", 2),
        ([RANKING, "--lake", "LAKE", "--day", "yesterday"], "error: day 'yesterday': must be written YYYY-MM-DD", 2),
        ([RANKING, "--lake", "LAKE", "--day", "2020-01-01"], "choose a day from 2021-08-01 to 2021-08-02", 2),
        ([RANKING, "--lake", "LAKE", "--out", "/no/such/folder/r.html"], "there is no directory /no/such/folder", 2),
        ([RANKING, "--lake", "LAKE", "--out", "/"], "--out /: is a directory; name a file", 2),
    ],
)
def test_the_command_explains_what_is_wrong(lake: Path, arguments: list[str], message: str, code: int) -> None:
    done = run(*(str(lake) if argument == "LAKE" else argument for argument in arguments))
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.returncode == code
