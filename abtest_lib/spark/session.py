"""The only place that builds a SparkSession."""

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abtest_lib.config import Settings, memory_bytes
from abtest_lib.contracts.enums import Compute
from abtest_lib.errors import ConfigError
from abtest_lib.spark.class_cache import RECORDING, archive_for, java_options, write_archive
from abtest_lib.spark.distribution import DELTA_CONF, delta_coordinate
from abtest_lib.spark.embedded import embedded_session, is_embedded
from abtest_lib.spark.java import java_version
from abtest_lib.spark.jvm_output import redirect_jvm_output, silence_dead_jvm
from abtest_lib.storage import is_s3, s3a_conf

# What keeps a small local run from paying for a cluster's defaults.
_LOCAL_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.databricks.delta.snapshotCache.storageLevel": "NONE",
    # A task keeps the files of a few days open at once; only with more days does it sort its rows by day first.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # Small files must be spread evenly over the cores; by default each counts as four megabytes.
    "spark.sql.files.openCostInBytes": "65536",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Few people look at plans, and printing each one costs a tenth of a small run.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "2000",
    "spark.sql.debug.maxToStringFields": "10",
    # Sorts and hash maps take memory in pages; by default each takes 64 MB, zeroed first, however few rows it holds.
    "spark.buffer.pageSize": "2m",
}
_S3A_COMPANIONS = {
    "3.3.4": ("com.amazonaws:aws-java-sdk-bundle:1.12.262", "org.wildfly.openssl:wildfly-openssl:1.0.7.Final"),
    "3.4.1": ("software.amazon.awssdk:bundle:2.24.6", "org.wildfly.openssl:wildfly-openssl:1.1.3.Final"),
}
_WANTED = {
    # A Parquet file may have both User_ID and user_id. Where this cannot be set, such a file is refused.
    "spark.sql.caseSensitive": "true",
    # Half a line of JSON is no event. Where this cannot be set, it is one if it has all fields of an event.
    "spark.sql.json.enablePartialResults": "false",
}
_TIME_ZONE = "spark.sql.session.timeZone"
_BYTES_A_PARTITION = 64 * 2**20
_LEAST_PARTITIONS = max(2, min(os.cpu_count() or 2, 16))
_MOST_PARTITIONS = 2_000
# Enough space for the classes of Spark from the start: each time it runs out, the JVM collects all of its garbage.
_LOCAL_JAVA_OPTIONS = "-XX:+UseParallelGC -XX:-UsePerfData -XX:MetaspaceSize=256m"
# A short run ends before the optimising compiler pays for itself. Without that compiler the JVM reserves 48 MB for
# compiled code, which a run on S3 fills: it then continues interpreted, or dies because an adapter does not fit.
_QUICK_COMPILER = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
# In a longer run it does not compile code that plans queries (conf/compiler.json) or that runs for moments, and does
# not inline deeply into code that Spark generates for one query: together that makes a run a tenth faster.
_THRIFTY_COMPILER = (
    "-XX:MaxInlineLevel=6 -XX:FreqInlineSize=120 -XX:InlineSmallCode=1000 "
    "-XX:Tier4InvocationThreshold=15000 -XX:Tier4MinInvocationThreshold=3000 -XX:Tier4CompileThreshold=40000 "
    "-XX:Tier4BackEdgeThreshold=150000 -XX:+UnlockDiagnosticVMOptions -XX:CompilerDirectivesFile={conf}/compiler.json"
)
_SMALL_RUN = 128 * 2**20
# The garbage of a small run fits several times, and few live objects have to be moved.
_SMALL_HEAP = "-Xms2g -Xmn1200m"
_SMALL_HEAP_NEEDS = 3 * 2**30


@contextmanager
def open_session(
    settings: Settings, app_name: str = "abtest", text_bytes: int | None = None, paths: Collection[str] = ()
) -> Iterator[SparkSession]:
    """Open a session of the engine that the settings name; the embedded one ends with the block.

    Args:
        settings: `compute` names the engine; `auto` means Spark here, because `open_lake` has chosen before.
        app_name: As in `build_session`.
        text_bytes: As in `build_session`.
        paths: As in `build_session`.

    Yields:
        A session in the UTC time zone with Delta Lake.

    Raises:
        MachineError: The engine cannot be started.
        ConfigError: The engine does not know a time zone of the settings.
    """
    if settings.compute is not Compute.EMBEDDED:
        yield build_session(settings, app_name, text_bytes, paths)
        return
    with embedded_session() as session:
        _prepare(session, settings)
        yield session


def build_session(
    settings: Settings, app_name: str = "abtest", text_bytes: int | None = None, paths: Collection[str] = ()
) -> SparkSession:
    """Open a Spark session, or take the one that the platform has opened.

    Args:
        settings: `spark_master` set means that this process starts the JVM; null leaves it to spark-submit.
        app_name: The application's name in Spark's user interface.
        text_bytes: About how many bytes of text the run reads, if known.
        paths: What will be read and written; a path on S3 needs S3A.

    Returns:
        A session in the UTC time zone with Delta Lake.

    Raises:
        MachineError: No usable JDK was found.
        ConfigError: The engine does not know a time zone of the settings.
    """
    builder = SparkSession.builder.appName(app_name)
    if settings.spark_master is not None and SparkSession.getActiveSession() is None:
        java_version()
        silence_dead_jvm()
        # Otherwise Spark's workers run whatever python3 the PATH has, without this environment's packages.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        uses_s3 = any(map(is_s3, paths))
        for key, value in static_conf(settings, text_bytes, uses_s3=uses_s3).items():
            builder = builder.config(key, value)
        builder = builder.master(settings.spark_master)
    for key, value in settings.spark_conf.items():
        builder = builder.config(key, value)
    with redirect_jvm_output():
        session = builder.getOrCreate()
    _prepare(session, settings)
    return session


