"""`abtest plan --experiment`: the effect that a running experiment can still find."""

from datetime import date

import pyarrow as pa
import pytest
import typer
from deltalake import write_deltalake
from typer.testing import CliRunner, Result

from abtest_cli.plan import plan
from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.bayes.spark_udf import as_record_batch
from abtest_lib.contracts import EXPERIMENT_HEALTH, EXPERIMENT_TO_DATE, POSTERIORS
from abtest_lib.stats.power import Design, Rule, find_power

DAY = date(2021, 8, 10)


def _group(name: str, *arms: Arm) -> Group:
    return Group("to_date", DAY.isoformat(), name, "purchase", arms, arms[0].variant_id)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("lake"))
    groups = [
        _group("running", Arm("9", 10_000, 500), Arm("10", 8_000, 420), Arm("11", 0, 0)),
        _group("second period", Arm("9", 3_000, 150), Arm("10", 2_400, 130)),
        _group("no purchase", Arm("9", 100, 0), Arm("10", 80, 4)),
        _group("lonely", Arm("9", 100, 5), Arm("10", 0, 0)),
    ]
    batch = as_record_batch(fit_groups(groups, FitConfig("exact", DEFAULT_PRIOR, 1)))
    write_deltalake(POSTERIORS.path(folder), pa.Table.from_batches([batch]), partition_by=["day"])
    names = ["running", "second period"]
    health = {"day": [DAY] * 2, "experiment_name": names, "days_running": [10, 10]}
    write_deltalake(EXPERIMENT_HEALTH.path(folder), pa.table(health), partition_by=["day"])
    # The first was declared a month before anybody came; the second has had another split since the 8th.
    starts = [date(2021, 7, 1), date(2021, 8, 8)]
    counts = {"day": [DAY] * 2, "experiment_name": names, "period_start": starts}
    write_deltalake(EXPERIMENT_TO_DATE.path(folder), pa.table(counts), partition_by=["day"])
    return folder


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(plan)
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, list(arguments))


def test_it_says_what_is_found_today_and_in_four_weeks(lake: str) -> None:
    output = run("--experiment", "running", "--lake", lake).output
    assert "converts 5.00%; 2 arms, of which the smallest gains 800 users a day" in output
    today, later = (next(line for line in output.splitlines() if words in line) for words in ("to 2021", "28 days"))
    assert "8,000" in today
    assert "30,400" in later  # 8,000 users in 10 days, and 28 days more
    for line, users in ((today, 8_000), (later, 30_400)):
        shown = float(line.split()[-3].strip("%")) / 100
        assert find_power(Design(0.05, rule=Rule.FIXED), shown, users) == pytest.approx(0.8, abs=0.01)


def test_users_a_day_are_those_of_the_current_period(lake: str) -> None:
    # 2,400 users in three days
    assert "the smallest gains 800 users a day" in run("--experiment", "second period", "--lake", lake).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--experiment", "no purchase"], "has 0 purchases by 100 users on 2021-08-10"),
        (["--experiment", "lonely"], "users in one arm only"),
        (["--experiment", "runing"], "did you mean running?"),
        (["--experiment", "running", "--baseline", "0.1"], "--experiment and --lake alone"),
        ([], "both are needed"),
    ],
)
def test_an_impossible_plan_is_one_line(lake: str, arguments: list[str], message: str) -> None:
    result = run(*arguments, "--lake", lake)
    assert result.exit_code != 0
    assert message in str(result.exception)
