"""`abtest results`, on a lake with posteriors written without Spark."""

from pathlib import Path

import pyarrow as pa
import pytest
import typer
from deltalake import write_deltalake
from typer.testing import CliRunner, Result

from abtest_cli.results import results
from abtest_lib.analysis.arms_table import interval_plot
from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.bayes.spark_udf import as_record_batch
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
    batch = as_record_batch(fit_groups(groups, FitConfig("exact", DEFAULT_PRIOR, 1)))
    write_deltalake(POSTERIORS.path(folder), pa.Table.from_batches([batch]), partition_by=["day"])
    return folder


def run(*arguments: str, width: int = 200) -> Result:
    app = typer.Typer()
    app.command()(results)
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app, list(arguments))


def write_lake(folder: Path, *groups: Group) -> str:
    batch = as_record_batch(fit_groups(list(groups), FitConfig("exact", DEFAULT_PRIOR, 1)))
    write_deltalake(POSTERIORS.path(str(folder)), pa.Table.from_batches([batch]), partition_by=["day"])
    return str(folder)


def _line(lines: list[str], start: str) -> str:
    (found,) = (line for line in lines if line.strip().startswith(start))
    return found


def test_arms_are_shown_in_natural_order_with_their_intervals(lake: str) -> None:
    output = run(NAME, "--lake", lake, "--day", "2021-08-01").output
    assert "search/[bold]x line on 2021-08-01, to date" in output
    lines = output.splitlines()
    control, better, empty = (_line(lines, arm) for arm in ("9 *", "10 ", "11 "))
    assert lines.index(control) < lines.index(better) < lines.index(empty)
    assert "1,000" in control
    assert "●" in control
    assert control.index("├") < better.index("├")
    assert ">99.9%" in better
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
        (["zzzzzzz"], "it holds 2 others; the nearest: search/[bold]x line, lonely"),
        ([NAME, "--day", "2020-01-01"], "there are some from 2021-08-01 to 2021-08-02"),
        ([NAME, "--window", "week"], "the windows are to_date, day"),
    ],
)
def test_wrong_arguments_are_an_error_of_one_line(lake: str, arguments: list[str], message: str) -> None:
    error = run(*arguments, "--lake", lake).exception
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert "\n" not in str(error)


def test_a_lake_without_posteriors(tmp_path: Path) -> None:
    error = run("x", "--lake", str(tmp_path)).exception
    assert isinstance(error, LakeError)
    assert f"lake {tmp_path} holds no results: run the pipeline first" in str(error)


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 100, 120, 200])
def test_columns_go_before_anything_is_cut(lake: str, width: int) -> None:
    output = run(NAME, "--lake", lake, width=width).output
    lines = output.splitlines()
    assert max(map(len, lines)) <= width
    assert "+65.5%" in _line(lines, "10 ")  # the median lift stays to the end
    assert ("1,000" in _line(lines, "9 *")) == (width >= 50)
    assert (">99.9%" in output) == (width >= 60)
    assert ("expected loss" in output) == (width >= 120)


def test_a_long_name_of_an_arm_is_folded_only_where_it_must(tmp_path: Path) -> None:
    arms = (Arm("checkout-button-green", 1000, 90), Arm("checkout-button-blue", 1000, 99))
    lake = write_lake(tmp_path, Group("to_date", "2021-08-01", "x", "purchase", arms, arms[0].variant_id))
    assert "checkout-button-green *" in run("x", "--lake", lake, width=140).output
    narrow = run("x", "--lake", lake, width=60).output.splitlines()
    assert max(map(len, narrow)) <= 60
    starts = [line.split()[0] for line in narrow if line.startswith(" checkout-")]
    assert len(starts) == 2
    assert min(map(len, starts)) >= 16


def test_conversion_is_counted_and_the_plot_shows_the_posterior(lake: str) -> None:
    output = run("lonely", "--lake", lake).output
    assert "20.00%" in _line(output.splitlines(), "A *")  # 1 of 5, though a single arm has no posterior
    assert "conversion: purchases / users; ├─●─┤: posterior mean and 95 % interval" in output


def test_arms_without_purchases_are_drawn(tmp_path: Path) -> None:
    arms = tuple(Arm(str(place), 50 * (place + 1), 0) for place in range(12))
    lake = write_lake(tmp_path, Group("to_date", "2021-08-01", "x", "purchase", arms, "0"))
    result = run("x", "--lake", lake)
    assert result.exception is None
    assert sum("●" in line for line in result.output.splitlines() if "0.00%" in line) == 12


def test_one_other_experiment_is_one(tmp_path: Path) -> None:
    arms = (Arm("A", 50, 5), Arm("B", 50, 6))
    lake = write_lake(tmp_path, Group("to_date", "2021-08-01", "zebra", "purchase", arms, "A"))
    assert str(run("quux", "--lake", lake).exception).endswith(": it holds 1 other; the nearest: zebra")


def test_the_plot_keeps_its_width() -> None:
    assert len(interval_plot(0.0, 0.5, 1.0, 0.0, 1.0, 20)) == len(interval_plot(0.2, 0.2, 0.2, 0.0, 1.0, 20)) == 20
    assert interval_plot(None, None, None, 0.0, 1.0, 20) == ""


def test_a_mean_beyond_the_scale_is_drawn_at_its_end() -> None:
    assert interval_plot(0.0, 0.3, 0.1, 0.0, 0.2, 11) == "├────┤    ●"
