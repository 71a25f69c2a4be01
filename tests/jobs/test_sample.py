"""Real traffic: two days of one marketplace site, every table against the oracle and the known sums."""

import os
import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.contracts import EXPOSURES, VERDICTS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.decide import DECIDE
from abtest_lib.pipeline.fit_bayes import FIT_BAYES
from abtest_lib.pipeline.runner import run_steps
from tests.oracle.compare import EVERYTHING, assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

pytestmark = pytest.mark.both_engines

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "events.csv.gz"
SAMPLE = Path(os.environ.get("ABTEST_TEST_SAMPLE", BESIDE))

AA_TEST = "search/best-seller-aa-testing-fail-fast-edition"
SENTENCE = re.compile(r"[A-Z].{20,}\.", re.DOTALL)


@pytest.fixture(scope="module")
def sample() -> Path:
    if not SAMPLE.exists():
        pytest.skip(f"the sample of real traffic is not at {SAMPLE}; ABTEST_TEST_SAMPLE may name another place")
    return SAMPLE


def test_the_sample_gives_the_known_sums_again_changes_nothing_and_every_experiment_a_verdict(
    spark: SparkSession, tmp_path: Path, sample: Path
) -> None:
    lake, bogota = str(tmp_path / "lake"), World({"reporting_timezone": "America/Bogota", "engine": "exact"})
    settings = bogota.settings(tmp_path)
    ingested, *_ = run_etl(spark, settings, sample, lake)
    assert (ingested.rows_read, ingested.rows_written) == (140_698, 140_698)
    assert (ingested.duplicates, ingested.rows_quarantined) == (0, 0)

    small = [name for name in EVERYTHING if name not in {"bronze/events", "silver/exposures"}]
    expected = assert_lake_equals_oracle(spark, lake, [sample], bogota.oracle(), small)
    exposures = spark.read.format("delta").load(EXPOSURES.path(lake))
    flagged = sum(count for row, count in expected.exposures.items() if row[-1])
    assert exposures.count() == expected.exposures.total()
    assert exposures.where("flag_purchase").count() == flagged
    assert _sums(expected.experiment_daily) == (149, 163_956, 18_283)
    assert _sums(expected.funnel_daily) == (168, 178_374, 23_149)

    again = run_etl(spark, settings, sample, lake)
    assert (again[0].rows_read, again[0].duplicates) == (140_698, 140_698)
    assert [report.rows_written for report in again] == [0] * len(again)

    run_steps(Lake(spark, lake), settings, [FIT_BAYES, DECIDE])
    verdicts = spark.read.format("delta").load(VERDICTS.path(lake)).collect()
    assert {row["experiment_name"] for row in verdicts} == {str(row[1]) for row in expected.experiment_daily}
    assert [row["decision"] for row in verdicts if row["experiment_name"] == AA_TEST].count("ship") == 0
    assert all(row["winner"] is None for row in verdicts if not row["is_valid"])
    assert not [row["explanation"] for row in verdicts if not SENTENCE.fullmatch(row["explanation"])]


def _sums(table: list[tuple[object, ...]]) -> tuple[int, int, int]:
    """Rows, users and purchases; both counts stand last."""
    counts = [(int(str(row[-2])), int(str(row[-1]))) for row in table]
    return len(counts), sum(users for users, _ in counts), sum(purchases for _, purchases in counts)
