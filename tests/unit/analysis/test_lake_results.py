"""The results of a lake, read without Spark: the numbers are those of the rows that were written."""

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import lakes
import pytest
from lakes import DAY_1, DAY_2, RANKING, WEIRD

from abtest_lib import contracts, open_lake
from abtest_lib.analysis.arms import Interval
from abtest_lib.contracts.enums import Decision, Window
from abtest_lib.errors import AbtestError, ConfigError, LakeError, UsageError


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lakes.build_lake(tmp_path_factory.mktemp("lake"))


def test_a_result_has_the_numbers_of_the_tables(lake: Path) -> None:
    result = open_lake(lake).result(RANKING)
    assert (result.experiment, result.day, result.window) == (RANKING, DAY_2, Window.TO_DATE)
    assert (result.decision, result.reasons, result.explanation) == (Decision.SHIP, (), "search/ranking is ship.")
    assert result.verdict is not None
    assert (result.verdict.decided_on, result.verdict.srm_p_value) == (DAY_2, 0.5)
    assert [arm.id for arm in result.arms] == ["4915", "4916"]
    assert result.control == result["4915"]
    arm = result["4916"]
    assert (arm.users, arm.purchases, arm.conversion, arm.is_control) == (100, 5, 0.05, False)
    assert (arm.lift, arm.lift_interval, arm.interval) == (0.25, Interval(-0.1, 0.7), Interval(0.03, 0.07))
    assert arm.posterior is not None
    assert (arm.posterior.probability_best, arm.posterior.hdi) == (0.6, Interval(0.031, 0.069))
    assert arm.comparison is not None
    assert (arm.comparison.difference, arm.comparison.boundary) == (0.01, 2.9)
    assert arm.comparison.decision_interval == Interval(-0.03, 0.05)
    assert (result["4915"].comparison, result["4915"].lift) == (None, None)


@pytest.mark.parametrize("day", [DAY_1, "2021-08-01", datetime(2021, 8, 1, 7)])  # noqa: DTZ001  only its date matters
def test_another_day(lake: Path, day: date | str) -> None:
    result = open_lake(lake).result(RANKING, day)
    assert (result.day, result.decision) == (DAY_1, Decision.INCONCLUSIVE)
    assert result.release is not None
    assert result.release.run_id == "run-1"
    alone = open_lake(lake).result(RANKING, day, "day")
    assert (alone.window, len(alone.arms), alone.decision) == (Window.DAY, 2, Decision.INCONCLUSIVE)


def test_an_experiment_without_posteriors_shows_its_verdict(lake: Path) -> None:
    result = open_lake(lake).result(WEIRD)
    assert (result.decision, result.arms, result.control) == (Decision.INVALID, (), None)
    assert "is invalid." in repr(result)
    with pytest.raises(AbtestError, match="no users in any arm"):
        result.plot()


def test_the_list_of_experiments(lake: Path) -> None:
    experiments = open_lake(lake).experiments()
    assert [(item.name, item.decision, item.day) for item in experiments] == [
        (RANKING, Decision.SHIP, DAY_2),
        (WEIRD, Decision.INVALID, DAY_1),
    ]
    assert (experiments[0].users, experiments[1].users) == (390, 0)
    assert (len(experiments), len(experiments[:1]), type(experiments[:1])) == (2, 1, type(experiments))
    assert RANKING in repr(experiments)
    assert "päron|&quot;x&quot;" in experiments._repr_html_()
    frame = experiments.to_pandas()
    assert list(frame["experiment_name"]) == [RANKING, WEIRD]
    assert list(frame["decision"]) == ["ship", "invalid"]


def test_a_release_stays_what_it_was_until_the_next(tmp_path: Path) -> None:
    lakes.build_lake(tmp_path)
    later = [row | {"explanation": "Changed."} for row in lakes.verdicts()]
    version = lakes.write(tmp_path, contracts.VERDICTS, later)
    opened = open_lake(tmp_path)
    assert opened.result(RANKING).explanation == "search/ranking is ship."
    versions = dict(opened.release.versions) if opened.release else {}
    lakes.publish(tmp_path, "run-2", versions | {"gold/verdicts": version})
    assert opened.result(RANKING).explanation == "search/ranking is ship."
    assert open_lake(tmp_path).result(RANKING).explanation == "Changed."
    assert open_lake(tmp_path).experiments()[0].explanation == "Changed."


