"""The choice of the engine: the embedded one if it can run the pipeline, else Spark."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from abtest_lib.config import Settings
from abtest_lib.contracts.enums import Compute
from abtest_lib.spark.embedded import is_installed, memory_limit

_STARTED_BY = {
    "PYSPARK_GATEWAY_PORT": "spark-submit has started this process",
    "SPARK_REMOTE": "SPARK_REMOTE names a Spark Connect server",
    "DATABRICKS_RUNTIME_VERSION": "this is Databricks",
}
_BASE_BYTES = 1.0 * 2**30
_BYTES_PER_TEXT_BYTE = 5.0
"""The peak memory of a run, measured by benchmarks/etl; docs/engines.md has the figures."""

_FIRST_PERSON, _NOBODY = 1_000, 65_534
_PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and why it was chosen.

    Attributes:
        compute: The engine, never `auto`.
        reason: A clause for a person.
        warning: What the person should know about it; empty without a warning.
    """

    compute: Compute
    reason: str
    warning: str = ""

    def __str__(self) -> str:
        """Return a line for a person, e.g. `Sail 0.7.2, embedded: the input fits this machine`."""
        if self.compute is Compute.EMBEDDED:
            return f"Sail {_version('pysail')}, embedded: {self.reason}"
        return f"Spark {_version('pyspark')}: {self.reason}"


def choose_compute(settings: Settings, text_bytes: int | None = None) -> Choice:
    """Choose the engine of a run.

    Args:
        settings: `compute`, and where Spark runs.
        text_bytes: About how many bytes of text the run reads; None if unknown.
    """
    if settings.compute is Compute.EMBEDDED:
        return Choice(Compute.EMBEDDED, "as the settings say", _warning())
    if settings.compute is Compute.SPARK:
        return Choice(Compute.SPARK, "as the settings say")
    against = _reason_for_spark(settings, text_bytes)
    return (
        Choice(Compute.EMBEDDED, "the input fits this machine") if against is None else Choice(Compute.SPARK, against)
    )


def _reason_for_spark(settings: Settings, text_bytes: int | None) -> str | None:
    started = next((reason for name, reason in _STARTED_BY.items() if name in os.environ), None)
    if started is not None:
        return started
    if not (settings.spark_master or "").startswith("local"):
        return "the profile leaves the master to Spark"
    if not is_installed():
        return "the embedded engine is not installed"
    if other_people():
        return "other people use this machine, and the embedded engine has no password"
    needed = _BASE_BYTES + _BYTES_PER_TEXT_BYTE * (text_bytes or 0)
    if needed > memory_limit():
        return f"the input takes some {needed / 2**30:.0f} GiB, and {memory_limit() / 2**30:.0f} GiB are for it"
    return None


def other_people() -> bool:
    """Return whether processes of another person run on this machine."""
    mine = os.getuid()
    return any(user != mine and _FIRST_PERSON <= user < _NOBODY for user in _users())


def _users() -> Iterator[int]:
    for entry in _PROCESSES.glob("[0-9]*"):
        try:
            yield entry.stat().st_uid
        except OSError:
            continue  # it has just ended


def _warning() -> str:
    if not other_people():
        return ""
    return "the embedded engine has no password: other people on this machine can use it while it runs"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
