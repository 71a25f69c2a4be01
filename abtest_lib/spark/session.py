"""The only place that builds a SparkSession."""

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.errors import MachineError

SUPPORTED_JAVA = (17, 21)

# What a session must have for Delta, and what keeps a small local run from paying for a cluster's defaults.
_DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_LOCAL_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.databricks.delta.snapshotCache.storageLevel": "NONE",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.log.level": "ERROR",
}
_LOCAL_JAVA_OPTIONS = os.environ.get("JOPT", "-XX:+UseParallelGC -XX:-UsePerfData")


def build_session(settings: Settings, app_name: str = "abtest") -> SparkSession:
    """Open a Spark session, or take the one that the platform has opened.

    Args:
        settings: `spark_master` set means that this process starts the JVM; null leaves it to spark-submit.
        app_name: The application's name in Spark's user interface.

    Returns:
        A session in the UTC time zone with Delta Lake.

    Raises:
        MachineError: No usable JDK was found.
    """
    builder = SparkSession.builder.appName(app_name)
    if settings.spark_master is not None and SparkSession.getActiveSession() is None:
        for key, value in _local_conf(settings).items():
            builder = builder.config(key, value)
        builder = builder.master(settings.spark_master)
    for key, value in settings.spark_conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def java_version() -> int:
    """The major version of the JDK that Spark will use.

    Raises:
        MachineError: There is none, or it is one that Spark does not run on.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        place = f"JAVA_HOME={home}" if home else "the PATH"
        raise MachineError(f"no Java found on {place}: install a JDK, version 17 or 21, and set JAVA_HOME to it")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  found above
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    major = int(match[1]) if match else 0
    if major not in SUPPORTED_JAVA:
        raise MachineError(f"{java} is Java {major or 'of an unknown version'}: Spark needs version 17 or 21")
    return major


def delta_packages() -> list[str]:
    """The Maven coordinates of Delta Lake for the installed Spark."""
    delta = version("delta-spark")
    spark_minor = ".".join(version("pyspark").split(".")[:2])
    scala = "2.12" if spark_minor.startswith("3.") else "2.13"
    # From 4.1 on, Delta's artefacts carry the Spark version that they were built for.
    suffix = f"_{spark_minor}" if tuple(map(int, delta.split(".")[:2])) >= (4, 1) else ""
    return [f"io.delta:delta-spark{suffix}_{scala}:{delta}"]


def _local_conf(settings: Settings) -> dict[str, str]:
    java_version()
    conf = _DELTA_CONF | _LOCAL_CONF | _delta_jars()
    conf["spark.driver.extraJavaOptions"] = _LOCAL_JAVA_OPTIONS
    conf["spark.sql.session.timeZone"] = "UTC"
    if settings.driver_memory is not None:
        conf["spark.driver.memory"] = settings.driver_memory
    return conf


def _delta_jars() -> dict[str, str]:
    """Jars that an earlier start has fetched go on the class path as they are; resolving them anew takes seconds."""
    coordinates = delta_packages()
    fetched = [_fetched_jar(coordinate) for coordinate in (*coordinates, *_companions())]
    if all(jar is not None for jar in fetched):
        return {"spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in fetched)}
    return {"spark.jars.packages": ",".join(coordinates)}


def _companions() -> tuple[str, ...]:
    delta = version("delta-spark")
    return (f"io.delta:delta-storage:{delta}", f"org.antlr:antlr4-runtime:{_antlr_version()}")


def _antlr_version() -> str:
    return "4.9.3" if version("pyspark").startswith("3.") else "4.13.1"


def _fetched_jar(coordinate: str) -> Path | None:
    name = coordinate.replace(":", "_", 1).replace(":", "-") + ".jar"
    candidates = (Path.home() / folder / "jars" / name for folder in (".ivy2.5.2", ".ivy2"))
    return next((candidate for candidate in candidates if candidate.exists()), None)