def test_a_lake_that_published_nothing_is_read_as_it_is(tmp_path: Path) -> None:
    lakes.write_gold(tmp_path)
    opened = open_lake(str(tmp_path))
    assert opened.release is None
    assert opened.result(RANKING).decision is Decision.SHIP
    assert repr(opened) == f"<results in {tmp_path}, no release>"


@pytest.mark.parametrize(
    ("name", "day", "window", "message"),
    [
        ("search/rankin", None, "to_date", "no experiment 'search/rankin' in {lake}: did you mean search/ranking?"),
        ("zzzz", None, "to_date", "it holds 2 others; the nearest: "),
        (
            RANKING,
            "2020-01-01",
            "to_date",
            "no result of 'search/ranking' on 2020-01-01: there are some from 2021-08-01",
        ),
        (RANKING, "01/08/2021", "to_date", "day '01/08/2021': must be a day written YYYY-MM-DD, e.g. 2021-08-01"),
        (RANKING, None, "week", "unknown window 'week': the windows are to_date, day"),
    ],
)
def test_what_is_not_there_is_one_line(lake: Path, name: str, day: str | None, window: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_lake(lake).result(name, day, window)
    assert message.format(lake=lake) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_lake_and_a_lake_without_results(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no lake at .*/nothing: abtest run --input PATH"):
        open_lake(tmp_path / "nothing")
    assert len(open_lake(tmp_path).experiments()) == 0
    with pytest.raises(LakeError, match="holds no results: run the pipeline first"):
        open_lake(tmp_path).result("x")


def test_reading_imports_nothing_heavy(lake: Path) -> None:
    program = f"""
import sys
from abtest_lib import open_lake
repr(open_lake({str(lake)!r}).result({RANKING!r}))
repr(open_lake({str(lake)!r}).experiments())
print(*{{"pandas", "pyspark", "jax", "scipy.stats", "plotly", "streamlit"}} & set(sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == ""


def test_a_damaged_table_is_one_line(tmp_path: Path) -> None:
    lakes.build_lake(tmp_path)
    for file in (tmp_path / "gold" / "verdicts").rglob("*.parquet"):
        file.write_bytes(b"broken")
    with pytest.raises(LakeError, match="gold/verdicts cannot be read: ") as caught:
        open_lake(tmp_path).experiments()
    assert "\n" not in str(caught.value)


def test_it_prints_in_a_terminal_and_in_a_notebook(lake: Path) -> None:
    result = open_lake(lake).result(RANKING)
    wide = result.to_text(160)
    assert "search/ranking on 2021-08-02, to date" in wide
    assert "exact, prior exponential, model m1" in wide
    assert "ship: search/ranking is ship." in wide
    assert max(map(len, result.to_text(50).splitlines())) <= 50
    html = result._repr_html_()
    assert "<strong>ship</strong>: search/ranking is ship." in html
    assert html.count("<tr>") == 3


def test_a_frame_has_the_columns_of_the_tables(lake: Path) -> None:
    frame = open_lake(lake).result(RANKING).to_pandas()
    assert list(frame["variant_id"]) == ["4915", "4916"]
    assert frame.loc[1, ["conversion_mean", "lift_median", "decision_lower"]].tolist() == [0.05, 0.25, -0.03]
    described = {column.name for table in (contracts.POSTERIORS, contracts.COMPARISONS) for column in table.columns}
    own = {"conversion", "observed_lift", "observed_lift_lower", "observed_lift_upper"}
    assert set(frame.columns) - own <= described


def test_plots_are_drawn_from_the_counts(lake: Path) -> None:
    result = open_lake(lake).result(RANKING)
    assert len(result.plot().data) == 4
    assert len(result.plot("lift").data) == 2
