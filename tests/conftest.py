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


@pytest.fixture(scope="session", params=["embedded", "spark"])
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """A session as `abtest run` opens it, of each engine; Spark's has the fewest partitions that can still go wrong."""
    from abtest_lib.spark.session import open_session  # noqa: PLC0415  tests without Spark must not import it

    overrides = {
        "compute": request.param, "spark_master": "local[2]", "driver_memory": "3g", "spark_conf": SMALL_PLANS
    }
    with open_session(load_settings(overrides=overrides), "abtest tests") as session:
        yield session
        if request.param == "spark":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                session.stop()
