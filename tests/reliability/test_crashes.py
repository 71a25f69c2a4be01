"""A run may die before or after any commit of any step: the next one ends with the tables of an undisturbed run.

To die after a commit and to die before the next one leave the same lake, so each run dies one commit later than the
one before. The death is played in this process: from then on nothing is written, the history of the run included.
Real kills, of the driver and of Python workers at random instants, are `make soak`.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import ALL_TABLES
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.table import Table
from abtest_lib.pipeline.runner import run_pipeline

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
VOLATILE = ("ingested_at", "quarantined_at", "source_file")
METRICS = Path(__file__).parents[1] / "metrics.yaml"
STEPS = (
    "bronze quarantine purchases exposures participants daily funnel to_date health metrics posteriors comparisons "
    "verdicts"
)


class Death(BaseException):
    """Stands for kill -9: nothing catches it."""


class Failpoint:
    """Dies once so many commits are made, and lets nothing be written from then on."""

    def __init__(self, after: int | None) -> None:
        self.after, self.commits = after, 0

    def around(self, write: Callable[..., object]) -> Callable[..., object]:
        def guarded(*arguments: object, **named: object) -> object:
            if self.after is not None and self.commits >= self.after:
                raise Death
            done = write(*arguments, **named)
            self.commits += 1
            return done

        return guarded


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Failpoint], None]]:
    """Puts a failpoint around every commit."""
    writes = {name: getattr(Table, name) for name in ("_write", "_run_statement")}

    def arm(failpoint: Failpoint) -> None:
        for name, write in writes.items():
            monkeypatch.setattr(Table, name, failpoint.around(write))

    return arm


def settings() -> Settings:
    return load_settings(overrides={"engine": "exact", "attribution_window": "36h", "metrics": METRICS})


def events(folder: Path) -> tuple[Path, Path]:
    """Two days each; the second file repeats rows of the first, has late purchases and rows that are rejected."""
    lines = [
        f"{'BUY' if user % 3 == 0 and day % 2 else 'VIEW'},7,2021-08-0{day}T1{user % 9}:00:00.000-0400,MLA,"
        f'"{{search/one={"AB"[user % 2]}, search/two={user % 3}}}",{user}\n'
        for day in (1, 2, 3, 4)
        for user in range(24)
    ]
    late = [f'BUY,7,2021-08-01T23:0{user}:00.000-0400,MLA,"{{search/one=A}}",{user}\n' for user in range(6)]
    first, second = folder / "first.csv", folder / "second.csv"
    first.write_text(HEADER + "".join(lines[:48]) + "VIEW,1,never,MLA,{},1\n")
    second.write_text(HEADER + "".join(lines[40:] + late) + "VIEW,2,never,MLA,{},2\n")
    return first, second


def contents(spark: SparkSession, lake: Path) -> dict[str, Counter[str]]:
    """Every row of every table but ops, without what tells one run from another."""
    kept = [contract for contract in ALL_TABLES if contract.layer != "ops"]
    rows = {item.full_name: Lake(spark, lake)[item].read().drop(*VOLATILE) for item in kept}
    return {name: Counter(map(str, frame.collect())) for name, frame in rows.items()}


def test_a_run_may_die_at_every_commit(spark: SparkSession, tmp_path: Path, armed: Callable[[Failpoint], None]) -> None:
    first, second = events(tmp_path)
    lake, undisturbed = tmp_path / "lake", tmp_path / "undisturbed"
    run_pipeline(Lake(spark, undisturbed), settings(), str(first))
    shutil.copytree(undisturbed, lake)
    undying = Failpoint(after=None)
    armed(undying)
    run_pipeline(Lake(spark, undisturbed), settings(), str(second))
    assert undying.commits >= len(STEPS.split())

    # One lake dies again and again, each time one commit later, until a run has nothing left to die at.
    deaths = 0
    while dies(spark, second, lake, armed, after=deaths):
        deaths += 1
    assert deaths >= len(STEPS.split())
    assert contents(spark, lake) == contents(spark, undisturbed)


def test_declarations_taken_back_after_a_death(
    spark: SparkSession, tmp_path: Path, armed: Callable[[Failpoint], None]
) -> None:
    """A run with another registry dies when it has rebuilt some tables; the next has the first registry again."""
    first, second = events(tmp_path)
    lake, undisturbed, registry = tmp_path / "lake", tmp_path / "undisturbed", tmp_path / "registry.yaml"
    registry.write_text("experiments: {}")
    chosen = settings().model_copy(update={"registry": registry})
    for source in (first, second):
        run_pipeline(Lake(spark, undisturbed), chosen, str(source))
    # The four steps that depend on declarations announce what they are about to do, with a commit of their own. So
    # silver alone is rebuilt, or all but the comparisons.
    for after in (2 + 4, 2 + 4 + 5 + 2 + 2):
        shutil.copytree(undisturbed, lake)
        registry.write_text("experiments: {search/one: {fallback_variants: [B], control: A}}")
        assert dies(spark, second, lake, armed, after, chosen)
        assert contents(spark, lake) != contents(spark, undisturbed)
        registry.write_text("experiments: {}")
        armed(Failpoint(after=None))
        run_pipeline(Lake(spark, lake), chosen, None)
        assert contents(spark, lake) == contents(spark, undisturbed)
        shutil.rmtree(lake)


def dies(
    spark: SparkSession,
    source: Path,
    lake: Path,
    armed: Callable[[Failpoint], None],
    after: int,
    chosen: Settings | None = None,
) -> bool:
    armed(Failpoint(after))
    try:
        run_pipeline(Lake(spark, lake), chosen or settings(), str(source))
    except Death:
        return True
    return False
