"""The contract: what the pipeline wrote with Spark is what the API answers, number by number."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pyspark.sql import DataFrame, SparkSession
from serving import TestClient, parse, served

from abtest_lib import answers, contracts
from abtest_lib.config import load_settings
from abtest_lib.contracts import TableContract
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from api.http.names import public_id

# Py4J leaves its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
HEADER = "event_name,item_id,timestamp,site,experiments,user_id"
USERS = 60


@dataclass(frozen=True)
class World:
    """A lake, a session that reads it, and a client of the API over it."""

    spark: SparkSession
    lake: Path
    client: TestClient

    def table(self, contract: TableContract) -> DataFrame:
        return self.spark.read.format("delta").load(contract.path(str(self.lake)))


def events(first_day: int, days: int) -> list[str]:
    """Users on two arms of two experiments; every third of arm B buys, every sixth of arm A; one row is broken."""
    lines = []
    for day in range(first_day, first_day + days):
        for user in range(USERS):
            arm = "AB"[user % 2]
            shown = f'"{{search/rank={arm}, checkout=100{user % 2 + 1}}}"'
            at = f"2021-08-{day:02d}T{8 + user % 10:02d}:00:00.000-0400"
            lines.append(f"SEARCH,,{at},MLA,{shown},{day}{user:03d}")
            if user % (3 if arm == "B" else 6) == 0 or (arm == "B" and user % 3 == 1):
                lines.append(f"BUY,7,{at.replace(':00:00', ':30:00')},MLA,{shown},{day}{user:03d}")
    return [*lines, "SEARCH,,yesterday,MLA,{},1"]


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    settings = load_settings(overrides={"engine": "exact"})
    # Two runs, so that the second merges into the tables of the first.
    for number, days in enumerate([(1, 2), (3, 1)]):
        source = folder / f"events-{number}.csv"
        source.write_text("\n".join([HEADER, *events(*days)]) + "\n", encoding="utf-8")
        run_pipeline(Lake(spark, folder / "lake"), settings, str(source))
    with served(folder / "lake", folder / "cache") as client:
        yield World(spark, folder / "lake", client)


def result(world: World, name: str, day: object) -> Any:
    answer = world.client.get(f"/experiment/{quote(name, safe='')}/result", params={"day": str(day)})
    assert answer.status_code == 200, answer.text
    return parse(answers.ResultAnswer, answer).results


def test_the_lake_is_ready(world: World) -> None:
    answer = world.client.get("/health/ready")
    assert answer.status_code == 200, answer.text


def test_every_daily_count(world: World) -> None:
    rows = world.table(contracts.EXPERIMENT_DAILY).collect()
    assert len(rows) == 12
    for row in rows:
        variants = {variant.id: variant for variant in result(world, row.experiment_name, row.day).variants}
        found = variants[public_id(row.variant_id)]
        assert (found.users, found.number_of_purchases) == (row.users, row.purchases)


def test_every_count_to_date(world: World) -> None:
    rows = world.table(contracts.EXPERIMENT_TO_DATE).collect()
    assert len(rows) == 12
    for row in rows:
        path = f"/experiment/{quote(row.experiment_name, safe='')}/history"
        points = parse(answers.History, world.client.get(path)).points
        (point,) = (point for point in points if point.day == str(row.day))
        (found,) = (variant for variant in point.variants if variant.id == public_id(row.variant_id))
        assert (found.users, found.purchases) == (row.users, row.purchases)


def test_every_participant(world: World) -> None:
    rows = world.table(contracts.EXPERIMENT_HEALTH).collect()
    assert len(rows) == 6
    for row in rows:
        assert result(world, row.experiment_name, row.day).number_of_participants == row.participants


def test_every_step_of_the_funnel(world: World) -> None:
    rows = world.table(contracts.FUNNEL_DAILY).collect()
    assert len(rows) >= 12
    for row in rows:
        path = f"/experiment/{quote(row.experiment_name, safe='')}/funnel"
        steps = parse(answers.Funnel, world.client.get(path, params={"day": str(row.day)})).steps
        (step,) = (step for step in steps if step.event_name == row.event_name)
        (found,) = (variant for variant in step.variants if variant.id == public_id(row.variant_id))
        assert (found.users, found.purchases) == (row.users, row.purchases)


@pytest.mark.parametrize("contract", contracts.ALL_TABLES, ids=lambda contract: contract.full_name)
def test_row_counts_of_every_table(world: World, contract: TableContract) -> None:
    """Silver has rows that a deletion vector marks: they are not counted, nor shown."""
    found = parse(answers.Table, world.client.get(f"/tables/{contract.full_name}?limit=100"))
    if found.problem is not None:
        assert not (world.lake / contract.full_name).exists()
        return
    table = world.table(contract)
    assert found.rows == table.count()
    assert len(found.sample) == min(found.rows, 100)
    assert set(found.sample[0]) == set(table.columns)


def test_verdicts_where_the_pipeline_makes_them(world: World) -> None:
    if not (world.lake / contracts.VERDICTS.full_name).exists():
        assert result(world, "search/rank", "2021-08-03").decision is None
        return
    rows = world.table(contracts.VERDICTS).collect()
    assert rows
    for row in rows:
        found = result(world, row.experiment_name, row.day)
        said = (found.decision, found.is_valid, found.reasons, found.winner, found.explanation)
        assert said == (row.decision, row.is_valid, list(row.reasons), public_id(row.winner), row.explanation)


def test_quality(world: World) -> None:
    found = parse(answers.Quality, world.client.get("/quality"))
    assert {run.status for run in found.runs} == {"succeeded"}
    assert found.quarantine.rows == 1
    assert found.quarantine.by_rule
