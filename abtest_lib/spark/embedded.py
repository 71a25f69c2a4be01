"""The embedded engine: Sail, a Spark Connect server inside this process, without a JVM."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.errors import MachineError
from abtest_lib.spark.scratch import open_scratch, scratch_of
from abtest_lib.storage import is_plain_http

_CONNECT_MODE = "SPARK_CONNECT_MODE_ENABLED"
"""PySpark makes columns and windows for a Connect client while this variable is in the environment."""

_CLIENT = "4.0."
"""The PySpark whose client the engine is tested with."""

_NEEDS = ("pysail", "grpc", "grpc_status", "google.rpc", "pandas")
_SHARE_OF_MEMORY = 0.6


def is_installed() -> bool:
    """Return whether the embedded engine and the client that it needs are installed."""
    try:
        return version("pyspark").startswith(_CLIENT) and all(find_spec(name) is not None for name in _NEEDS)
    except (ModuleNotFoundError, PackageNotFoundError):  # the former of `google`
        return False


def memory_limit() -> int:
    """Return how many bytes the engine may take before it writes to the disk."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _SHARE_OF_MEMORY)


def is_embedded(session: SparkSession) -> bool:
    """Return whether a session belongs to the embedded engine."""
    return scratch_of(session) is not None


@contextmanager
def embedded_session() -> Iterator[SparkSession]:
    """Start the server on a random port of the loopback interface, and open a session on it.

    Yields:
        The session. Frames that are persisted go to a scratch folder, which is removed at the end.

    Raises:
        MachineError: The package is missing, or the server does not start.
    """
    if not is_installed():
        raise MachineError(
            "the embedded engine is not installed: pip install 'abtest-suite[embedded]', or use --compute spark"
        )
    with open_scratch() as scratch:
        _configure(scratch.folder)
        from pysail.spark import SparkConnectServer  # noqa: PLC0415  a native library of 160 MB

        server = SparkConnectServer("127.0.0.1", 0)
        before = os.environ.get(_CONNECT_MODE)
        os.environ[_CONNECT_MODE] = "1"
        try:
            server.start(background=True)
            session = _connect(server.listening_address)
            scratch.serve(session)
            try:
                yield session
            finally:
                # Before the server: otherwise the client repeats its last requests for ten minutes.
                session.stop()
        finally:
            server.stop()
            if before is None:
                os.environ.pop(_CONNECT_MODE, None)


def _connect(address: tuple[str, int] | None) -> SparkSession:
    from pyspark.sql.connect.session import SparkSession as ConnectSession  # noqa: PLC0415  PySpark 4 with gRPC only

    if address is None:
        raise MachineError("the embedded engine did not start: use --compute spark")
    host, port = address
    session: SparkSession = ConnectSession.builder.remote(f"sc://{host}:{port}").create()  # type: ignore[assignment]
    return session


def _configure(scratch: Path) -> None:
    """Set the server's memory limit, and the folder for data that does not fit, in the environment."""
    wanted = {
        "RUST_LOG": "error",
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "greedy",
        "SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE": str(memory_limit()),
    }
    if is_plain_http():
        wanted["AWS_ALLOW_HTTP"] = "true"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    os.environ["SAIL_RUNTIME__TEMPORARY_FILES__PATHS"] = f'["{scratch}"]'
