"""What all tests share: one Spark session, started when the first test asks for it."""

import os
import shutil
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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        default="embedded",
        choices=("embedded", "spark"),
        help="embedded: all tests but those that need Spark; spark: all tests with a session, on Spark",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests of an engine: PySpark cannot well use both in one process."""
    wanted = [item for item in items if _runs(item, config.getoption("--engine"))]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = wanted


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs a JVM where there is none; `make test-spark` says so before it starts."""
    needs_java = _engine_of(item) == "spark" or item.get_closest_marker("spark_only") is not None
    if needs_java and shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java on this machine, which Spark needs")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """PySpark looks at this variable for every column that it makes, and children must not inherit it."""
    if _engine_of(item) == "embedded":
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    else:
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)
    return (yield)


def _engine_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("spark")


def _runs(item: pytest.Item, engine: str) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    wanted = _engine_of(item) or ("spark" if "spark_only" in marks else "embedded")
    return wanted == engine and not (engine == "embedded" and "spark_only" in marks)


@pytest.fixture(scope="session", params=["embedded", "spark"])
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """A session as `abtest run` opens it, of each engine; Spark's has the fewest partitions that can still go wrong."""
    from abtest_lib.spark.session import open_session  # noqa: PLC0415  tests without Spark must not import it

    overrides = {"compute": request.param, "spark_master": "local[2]", "driver_memory": "3g", "spark_conf": SMALL_PLANS}
    with open_session(load_settings(overrides=overrides), "abtest tests") as session:
        yield session
        if request.param == "spark":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                session.stop()
