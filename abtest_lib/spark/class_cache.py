"""Spark's classes, loaded and checked once, in a file that later JVMs map: class data sharing (JEP 350).

A cold JVM spends seconds on finding, parsing and checking some fifteen thousand classes, the same ones in every run.
The JVM itself refuses an archive that another Java or other jars have made, and then starts as it would without one.
"""

import hashlib
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from abtest_lib.cache import cache_folder
from abtest_lib.spark.java import find_java

RECORDING = "-XX:+RecordDynamicDumpInfo"
"""The option by which a JVM records what `write_archive` will ask it for."""

# An archive that does not fit, or is missing, needs no message.
_QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"
_ROOM = 2**30
_UNUSED_SECONDS = 30 * 24 * 3600
_LONGEST_SECONDS = 120


def archive_for(class_path: str) -> Path | None:
    """Return the path of a JVM's archive, whether it exists yet or not.

    Args:
        class_path: The JVM's class path without Spark's own jars.

    Returns:
        The file's name, to which `write_archive` adds its size; None if no archive can be kept, or if spark-submit has
        started the JVM and Spark's jars are not next to its Python.
    """
    folder = cache_folder("classes")
    if folder is None or " " in str(folder):  # a space would end the JVM's option
        return None
    import pyspark  # noqa: PLC0415  where Spark's jars lie

    java, jars = Path(find_java()).resolve(), Path(pyspark.__file__).parent / "jars"
    if not jars.is_dir():
        return None
    parts = [class_path, *(f"{path} {path.stat().st_mtime_ns}" for path in (java, jars))]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return folder / f"{digest[:16]}.jsa"


def java_options(archive: Path | None) -> str:
    """Return the options with which a JVM uses an archive, or records the content of one that does not exist yet."""
    if archive is None:
        return ""
    whole = _whole(archive)
    if whole is None:
        return RECORDING
    with suppress(OSError):
        os.utime(whole)  # it is in use
    # Otherwise damage would crash the JVM; computing the checksum takes a tenth of a second.
    return f"-XX:SharedArchiveFile={whole} -XX:+UnlockDiagnosticVMOptions -XX:+VerifySharedSpaces {_QUIET}"


def write_archive(archive: Path, pid: int) -> None:
    """Write an archive of the classes that a recording JVM has loaded; do nothing if that is impossible.

    It gets its name only when it is complete, and its name contains its size: a JVM crashes on a truncated file, which
    a power failure can leave behind.

    Args:
        archive: The result of `archive_for`.
        pid: The id of the JVM's process.
    """
    jcmd = Path(find_java()).with_name("jcmd")
    if not jcmd.exists() or shutil.disk_usage(archive.parent).free < _ROOM:
        return
    _forget_unused(archive.parent)
    draft = archive.with_suffix(f".{os.getpid()}.draft")
    command = [str(jcmd), str(pid), "VM.cds", "dynamic_dump", str(draft)]
    try:
        subprocess.run(command, capture_output=True, check=True, timeout=_LONGEST_SECONDS)  # noqa: S603  the JDK's own
        draft.replace(_sized(archive, draft.stat().st_size))
    except (OSError, subprocess.SubprocessError):
        return
    finally:
        draft.unlink(missing_ok=True)


def _whole(archive: Path) -> Path | None:
    """Return the archive's file if it exists and has the size in its name."""
    for path in archive.parent.glob(f"{archive.stem}-*{archive.suffix}"):
        with suppress(OSError):
            if path == _sized(archive, path.stat().st_size):
                return path
    return None


def _sized(archive: Path, size: int) -> Path:
    return archive.with_stem(f"{archive.stem}-{size}")


def _forget_unused(folder: Path) -> None:
    """Remove archives of environments that no longer exist, and drafts of interrupted runs."""
    for path in folder.iterdir():
        age = time.time() - path.stat().st_mtime
        if age > (_LONGEST_SECONDS if path.suffix == ".draft" else _UNUSED_SECONDS):
            path.unlink(missing_ok=True)
