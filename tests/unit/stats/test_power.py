"""Planning against statsmodels and simulation, and impossible plans."""

import numpy as np
import pytest
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail
from typer import Typer
from typer.testing import CliRunner, Result

from abtest_cli.plan import plan
from abtest_lib.errors import StatisticsError, UsageError
from abtest_lib.stats.power import Design, Rule, detectable_lift, find_power, users_per_arm
from abtest_lib.stats.proportions import score_statistic


@pytest.mark.parametrize(
    ("baseline", "lift", "arms", "power"),
    [(0.05, 0.1, 2, 0.8), (0.2, -0.05, 3, 0.9), (0.5, 0.02, 2, 0.7), (0.01, 0.3, 6, 0.8)],
)
def test_users_against_statsmodels(baseline: float, lift: float, arms: int, power: float) -> None:
    theirs = samplesize_proportions_2indep_onetail(
        abs(baseline * lift), min(baseline, baseline * (1 + lift)), power, alpha=0.05 / (arms - 1)
    )
    assert users_per_arm(Design(baseline, arms, power), lift) == int(np.ceil(theirs))


@pytest.mark.parametrize("rule", list(Rule))
def test_users_power_and_lift_agree(rule: Rule) -> None:
    design = Design(0.05, arms=3, power=0.8, rule=rule)
    users = users_per_arm(design, 0.1)
    assert find_power(design, 0.1, users) >= 0.8
    assert find_power(design, 0.1, users - 2) < 0.8
    assert detectable_lift(design, users) == pytest.approx(0.1, rel=1e-3)


def test_looking_daily_costs_a_little_when_planned_and_more_when_not() -> None:
    fixed, planned, unplanned = (users_per_arm(Design(0.05, rule=rule), 0.1) for rule in Rule)
    assert 1.0 < planned / fixed < 1.06
    assert 1.3 < unplanned / fixed < 2.2


def test_power_by_simulation() -> None:
    design, users = Design(0.05), 31_234
    rng = np.random.default_rng(11)
    x, x0 = rng.binomial(users, 0.055, 20_000), rng.binomial(users, 0.05, 20_000)
    found = (score_statistic(x, users, x0, users) > 1.959964).mean()
    assert found == pytest.approx(find_power(design, 0.1, users), abs=0.012)


@pytest.mark.parametrize(
    ("design", "lift", "words"),
    [
        ({"baseline": 0.0}, 0.1, "baseline is 0.0"),
        ({"baseline": 1.0}, 0.1, "baseline is 1.0"),
        ({"baseline": 0.5}, 1.5, "a lift of 1.5"),
        ({"baseline": 0.5}, -1.0, "a lift of -1.0"),
        ({"baseline": 0.5}, 0.0, "the effect is 0.0"),
        ({"baseline": 0.5}, 1e-9, "more than 1e"),
        ({"baseline": 0.5, "arms": 1}, 0.1, "arms is 1"),
        ({"baseline": 0.5, "power": 1.0}, 0.1, "power is 1.0"),
        ({"baseline": 0.5, "power": 0.01}, 0.1, "power is 0.01"),
        ({"baseline": 0.5, "looks": 0}, 0.1, "looks is 0"),
        ({"baseline": float("nan")}, 0.1, "baseline is nan"),
        ({"baseline": 1e-12}, 0.1, "baseline is 1e-12"),
        ({"baseline": 0.05, "arms": 10**6}, 0.1, "arms is 1000000: must be between 2 and 1,000"),
        ({"baseline": 0.05, "rule": Rule.PLANNED}, 1e-9, "more than 1e"),
    ],
)
def test_impossible_plans_are_errors(design: dict[str, float], lift: float, words: str) -> None:
    with pytest.raises(StatisticsError, match=words):
        users_per_arm(Design(**design), lift)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("baseline", "lift", "users"),
    [
        (0.01, 5.0, 286),  # 10 / 0.035 converting
        (0.9, -0.8, 22),  # 10 / 0.46 not converting
        (0.02, 8.0, 100),  # 10 / 0.1: a whole number stays what it is
    ],
)
@pytest.mark.parametrize("rule", [Rule.FIXED, Rule.PLANNED])
def test_no_plan_is_smaller_than_the_test_allows(baseline: float, lift: float, users: int, rule: Rule) -> None:
    assert users_per_arm(Design(baseline, rule=rule), lift) == users


def test_no_lift_is_found_by_a_test_that_is_not_made() -> None:
    # 222 users expect ten conversions when the mean of both is 10 / 222
    assert detectable_lift(Design(0.01), 222) == pytest.approx(2 * 10 / 222 / 0.01 - 2)
    assert detectable_lift(Design(0.5), 19) is None


def test_too_few_users_find_nothing() -> None:
    assert detectable_lift(Design(0.5), 3) is None
    with pytest.raises(StatisticsError, match="users per arm is 0: must be between 1"):
        detectable_lift(Design(0.5), 0)


def run_plan(*arguments: str, width: int = 200) -> Result:
    app = Typer()
    app.command()(plan)
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app, list(arguments))


def test_plan_says_users_and_days() -> None:
    result = run_plan("--baseline", "0.05", "--mde", "0.1", "--arms", "3", "--daily-users", "5000")
    assert result.exit_code == 0
    # statsmodels: 37,824 an arm; three arms at 5,000 a day: 22.7 days
    assert "37,824" in result.stdout
    assert "113,472" in result.stdout
    assert " 23 " in result.stdout


def test_plan_has_no_empty_column_and_wraps_only_where_it_must() -> None:
    wide = run_plan("--baseline", "0.05", "--mde", "0.1")
    assert "days" not in wide.stdout.splitlines()[1]
    assert "28 looks, one a day for four weeks" in wide.stdout
    assert any(line.startswith("Write the users") and line.endswith("sooner.") for line in wide.stdout.splitlines())
    ends = [line.rstrip().rfind("+10.00%") for line in wide.stdout.splitlines() if "+10.00%" in line]
    assert len(ends) == 3
    assert len(set(ends)) == 1


def test_plan_cuts_no_heading() -> None:
    narrow = run_plan("--baseline", "0.05", "--mde", "0.1", "--daily-users", "100", width=60).stdout
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 60


def test_plan_takes_no_percentage_for_the_baseline() -> None:
    error = run_plan("--baseline", "5", "--mde", "0.1").exception
    assert isinstance(error, UsageError)
    assert str(error) == "--baseline is 5: must be a share below 1; for 5 % write 0.05"


@pytest.mark.parametrize(("mde", "is_noted"), [("10", True), ("1", True), ("0.99", False), ("-0.5", False)])
def test_plan_says_what_a_large_lift_means(mde: str, is_noted: bool) -> None:  # noqa: FBT001
    result = run_plan("--baseline", "0.05", "--mde", mde)
    assert result.exit_code == 0
    assert ("note:" in result.stderr) is is_noted
    if mde == "10":
        assert result.stderr == "note: --mde 10 is a lift of +1000 %; for +10 % write 0.1\n"


def test_plan_says_what_a_running_experiment_can_find() -> None:
    result = run_plan("--baseline", "0.05", "--users", "31234")
    assert result.exit_code == 0
    assert "+10.00%" in result.stdout


@pytest.mark.parametrize(
    "arguments", [("--baseline", "0.05"), ("--baseline", "0.05", "--mde", "0.1", "--users", "100")]
)
def test_plan_needs_exactly_one_question(arguments: tuple[str, ...]) -> None:
    result = run_plan(*arguments)
    assert result.exit_code != 0
    assert "either --mde" in str(result.exception)
