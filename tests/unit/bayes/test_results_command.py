"""`abtest results`, on a lake with posteriors written without Spark."""

from pathlib import Path

import pyarrow as pa
import pytest
import typer
from deltalake import write_deltalake
from typer.testing import CliRunner, Result

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.mapper import as_record_batch
from abtest_lib.bayes.plan import Plan
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.cli.results import interval_plot, results
from abtest_lib.contracts import POSTERIORS
from abtest_lib.errors import LakeError, UsageError

NAME = "search/[bold]x\nline"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("lake"))
    arms = (Arm("9", 1000, 90), Arm("10", 1000, 150), Arm("11", 0, 0))
    groups = [
        Group(window, day, NAME, "purchase", arms, "9")
        for window in ("day", "to_date")
        for day in ("2021-08-01", "2021-08-02")
    ]
    groups.append(Group("to_date", "2021-08-02", "lonely", "purchase", (Arm("A", 5, 1),), "A"))
    batch = as_record_batch(fit_groups(groups, Plan("exact", DEFAULT_PRIOR, 1)))
    write_deltalake(POSTERIORS.path(folder), pa.Table.from_batches([batch]), partition_by=["day"])
    return folder


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(results)
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments))


def _line(lines: list[str], start: str) -> str:
    (found,) = (line for line in lines if line.strip().startswith(start))
    return found


def test_arms_are_shown_in_natural_order_with_their_intervals(lake: str) -> None:
    output = run(NAME, "--lake", lake, "--day", "2021-08-01").output
    assert "search/[bold]x line on 2021-08-01, to date" in output
    lines = output.splitlines()
    control, better, empty = (_line(lines, arm) for arm in ("9 (control)", "10 ", "11 "))
    assert lines.index(control) < lines.index(better) < lines.index(empty)
    assert "1,000" in control
    assert "●" in control
    assert control.index("├") < better.index("├")
    assert "100.0%" in better
    assert "├" not in empty
    assert "failed: no users in this arm" in output
    assert "exact, prior exponential, model" in output


def test_the_last_day_is_the_default_and_a_failed_experiment_says_why(lake: str) -> None:
    assert "on 2021-08-02" in run(NAME, "--lake", lake).output
    assert "failed: only one arm with users: a comparison needs two" in run("lonely", "--lake", lake).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lonly"], "did you mean lonely?"),
        (["zzzzzzz"], "it holds 2 others"),
        ([NAME, "--day", "2020-01-01"], "there are some from 2021-08-01 to 2021-08-02"),
        ([NAME, "--window", "week"], "the windows are to_date, day"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(lake: str, arguments: list[str], message: str) -> None:
    error = run(*arguments, "--lake", lake).exception
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert "\n" not in str(error)


def test_a_lake_without_posteriors(tmp_path: Path) -> None:
    error = run("x", "--lake", str(tmp_path)).exception
    assert isinstance(error, LakeError)
    assert "run the pipeline first" in str(error)


def test_a_narrow_terminal_gets_what_matters_most(lake: str) -> None:
    app = typer.Typer()
    app.command()(results)
    output = CliRunner(env={"COLUMNS": "84"}).invoke(app, [NAME, "--lake", lake]).output
    assert "expected loss" not in output
    assert "100.0%" in output
    assert max(map(len, output.splitlines())) <= 84


def test_the_plot_keeps_its_width() -> None:
    assert len(interval_plot(0.0, 0.5, 1.0, 0.0, 1.0, 20)) == len(interval_plot(0.2, 0.2, 0.2, 0.0, 1.0, 20)) == 20
    assert interval_plot(None, None, None, 0.0, 1.0, 20) == ""
