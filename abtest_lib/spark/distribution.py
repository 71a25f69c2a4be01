"""The installed Spark, and the Delta Lake that suits it; importable without pyspark."""

import os
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from abtest_lib.errors import MachineError

DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Spark's own default is a type that Parquet has deprecated: 50 % larger, and slower to write.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""The settings of a session for Delta Lake."""

_DELTA_FOR = {"3.5": "3.3.3", "4.0": "4.0.1", "4.1": "4.4.0"}
"""Spark's minor version to the Delta Lake that goes with it; 4.4.1's jars have not been published."""

_CORE_JAR = re.compile(r"spark-core_(?P<scala>\d+\.\d+)-(?P<spark>\d+\.\d+\.\d+).*\.jar")


@dataclass(frozen=True, slots=True)
class Distribution:
    """A Spark on this machine.

    Attributes:
        home: Its folder.
        spark: Its version, e.g. 4.0.5.
        scala: The Scala version that it was built for, e.g. 2.13.
    """

    home: Path
    spark: str
    scala: str

    @property
    def minor(self) -> str:
        """The version without its last part, e.g. 4.0."""
        return self.spark.rsplit(".", 1)[0]

    @property
    def hadoop(self) -> str:
        """The version of Hadoop that it carries; hadoop-aws must be of the same."""
        jars = sorted((self.home / "jars").glob("hadoop-client-api-*.jar"))
        if not jars:
            raise MachineError(f"Spark in {self.home} has no jars/hadoop-client-api-*.jar: S3 needs it")
        return jars[0].stem.rpartition("-")[2]

    @property
    def submit(self) -> Path:
        """The spark-submit program."""
        return self.home / "bin" / "spark-submit"


def spark_at_hand() -> Distribution:
    """Find the Spark that SPARK_HOME names, else the one of the pyspark package.

    Raises:
        MachineError: There is none, or what is there is not Spark.
    """
    home = _spark_home()
    matches = (_CORE_JAR.fullmatch(jar.name) for jar in sorted((home / "jars").glob("spark-core_*.jar")))
    core = next((match for match in matches if match), None)
    if core is None:
        raise MachineError(f"no Spark in {home}: it has no jars/spark-core_*.jar; set SPARK_HOME to a Spark's folder")
    return Distribution(home, core["spark"], core["scala"])


def packages(spark: Distribution, *, uses_s3: bool) -> list[str]:
    """Return the Maven coordinates of the Delta Lake for a Spark, and of S3A if it is wanted.

    Raises:
        MachineError: No Delta Lake is known for this Spark.
    """
    delta = _installed_delta(spark) or _DELTA_FOR.get(spark.minor)
    if delta is None:
        known = ", ".join(_DELTA_FOR)
        raise MachineError(f"no Delta Lake is known for Spark {spark.spark} in {spark.home}: use Spark {known}")
    s3a = [f"org.apache.hadoop:hadoop-aws:{spark.hadoop}"] if uses_s3 else []
    return [delta_coordinate(spark.minor, spark.scala, delta), *s3a]


def delta_coordinate(spark_minor: str, scala: str, delta: str) -> str:
    """Return the Maven coordinate of one Delta Lake.

    Examples:
        >>> delta_coordinate("3.5", "2.12", "3.3.3")
        'io.delta:delta-spark_2.12:3.3.3'
        >>> delta_coordinate("4.1", "2.13", "4.4.0")
        'io.delta:delta-spark_4.1_2.13:4.4.0'
    """
    # From 4.1 on, Delta's artefacts carry the Spark version that they were built for.
    suffix = f"_{spark_minor}" if tuple(map(int, delta.split(".")[:2])) >= (4, 1) else ""
    return f"io.delta:delta-spark{suffix}_{scala}:{delta}"


def _spark_home() -> Path:
    named = os.environ.get("SPARK_HOME")
    if named:
        return Path(named)
    package = find_spec("pyspark")
    if package is None or package.origin is None:
        raise MachineError("no Spark found: install pyspark, or set SPARK_HOME to the folder of a Spark")
    return Path(package.origin).parent


def _installed_delta(spark: Distribution) -> str | None:
    """Return the version of the delta-spark package if it was installed for this Spark."""
    try:
        pyspark, delta = version("pyspark"), version("delta-spark")
    except PackageNotFoundError:
        return None
    return delta if pyspark.rsplit(".", 1)[0] == spark.minor else None
