"""Real traffic: two days of one marketplace site, every table against the oracle and the known sums."""

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.contracts import EXPOSURES
from tests.oracle.compare import EVERYTHING, assert_lake_equals_oracle
from tests.oracle.etl import run_etl
from tests.oracle.world import World

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "events.csv.gz"
SAMPLE = Path(os.environ.get("ABTEST_TEST_SAMPLE", BESIDE))


@pytest.fixture(scope="module")
def sample() -> Path:
    if not SAMPLE.exists():
        pytest.skip(f"the sample of real traffic is not at {SAMPLE}; ABTEST_TEST_SAMPLE may name another place")
    return SAMPLE


def test_the_sample_gives_the_known_sums_and_the_same_input_again_changes_nothing(
    spark: SparkSession, tmp_path: Path, sample: Path
) -> None:
    lake, bogota = str(tmp_path / "lake"), World({"reporting_timezone": "America/Bogota"})
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


def _sums(table: list[tuple[object, ...]]) -> tuple[int, int, int]:
    """Rows, users and purchases; both counts stand last."""
    counts = [(int(str(row[-2])), int(str(row[-1]))) for row in table]
    return len(counts), sum(users for users, _ in counts), sum(purchases for _, purchases in counts)
