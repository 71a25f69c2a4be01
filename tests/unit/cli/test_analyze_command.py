"""`abtest analyze`: counts as a person writes them."""

import json

import pytest
from typer.testing import CliRunner, Result

from abtest_cli import build_app
from abtest_lib import analyze
from abtest_lib.analysis.counts import parse_counts
from abtest_lib.errors import StatisticsError

COUNTS = "A=50/1000,B=70/1000"


def run(*arguments: str, width: int = 120) -> Result:
    return CliRunner(env={"COLUMNS": str(width)}).invoke(build_app(), ["analyze", *arguments])


def test_the_terminal_shows_arms_tests_and_both_rules() -> None:
    shown = run("--counts", COUNTS).output
    assert "50" in shown
    assert "chi-square 3.55 with 1 degree of freedom, p = 0.0597" in shown
    assert "As the last look of a plan: Keep the control A" in shown
    assert "Without a plan, looked at on any day: No decision yet" in shown


def test_json_is_what_python_gives() -> None:
    found = json.loads(run("--counts", COUNTS, "--control", "B", "--split", ".5,.5", "--json").output)
    assert found == analyze({"A": (1000, 50), "B": (1000, 70)}, "B", [0.5, 0.5]).to_dict()
    assert found["sample_ratio"]["is_planned"] is True


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_cut(width: int) -> None:
    lines = run("--counts", COUNTS, width=width).output.splitlines()
    assert max(map(len, lines)) <= width
    assert "+39.9%" in "".join(lines)


def test_names_may_hold_what_separates_numbers() -> None:
    assert parse_counts(" a=b/c = 5/10 , größe|日本=0/7,") == {"a=b/c": (10, 5), "größe|日本": (7, 0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--counts", "A=50"], "counts 'A=50': write NAME=CONVERSIONS/USERS for each arm"),
        (["--counts", "50/1000,70/1000"], "counts '50/1000': write NAME=CONVERSIONS/USERS for each arm"),
        (["--counts", ""], "counts '': write NAME=CONVERSIONS/USERS for each arm"),
        (["--counts", "A=50/1000,A=70/1000"], "arm 'A' occurs twice in counts: each arm once"),
        (
            ["--counts", "A=x/1000,B=70/1000"],
            "arm 'A' has 'x' conversions: must be a whole number from 0 to 10,000,000,000",
        ),
        (["--counts", "A=1e2/1000,B=70/1000"], "arm 'A' has '1e2' conversions: must be a whole number"),
        (["--counts", "A=-5/1000,B=70/1000"], "arm 'A' has '-5' conversions: must be a whole number"),
        (["--counts", "A=5/" + "9" * 500 + ",B=70/1000"], "must be a whole number from 0 to 10,000,000,000"),
        (["--counts", "A=1001/1000,B=70/1000"], "arm 'A' has 1001 conversions by 1000 users"),
        (["--counts", "A=50/1000"], "counts of 1 arm: there must be 2 to 50"),
        (["--counts", "A=1/2," * 5_000], "counts of 30,000 characters: at most 10,000 are read"),
        (["--counts", COUNTS, "--split", ".5,.6"], "split: the shares sum to 1.1: they must sum to 1"),
        (["--counts", COUNTS, "--split", ".5,half"], "split: share 'half': must be a number, such as .5"),
        (["--counts", COUNTS, "--split", ".5,nan"], "split: the share of arm 'B' is nan: must lie between 0 and 1"),
        (["--counts", COUNTS, "--control", "Z"], "control 'Z' is no arm: the arms are A, B"),
    ],
)
def test_bad_counts_are_one_line(arguments: list[str], message: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, StatisticsError)
    assert message in str(error)
    assert len(str(error)) < 300
    assert "\n" not in str(error)
