"""The step that judges: what it writes, what it leaves alone, and what it does without posteriors."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import (
    COMPARISONS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    POSTERIORS,
    VERDICTS,
    TableContract,
)
from abtest_lib.errors import LakeError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.decide import DECIDE
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.runner import run_steps

pytestmark = pytest.mark.both_engines

FIRST = date(2021, 8, 1)
Story = dict[str, dict[str, list[tuple[int, int]]]]
"""Experiment → arm → users and purchases to date, day by day."""

GAIN: Story = {
    "search/gain": {"A": [(1000 * d, 50 * d) for d in (1, 2, 3, 4)], "B": [(1000 * d, 80 * d) for d in (1, 2, 3, 4)]},
    "search/flat": {"A": [(1000 * d, 50 * d) for d in (1, 2, 3, 4)], "B": [(1000 * d, 51 * d) for d in (1, 2, 3, 4)]},
}


class HandmadeLake:
    """A lake whose gold counts are written by hand."""

    def __init__(self, spark: SparkSession, folder: Path, registry: str = "experiments: {}") -> None:
        self.spark, self.path = spark, str(folder / "lake")
        (folder / "registry.yaml").write_text(registry, encoding="utf-8")
        self.settings: Settings = load_settings(overrides={"registry": folder / "registry.yaml"})

    def write(self, story: Story, belief: float | None = 0.999) -> None:
        cells = [
            (name, arm, FIRST + timedelta(days=t), users, purchases)
            for name, arms in story.items()
            for arm, counts in arms.items()
            for t, (users, purchases) in enumerate(counts)
        ]
        self._put(EXPERIMENT_TO_DATE, [(day, name, arm, FIRST, n, x, 0, 0) for name, arm, day, n, x in cells])
        self._put(EXPERIMENT_DAILY, [(day, name, arm, 1000, 50) for name, arm, day, _, _ in cells])
        people = {(day, name): 0 for name, _, day, _, _ in cells}
        self._put(EXPERIMENT_HEALTH, [(day, name, 2000, 9000, 0, 0, FIRST, 1) for day, name in people])
        if belief is not None:
            self.believe(cells, belief)

    def believe(self, cells: Sequence[tuple[str, str, date, int, int]], belief: float) -> None:
        empty: dict[str, Any] = dict.fromkeys(POSTERIORS.column_names)
        rows = []
        for name, arm, day, users, purchases in cells:
            known = {"window": "to_date", "metric": "purchase", "day": day, "experiment_name": name, "variant_id": arm}
            known |= {"users": users, "purchases": purchases}
            chance = {"is_control": arm == "A", "probability_best": belief if arm == "B" else 1 - belief}
            believed = {"probability_beats_control": belief, "status": "ok", "model_version": "1"}
            rows.append(tuple((empty | known | chance | believed).values()))
        self._put(POSTERIORS, rows)

    def _put(self, contract: TableContract, rows: Sequence[tuple[Any, ...]]) -> None:
        Lake(self.spark, self.path)[contract].overwrite(self.spark.createDataFrame(list(rows), contract.ddl))  # type: ignore[type-var]  rows are tuples

    def decide(self, *, full_refresh: bool = False) -> StepReport:
        (report,) = run_steps(Lake(self.spark, self.path), self.settings, [DECIDE], full_refresh=full_refresh)
        return report

    def rows(self, contract: TableContract) -> list[dict[str, Any]]:
        table = Lake(self.spark, self.path)[contract].read().orderBy(*contract.key)
        return [row.asDict() for row in table.collect()]

    def decisions(self, name: str) -> list[str]:
        return [row["decision"] for row in self.rows(VERDICTS) if row["experiment_name"] == name]


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> HandmadeLake:
    return HandmadeLake(spark, tmp_path)


def test_counts_become_verdicts_and_the_same_counts_change_nothing(lake: HandmadeLake) -> None:
    lake.write(GAIN)
    report = lake.decide()
    verdicts, comparisons = lake.rows(VERDICTS), lake.rows(COMPARISONS)
    assert (len(verdicts), len(comparisons)) == (8, 16)
    assert report.rows_written == 24
    assert lake.decisions("search/gain")[-1] == "ship"
    assert lake.decisions("search/flat") == ["inconclusive"] * 4
    last = verdicts[-1]
    assert (last["winner"], last["control_id"], last["srm_status"]) == ("B", "A", "ok")
    assert last["explanation"].startswith("Ship B")
    (to_date,) = [
        row
        for row in comparisons
        if (row["window"], row["day"], row["experiment_name"]) == ("to_date", FIRST + timedelta(days=3), "search/gain")
    ]
    assert to_date["difference"] == pytest.approx(0.03)
    assert to_date["decision_lower"] > 0
    assert lake.decide().rows_written == 0


def test_only_what_changed_is_judged_again_as_a_rebuild_would(lake: HandmadeLake) -> None:
    three = {name: {arm: counts[:3] for arm, counts in arms.items()} for name, arms in GAIN.items()}
    lake.write(three)
    lake.decide()
    lake.write(GAIN)
    fourth = lake.decide()
    # Two experiments on one new day: a verdict each and a comparison in each window.
    assert fourth.rows_written == 6
    late = {**GAIN, "search/flat": {**GAIN["search/flat"], "B": [(1000, 51), (2000, 102), (3000, 240), (4000, 330)]}}
    lake.write(late)
    assert lake.decide().rows_written == 12  # both experiments' rows on the two days since the late events
    incremental = lake.rows(VERDICTS), lake.rows(COMPARISONS)
    lake.decide(full_refresh=True)
    assert incremental == (lake.rows(VERDICTS), lake.rows(COMPARISONS))
    assert lake.decisions("search/flat")[2:] != ["inconclusive"] * 2


def test_an_experiment_that_is_gone_leaves_nothing_behind(lake: HandmadeLake) -> None:
    lake.write(GAIN)
    lake.decide()
    lake.write({"search/gain": GAIN["search/gain"]})
    lake.decide()
    assert {row["experiment_name"] for row in lake.rows(VERDICTS)} == {"search/gain"}
    assert {row["experiment_name"] for row in lake.rows(COMPARISONS)} == {"search/gain"}


def test_without_posteriors_nothing_is_shipped_until_they_come(lake: HandmadeLake) -> None:
    lake.write(GAIN, belief=None)
    lake.decide()
    gain = [row for row in lake.rows(VERDICTS) if row["experiment_name"] == "search/gain"]
    assert {row["decision"] for row in gain} == {"inconclusive"}
    assert all("posterior_missing" in row["reasons"] and row["winner"] is None for row in gain)
    lake.write(GAIN)
    lake.decide()
    assert lake.decisions("search/gain")[-1] == "ship"


def test_a_posterior_of_other_counts_is_none(lake: HandmadeLake) -> None:
    """The counts have moved on and the step that fits them has failed: what was believed before decides nothing."""
    lake.write(GAIN)
    late = {
        name: {arm: [(n, x + (arm == "B")) for n, x in counts] for arm, counts in arms.items()}
        for name, arms in GAIN.items()
    }
    lake.write(late, belief=None)
    lake.decide()
    verdicts = lake.rows(VERDICTS)
    assert len(verdicts) == 8
    assert all(row["decision"] != "ship" for row in verdicts)


def test_a_registered_experiment_without_data_has_a_verdict_until_it_has_some(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = HandmadeLake(spark, tmp_path, "experiments: {search/silent: {start: 2021-08-02}, search/gain: {control: A}}")
    lake.write(GAIN)
    lake.decide()
    silent = [row for row in lake.rows(VERDICTS) if row["experiment_name"] == "search/silent"]
    assert [row["day"] for row in silent] == [FIRST + timedelta(days=day) for day in (1, 2, 3)]
    assert all(row["reasons"] == ["no_data"] for row in silent)
    begun = {arm: [(100 * d, 5 * d) for d in (1, 2)] for arm in "AB"}
    lake.write({**GAIN, "search/silent": begun})
    lake.decide()
    silent = [row for row in lake.rows(VERDICTS) if row["experiment_name"] == "search/silent"]
    assert [row["day"] for row in silent] == [FIRST, FIRST + timedelta(days=1)]
    assert not any("no_data" in row["reasons"] for row in silent)


def test_a_new_declaration_judges_anew(spark: SparkSession, tmp_path: Path) -> None:
    lake = HandmadeLake(spark, tmp_path)
    lake.write(GAIN)
    lake.decide()
    (tmp_path / "registry.yaml").write_text("experiments: {search/flat: {control: B}}", encoding="utf-8")
    lake.decide()
    flat = [row for row in lake.rows(VERDICTS) if row["experiment_name"] == "search/flat"]
    assert {row["control_id"] for row in flat} == {"B"}


def test_a_lake_without_counts_is_an_error_in_one_line(lake: HandmadeLake) -> None:
    with pytest.raises(LakeError, match="no gold/experiment_daily: run aggregate_gold first"):
        lake.decide()
