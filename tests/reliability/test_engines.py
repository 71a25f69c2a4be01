"""Two engines, one lake: they read damaged input alike, follow each other on a lake, and survive kills."""

import gzip
import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import ALL_TABLES
from abtest_lib.ingest.csv_blocks import split_line
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_steps
from tests.reliability.test_damage import HEADER, damaged

RUN = (sys.executable, "-c", "from abtest_cli import main; main()", "run")
VOLATILE = ("ingested_at", "quarantined_at")
READ = ("bronze/events", "quarantine/events")
ROOT = Path(__file__).parents[2]
SETTINGS = {
    "ABTEST_ENGINE": "exact",
    "ABTEST_ATTRIBUTION_WINDOW": "36h",
    "ABTEST_DRIVER_MEMORY": "2g",
    "ABTEST_METRICS": str(ROOT / "tests" / "metrics.yaml"),
}
COLUMNS = [f"c{place}" for place in range(9)]


def contents(spark: SparkSession, lake: Path, tables: Collection[str] = ()) -> dict[str, Counter[str]]:
    """Every row of some tables, or of all but those of ops, without what tells one run from another."""
    kept = [item for item in ALL_TABLES if item.full_name in tables or (not tables and item.layer != "ops")]
    rows = {item.full_name: Lake(spark, lake)[item].read().drop(*VOLATILE) for item in kept}
    return {name: Counter(map(str, frame.collect())) for name, frame in rows.items()}


def run(source: Path, lake: Path, compute: str, command: tuple[str, ...] = RUN) -> subprocess.CompletedProcess[str]:
    environment = os.environ | SETTINGS | {"ABTEST_COMPUTE": compute}
    environment.pop("SPARK_CONNECT_MODE_ENABLED", None)
    arguments = [*command, "--input", str(source), "--lake", str(lake)]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)


def batches(folder: Path) -> list[Path]:
    """Four batches in another order than their days, with rows sent twice, damaged lines and late purchases."""
    chance = random.Random(4)  # noqa: S311  the same in every run
    days = [
        [
            f"{chance.choice(['VIEW', 'VIEW', 'BUY'])},{user},2021-08-0{day}T{chance.randrange(24):02d}:00:00.000-0400,"
            f'MLA,"{{search/one={"AB"[user % 2]}, search/two={(user + (chance.random() < 0.1)) % 3}}}",{user}'.encode()
            for user in range(40)
            for _ in range(2)
        ]
        for day in range(1, 5)
    ]
    broken = [damaged(row, chance) for row in range(200)]
    late = [b'BUY,7,2021-08-01T23:30:00Z,MLA,"{search/one=A}",%d' % user for user in range(8)]
    lines = (days[1] + broken[:80], days[0] + days[1][:30], days[3] + broken[60:], days[2] + late)
    made = []
    for number, content in enumerate(lines):
        made.append(folder / f"batch-{number}.csv.gz")
        made[-1].write_bytes(gzip.compress(HEADER + b"\n".join(content) + b"\n"))
    return made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """The batches, and the lake that the embedded engine makes of them."""
    folder = tmp_path_factory.mktemp("engines")
    sources, lake = batches(folder), folder / "undisturbed"
    for source in sources:
        done = run(source, lake, "embedded")
        assert done.returncode == 0, done.stderr
    return sources, lake


@pytest.mark.spark_only
def test_a_lake_moves_between_the_engines(
    spark: SparkSession, undisturbed: tuple[list[Path], Path], tmp_path: Path
) -> None:
    sources, alone = undisturbed
    for turn, engines in enumerate(itertools.cycle(("spark", "embedded"))):
        if turn == len(sources):
            break
        done = run(sources[turn], tmp_path / "lake", engines)
        assert done.returncode == 0, done.stderr
    assert contents(spark, tmp_path / "lake") == contents(spark, alone)


def test_a_run_that_is_killed_leaves_nothing_behind(
    spark: SparkSession, undisturbed: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """One run is killed in each step; the next removes its scratch folder, and the tables are as if it had not been."""
    if Lake(spark, tmp_path).runs_python_here is False:
        pytest.skip("Spark's runs are killed by make soak")
    sources, alone = undisturbed
    lake, scratch = tmp_path / "lake", tmp_path / "tmp"
    scratch.mkdir()
    environment = os.environ | SETTINGS | {"ABTEST_COMPUTE": "embedded", "TMPDIR": str(scratch)}
    of_gold = ("aggregate_gold", "aggregate_metrics", "fit_bayes", "decide")
    steps = ("ingest_bronze", "build_silver", *of_gold, "publish_release")
    deaths = 0
    for source, kills in zip(sources, (steps[:2], steps[2:4], steps[4:], steps[:1]), strict=True):
        for step in kills:
            command = [*RUN, "--input", str(source), "--lake", str(lake)]
            with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as killed:
                assert killed.stderr is not None
                deaths += any(f'"step started" job={step}' in line for line in killed.stderr)
                killed.kill()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert deaths == len(steps) + 1
    assert not list(scratch.glob("abtest-scratch-*"))
    assert contents(spark, lake) == contents(spark, alone)


@pytest.mark.spark_only
def test_lines_are_split_alike(spark: SparkSession, tmp_path: Path) -> None:
    """All short lines of quotes, commas, blanks and letters, and some thousand longer ones."""
    chance = random.Random(7)  # noqa: S311  the same in every run
    short = ("".join(signs) for length in range(1, 6) for signs in itertools.product('",a ', repeat=length))
    long = ("".join(chance.choice('"",,a \t{}=') for _ in range(chance.randrange(6, 22))) for _ in range(5_000))
    lines = [line for line in (*short, *long) if line.strip() and line.count(",") < len(COLUMNS) - 1]
    source = tmp_path / "lines.csv"
    source.write_text("header\n" + "".join(f"x,{line}\n" for line in lines))
    reader = spark.read.schema(", ".join(f"{name} string" for name in COLUMNS)).options(
        header="true", quote='"', escape='"', nullValue="\u0001null\u0001", emptyValue="", mode="PERMISSIVE"
    )
    found = [list(row) for row in reader.csv(str(source)).collect()]
    expected = [
        values + [None] * (len(COLUMNS) - len(values)) for values in (split_line(f"x,{line}") for line in lines)
    ]
    wrong = [(line, mine, theirs) for line, mine, theirs in zip(lines, expected, found, strict=True) if mine != theirs]
    assert len(lines) > 5_000
    assert wrong == []


def test_damaged_input_is_read_alike(spark: SparkSession, tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311  the same in every run
    # In one line with stray quotes Spark's parser drops null bytes; both engines reject the line.
    lines = [line for line in (damaged(row, chance) for row in range(1_500)) if b"\0" not in line]
    source = tmp_path / "events.csv"
    source.write_bytes(HEADER + b"\n".join(lines) + b"\n")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    run_steps(Lake(spark, ours), load_settings(), [ingest_bronze(str(source))])
    other = "spark" if Lake(spark, ours).runs_python_here else "embedded"
    done = run(source, theirs, other, command=(sys.executable, str(ROOT / "jobs" / "ingest_bronze.py")))
    assert done.returncode == 0, done.stderr
    mine, others = contents(spark, ours, READ), contents(spark, theirs, READ)
    for name in READ:
        assert mine[name].total() > 100
        assert (mine[name] - others[name], others[name] - mine[name]) == (Counter(), Counter())
