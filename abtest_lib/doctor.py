"""Check what the suite needs, without a JVM: one finding per check, each failure with its fix."""

import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

from abtest_lib.config import Settings, memory_bytes
from abtest_lib.contracts import ALL_TABLES, TableContract
from abtest_lib.contracts.enums import Compute
from abtest_lib.errors import AbtestError, one_line
from abtest_lib.storage import delta_rs_location, delta_rs_options, is_s3, local_folder

_PYTHON = (3, 11)
_DELTA_FOR_SPARK = {"3.5": ("3.3", "3.2"), "4.0": ("4.0",), "4.1": ("4.4", "4.3", "4.2", "4.1"), "4.2": ("4.4",)}
_LARGEST_SKEW = timedelta(seconds=20)
_LEAST_FREE = 2 * 2**30
_FORBIDDEN = {"deletionVectors", "columnMapping", "v2Checkpoint"}
"""Reader features that tables for delta-rs must not have."""


class Health(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of one check.

    Attributes:
        check: The name of the check.
        health: Its result.
        found: What the check found.
        fix: How to fix it; empty if nothing is wrong.
    """

    check: str
    health: Health
    found: str
    fix: str = ""


def examine(settings: Settings, lake: str | None) -> Iterator[Finding]:
    """Check the machine, and a lake if one is given.

    Args:
        settings: The settings of the runs.
        lake: The lake's directory or object-store prefix.

    Yields:
        One finding per check, in the order in which to fix them.
    """
    yield _python()
    engine, needs_java = _engine(settings)
    yield engine
    yield _java(is_needed=needs_java)
    yield _spark_and_delta()
    yield _packages()
    yield _time_zone("reporting_timezone", settings.reporting_timezone)
    if settings.timestamp_timezone is not None:
        yield _time_zone("timestamp_timezone", settings.timestamp_timezone)
    yield _memory(settings.driver_memory)
    if lake is not None:
        if is_s3(lake):
            yield _hadoop()
        folder = local_folder(lake)
        if folder is not None and not folder.is_dir():
            yield Finding("lake", Health.WARNING, f"there is no lake at {lake}", "abtest run --input … makes it")
            return
        yield from _storage(lake)
        yield from _tables(lake)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _PYTHON:
        return Finding("Python", Health.OK, found)
    return Finding("Python", Health.FAILED, found, "install Python 3.11 or newer and set up again: make clean setup")


def _engine(settings: Settings) -> tuple[Finding, bool]:
    """Say which engine a run takes, and whether it needs Java."""
    try:
        from abtest_lib.spark.compute import choose_compute  # noqa: PLC0415  the API's installation has no Spark part
    except ModuleNotFoundError as error:
        return Finding("engine", Health.FAILED, f"{error.name} is not installed", "install the extra `spark`"), True
    choice = choose_compute(settings)
    health = Health.WARNING if choice.warning else Health.OK
    return Finding("engine", health, str(choice), choice.warning), choice.compute is Compute.SPARK


def _java(*, is_needed: bool) -> Finding:
    from abtest_lib.spark.java import java_version  # noqa: PLC0415  the API's installation has no Spark part

    try:
        return Finding("Java", Health.OK, str(java_version()))
    except AbtestError as error:
        if not is_needed:
            return Finding("Java", Health.WARNING, one_line(error), "only Spark needs it: --compute spark")
        return Finding("Java", Health.FAILED, one_line(error), "install a JDK 17 or 21 and point JAVA_HOME to it")


def _spark_and_delta() -> Finding:
    spark, delta = _installed("pyspark"), _installed("delta-spark")
    if spark is None or delta is None:
        absent = "pyspark" if spark is None else "delta-spark"
        return Finding("Spark and Delta", Health.FAILED, f"{absent} is not installed", "install the extra `spark`")
    allowed = _DELTA_FOR_SPARK.get(_minor(spark), ())
    found = f"Spark {spark}, Delta {delta}"
    if _minor(delta) in allowed:
        return Finding("Spark and Delta", Health.OK, found)
    fix = f"Spark {_minor(spark)} wants Delta {' or '.join(allowed)}" if allowed else "Spark 3.5, 4.0 and 4.1 are tried"
    return Finding("Spark and Delta", Health.FAILED, found, f"{fix}: install from one of the lock files in locks/")


def _packages() -> Finding:
    found = {name: _installed(name) for name in ("pandas", "numpy", "pyarrow", "numpyro", "jax")}
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    absent = [name for name, number in found.items() if number is None]
    if absent:
        return Finding("packages", Health.FAILED, text, f"install {', '.join(absent)}: make setup, or the extras")
    if int(str(found["pandas"]).split(".", 1)[0]) > 2:  # noqa: PLR2004
        return Finding("packages", Health.FAILED, text, "PySpark does not work with pandas 3 yet: install pandas<3")
    if _minor(_installed("pyspark") or "") == "3.5" and int(str(found["numpy"]).split(".", 1)[0]) > 1:
        return Finding("packages", Health.FAILED, text, "PySpark 3.5 wants NumPy below 2: use locks/spark35.txt")
    return Finding("packages", Health.OK, text)


def _time_zone(setting: str, name: str) -> Finding:
    from abtest_lib.spark.java import java_zones  # noqa: PLC0415  the API's installation has no Spark part

    offset = datetime(2021, 8, 1, tzinfo=UTC).astimezone(ZoneInfo(name)).strftime("%z")
    found = f"{name}, {offset} on 2021-08-01; the machine's own does not matter"
    try:
        release, names = java_zones()
    except AbtestError as error:
        return Finding("time zone", Health.WARNING, f"{found}; {one_line(error)}", "the first run tries it")
    if name in names:
        return Finding("time zone", Health.OK, found)
    fix = f"set {setting} to another, or update the JDK"
    return Finding("time zone", Health.FAILED, f"{name} is not among the time zones of Java ({release})", fix)


def _memory(driver_memory: str | None) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = memory_bytes(driver_memory) if driver_memory else 0
    found = f"{total / 2**30:.0f} GiB, driver_memory {driver_memory or 'left to spark-submit'}"
    if wanted <= 0.8 * total:
        return Finding("memory", Health.OK, found)
    return Finding("memory", Health.FAILED, found, f"set ABTEST_DRIVER_MEMORY to at most {0.8 * total / 2**30:.0f}g")


def _hadoop() -> Finding:
    from abtest_lib.spark.session import hadoop_version, jars_are_fetched  # noqa: PLC0415

    wanted = hadoop_version()
    if wanted == "unknown":
        fix = "hadoop-aws must be of Spark's own Hadoop version: see the distribution's documentation"
        return Finding("Hadoop", Health.WARNING, "Spark's jars were not found next to pyspark", fix)
    where = "here" if jars_are_fetched(uses_s3=True) else "to be fetched by the first run (560 MB)"
    return Finding("Hadoop", Health.OK, f"{wanted}; hadoop-aws {wanted} is {where}")


def _storage(lake: str) -> Iterator[Finding]:
    """Try the operations of a pipeline in the lake: list, write, read, conditional write, delete; check its clock."""
    from abtest_lib.lake.compare_and_swap import compare_and_swap_file  # noqa: PLC0415

    name = f"_doctor_{uuid.uuid4().hex}.txt"
    fix = "give the run the right to list, read, write and delete there" + (
        " (s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject)" if is_s3(lake) else ""
    )
    try:
        file = compare_and_swap_file(lake.rstrip("/"), name)
        tag = file.create("first")
        read = file.read()
    except AbtestError as error:
        yield Finding("storage", Health.FAILED, one_line(error), fix)
        return
    if tag is None or read is None or read[0] != "first":
        yield Finding("storage", Health.FAILED, "a written file cannot be read back", fix)
        return
    yield Finding("storage", Health.OK, "can be listed, read and written")
    try:
        yield _conditional(file.create("second") is None and file.swap("third", "not its tag") is None)
        yield _clock(lake, name)
    finally:
        found = file.read()
        if found is not None:
            file.remove(found[1])
    folder = local_folder(lake)
    if folder is not None:
        free = shutil.disk_usage(folder).free
        is_enough = free >= _LEAST_FREE
        fix = "" if is_enough else "free some space: a run needs about three times the size of its input"
        yield Finding("disk", Health.OK if is_enough else Health.WARNING, f"{free / 2**30:.0f} GiB free", fix)


def _conditional(is_kept: bool) -> Finding:  # noqa: FBT001  the outcome of a try
    if is_kept:
        return Finding("conditional write", Health.OK, "a second writer is refused")
    fix = "this store overwrites the file of another writer: nothing keeps two pipelines apart there; use another store"
    return Finding("conditional write", Health.FAILED, "a second writer was accepted", fix)


def _clock(lake: str, name: str) -> Finding:
    from abtest_lib.storage import modified_at  # noqa: PLC0415

    moment = modified_at(lake.rstrip("/"), name)
    skew = abs(time.time() - moment.timestamp())
    found = f"{skew:.0f} s between this machine and the storage"
    if skew <= _LARGEST_SKEW.total_seconds():
        return Finding("clock", Health.OK, found)
    return Finding("clock", Health.FAILED, found, "set the clock (NTP): leases and S3 signatures depend on it")


def _tables(lake: str) -> Iterator[Finding]:
    found = [_table(contract, lake) for contract in ALL_TABLES]
    wrong = [finding for finding in found if finding.health is not Health.OK]
    if len(wrong) < len(found):
        yield Finding("tables", Health.OK, f"{len(found) - len(wrong)} of {len(found)} are as they should be")
    yield from wrong


def _table(contract: TableContract, lake: str) -> Finding:
    from deltalake import DeltaTable  # noqa: PLC0415
    from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415

    check = f"table {contract.full_name}"
    try:
        location = delta_rs_location(contract.path(lake))
        table = DeltaTable(location, storage_options=delta_rs_options(lake))
    except TableNotFoundError:
        return Finding(check, Health.WARNING, "not there yet", "abtest run makes it")
    except Exception as error:  # noqa: BLE001  after any error of delta-rs the table is unreadable
        fix = "its log is damaged or cannot be read: restore the file from a copy, or rebuild with --full-refresh"
        return Finding(check, Health.FAILED, one_line(error, 160), fix)
    return _features(check, contract, table.version(), set(table.protocol().reader_features or ()))


def _features(check: str, contract: TableContract, number: int, features: set[str]) -> Finding:
    allows = contract.properties.get("delta.enableDeletionVectors") == "true"
    wrong = sorted(features & (_FORBIDDEN - ({"deletionVectors"} if allows else set())))
    if not wrong:
        return Finding(check, Health.OK, f"version {number}")
    fix = f"ALTER TABLE … DROP FEATURE {wrong[0]}, or rebuild with --full-refresh: readers without a JVM fail on it"
    return Finding(check, Health.FAILED, f"version {number} needs {', '.join(wrong)}", fix)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _minor(number: str) -> str:
    return ".".join(number.split(".")[:2])