def _prepare(session: SparkSession, settings: Settings) -> None:
    _check_time_zone(session, "reporting_timezone", settings.reporting_timezone)
    if settings.timestamp_timezone is not None:
        _check_time_zone(session, "timestamp_timezone", settings.timestamp_timezone)
    session.conf.set(_TIME_ZONE, "UTC")
    for name, value in _WANTED.items():
        with suppress(PySparkException):  # not every platform allows it
            session.conf.set(name, value)


def _check_time_zone(session: SparkSession, setting: str, name: str) -> None:
    """Check that the engine knows a time zone: its list may be older than Python's."""
    is_sail = is_embedded(session)
    where, fix = ("the embedded engine", "use --compute spark") if is_sail else ("Spark's Java", "update the JDK")
    try:
        session.conf.set(_TIME_ZONE, name)
        if is_sail:  # it looks a name up only where it computes with it
            session.range(1).select(F.from_utc_timestamp(F.lit("2021-08-01").cast("timestamp"), name)).collect()
    except PySparkException:
        raise ConfigError(
            f"setting {setting} = '{name}': {where} does not know this time zone; choose another, or {fix}"
        ) from None


def keep_classes(session: SparkSession) -> None:
    """Archive the classes of this run's JVM for the next one, which then starts in half the time.

    Does nothing if the archive exists, if another program started Spark, or if jars have just been fetched. Takes some
    five seconds, once for each environment.

    Args:
        session: The result of `build_session`, after its last use.
    """
    class_path = session.conf.get("spark.driver.extraClassPath", None)
    options = session.conf.get("spark.driver.extraJavaOptions", None) or ""
    archive = None if class_path is None or RECORDING not in options else archive_for(class_path)
    if archive is not None:
        gateway: Any = session.sparkContext._gateway  # noqa: SLF001  only it knows the JVM's process
        write_archive(archive, gateway.proc.pid)


def fit_shuffles(session: SparkSession, settings: Settings, input_bytes: int) -> None:
    """Set the number of shuffle partitions by the size of the data: the default of 200 wastes most of a small run.

    Args:
        session: The session.
        settings: `shuffle_partitions` is used unchanged if it is set.
        input_bytes: About how many bytes of text the run reads; 0 if unknown.
    """
    wanted = settings.shuffle_partitions or max(_LEAST_PARTITIONS, -(-input_bytes // _BYTES_A_PARTITION))
    if settings.shuffle_partitions is not None or input_bytes:
        session.conf.set("spark.sql.shuffle.partitions", min(wanted, _MOST_PARTITIONS))


def delta_packages() -> list[str]:
    """Return the Maven coordinates of Delta Lake for the installed Spark."""
    spark_minor = ".".join(version("pyspark").split(".")[:2])
    scala = "2.12" if spark_minor.startswith("3.") else "2.13"
    return [delta_coordinate(spark_minor, scala, version("delta-spark"))]


def hadoop_version() -> str:
    """Return the version of Hadoop in the installed Spark; hadoop-aws must have the same."""
    import pyspark  # noqa: PLC0415  the namespace of the JARs

    jars = (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
    return next((jar.stem.rpartition("-")[2] for jar in jars), "unknown")


def static_conf(settings: Settings, text_bytes: int | None = None, *, uses_s3: bool = False) -> dict[str, str]:
    """Return the settings that a local JVM must start with.

    Args:
        settings: The settings.
        text_bytes: As in `build_session`.
        uses_s3: Whether the lake or the input is on S3.
    """
    own_conf = files("conf")
    is_small = text_bytes is not None and text_bytes <= _SMALL_RUN
    has_room = memory_bytes(settings.driver_memory or "") >= _SMALL_HEAP_NEEDS
    conf = DELTA_CONF | _LOCAL_CONF | _jars(uses_s3=uses_s3)
    class_path = conf.get("spark.driver.extraClassPath")
    if uses_s3:
        conf |= dict(s3a_conf(settings, hadoop_version()))
    conf["spark.driver.extraJavaOptions"] = " ".join(
        [
            _LOCAL_JAVA_OPTIONS,
            f"-Dlog4j2.configurationFile={own_conf / 'log4j2.properties'}",
            _QUICK_COMPILER if is_small else _THRIFTY_COMPILER.format(conf=own_conf),
            *([_SMALL_HEAP] if is_small and has_room else []),
            *([] if class_path is None else [java_options(archive_for(class_path))]),
        ]
    )
    conf[_TIME_ZONE] = "UTC"
    conf["spark.sql.shuffle.partitions"] = str(_LEAST_PARTITIONS)
    if settings.driver_memory is not None:
        conf["spark.driver.memory"] = settings.driver_memory
    return conf


def jars_are_fetched(*, uses_s3: bool) -> bool:
    """Return whether an earlier start has fetched every jar that a session needs."""
    return "spark.driver.extraClassPath" in _jars(uses_s3=uses_s3)


def _jars(*, uses_s3: bool) -> dict[str, str]:
    """Put jars that an earlier start has fetched on the class path; resolving them again takes seconds."""
    coordinates, companions = delta_packages(), _companions()
    if uses_s3:
        hadoop = hadoop_version()
        coordinates += [f"org.apache.hadoop:hadoop-aws:{hadoop}"]
        # The dependencies of other versions of S3A are unknown here: then Spark resolves them.
        companions += _S3A_COMPANIONS.get(hadoop, ("unknown:unknown:unknown",))
    fetched = [_fetched_jar(coordinate) for coordinate in (*coordinates, *companions)]
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
