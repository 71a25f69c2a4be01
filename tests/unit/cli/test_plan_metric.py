"""`abtest plan --metric` reads means and variances from a lake, or takes them by hand."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from abtest_cli import build_app
from abtest_cli.metric_values import read_values
from abtest_lib.contracts import METRIC_TO_DATE
from abtest_lib.errors import AbtestError
from tests.api.lakes import write

DAYS = (date(2021, 8, 1), date(2021, 8, 2))


def row(day: date, experiment: str, variant: str, metric: str, **sums: Any) -> dict[str, Any]:
    return {
        "day": day, "experiment_name": experiment, "variant_id": variant, "metric": metric, "segment": "all",
        "period_start": DAYS[0], **sums,
    }  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Hold sums of two days and two experiments; 200 users of either arm have a mean of 2."""
    rows = [
        row(DAYS[0], "large", "a", "revenue", users=9, sum_x=900.0, sum_xx=9e6),
        row(DAYS[1], "large", "a", "revenue", users=200, sum_x=400.0, sum_xx=1_000.0),
        row(DAYS[1], "large", "b", "revenue", users=200, sum_x=400.0, sum_xx=1_000.0),
        row(DAYS[1], "large", "a", "visits", users=400, sum_x=400.0, sum_xx=800.0),
        row(DAYS[1], "small", "a", "revenue", users=10, sum_x=100.0, sum_xx=9_000.0),
        row(DAYS[1], "large", "a", "revenue", users=7, sum_x=70.0, sum_xx=7e6) | {"segment": "site=MLA"},
    ]
    write(tmp_path, METRIC_TO_DATE, rows)
    return tmp_path


def output(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["plan", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["plan", *arguments])
    assert isinstance(result.exception, AbtestError), result.output
    return str(result.exception)


def test_the_latest_day_of_the_largest_experiment_is_read(lake: Path) -> None:
    experiment, values = read_values(str(lake), "revenue")
    assert experiment == "large"
    assert values.mean == 2
    assert values.sd**2 == pytest.approx((2_000 - 800**2 / 400) / 399)
    assert read_values(str(lake), "revenue", "small")[1].mean == 10


def test_the_largest_of_goal_and_guardrails_is_printed(lake: Path) -> None:
    # Variance 1.0025 of 4: 2·7.8489·0.25063/0.05² = 1,573.7; guardrail: power .8, variance 1.0025, margin 2 %.
    text = output("--metric", "revenue", "--mde", "0.05", "--lake", str(lake), "--guardrail", "visits=2%")
    one_look = next(line for line in text.splitlines() if "one look" in line)
    goal, guardrail, most, total = (int(word.replace(",", "")) for word in one_look.split()[-4:])
    assert goal == pytest.approx(1_574, abs=1)
    assert guardrail == pytest.approx(2 * 7.84888 * 1.0025 / 0.02**2, abs=1)
    assert (most, total) == (guardrail, 2 * guardrail)


def test_values_by_hand_need_no_lake() -> None:
    text = output("--metric", "revenue", "--mean", "10", "--sd", "20", "--mde", "0.05", "--daily-users", "1000")
    assert "25,117" in text
    assert "51" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "revenue"), "--mde"),
        (("--metric", "revenue", "--mde", "0.05"), "give --lake, or --mean and --sd"),
        (("--metric", "revenue", "--mde", "0.05", "--mean", "1"), "give --lake, or --mean and --sd"),
        (("--mean", "1", "--mde", "0.05"), "need --metric"),
        (("--metric", "x", "--mde", "0.1", "--mean", "1", "--sd", "1", "--guardrail", "y"), "NAME=MARGIN"),
    ],
)
def test_an_incomplete_plan_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def test_a_metric_that_is_not_there_is_named(lake: Path, tmp_path: Path) -> None:
    assert "there are revenue, visits" in refused("--metric", "revenu", "--mde", "0.05", "--lake", str(lake))
    assert "no gold/metric_to_date" in refused("--metric", "x", "--mde", "0.05", "--lake", str(tmp_path / "empty"))
