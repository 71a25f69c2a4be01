"""What all tests share: one Spark session, started when the first test asks for it."""

import warnings
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings

# A test has thirty rows and a hundred plans: compiling each plan, and re-planning it, would take all the time.
# `make demo` and the benchmarks run with Spark's own defaults.
SMALL_PLANS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": (
        "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:-UsePerfData"
    ),
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A local session as `abtest run` opens it, with the fewest shuffle partitions that can still go wrong."""
    from abtest_lib.spark.session import build_session  # noqa: PLC0415  tests without Spark must not import it

    overrides = {"spark_master": "local[2]", "driver_memory": "3g", "spark_conf": SMALL_PLANS}
    settings = load_settings(overrides=overrides)
    session = build_session(settings, "abtest tests")
    yield session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.stop()
