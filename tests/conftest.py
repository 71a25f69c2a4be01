"""What all tests share: one Spark session, started when the first test asks for it."""

import warnings
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A local session as `abtest run` opens it, with the fewest shuffle partitions that can still go wrong."""
    from abtest_lib.spark.session import build_session  # noqa: PLC0415  tests without Spark must not import it

    settings = load_settings(overrides={"spark_master": "local[2]", "driver_memory": "3g", "shuffle_partitions": 2})
    session = build_session(settings, "abtest tests")
    yield session
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.stop()
