"""The output of the JVM while it starts: hidden, and shown only if it fails."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abtest_lib.errors import MachineError, one_line


@contextmanager
def redirect_jvm_output() -> Iterator[None]:
    """Send the output of processes started inside to a file of this session.

    The JVM announces incubator modules, its log profile and its host name at every start, and keeps the streams with
    which it started. ABTEST_DEBUG=1 changes nothing.

    Raises:
        MachineError: Any error inside, with the last line that the JVM printed.
    """
    if os.environ.get("ABTEST_DEBUG"):
        yield
        return
    with tempfile.NamedTemporaryFile(prefix="abtest-spark-", suffix=".log", delete=False) as log:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = {stream: os.dup(stream) for stream in (1, 2)}
        for stream in kept:
            os.dup2(log.fileno(), stream)
        try:
            yield
        except Exception as error:
            raise MachineError(f"Spark did not start: {_last_line(log.name) or one_line(error)}") from error
        finally:
            for stream, copy in kept.items():
                os.dup2(copy, stream)
                os.close(copy)
            # The JVM holds the file open; nobody needs its name any more.
            Path(log.name).unlink(missing_ok=True)


def silence_dead_jvm() -> None:
    """Keep py4j from logging a stack trace when the JVM is gone: it also raises an exception."""
    if not os.environ.get("ABTEST_DEBUG"):
        logging.getLogger().addFilter(lambda record: record.msg != "Exception while sending command.")


def _last_line(name: str) -> str:
    lines = Path(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    telling = [line for line in lines if "rror" in line or "xception" in line]
    return one_line((telling or lines or [""])[-1])
