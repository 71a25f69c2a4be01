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
"""Tells a JVM to remember what `write_archive` will ask it for."""

# An archive that does not fit, or is gone, is nobody's concern.
_QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"
_ROOM = 2**30
_UNUSED_SECONDS = 30 * 24 * 3600
_LONGEST_SECONDS = 120


def archive_for(class_path: str) -> Path | None:
    """Where the archive of a JVM lies, whether it has been made or not.

    Args:
        class_path: What the JVM has on its class path beside Spark's own jars.

    Returns:
        The file's name, to which `write_archive` adds its size; None where nothing can be kept, or where spark-submit
        has started the JVM and Spark's jars are not beside its Python.
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
    """What makes a JVM use an archive, or record what goes into one that is still to be made."""
    if archive is None:
        return ""
    whole = _whole(archive)
    if whole is None:
        return RECORDING
    with suppress(OSError):
        os.utime(whole)  # it is in use
    # Damage would otherwise be found out by a crash; adding the file up takes a tenth of a second.
    return f"-XX:SharedArchiveFile={whole} -XX:+UnlockDiagnosticVMOptions -XX:+VerifySharedSpaces {_QUIET}"


def write_archive(archive: Path, pid: int) -> None:
    """Make an archive of what a recording JVM has loaded, or none where that cannot be done.

    It appears under its name only when it is whole, and its name tells its size: a JVM that maps a file cut short, as a
    disk may leave it behind when the power fails, dies of it.

    Args:
        archive: What `archive_for` gives.
        pid: The JVM's process.
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
    """The archive's file, if it is there and as long as it was when it was made."""
    for path in archive.parent.glob(f"{archive.stem}-*{archive.suffix}"):
        with suppress(OSError):
            if path == _sized(archive, path.stat().st_size):
                return path
    return None


def _sized(archive: Path, size: int) -> Path:
    return archive.with_stem(f"{archive.stem}-{size}")


def _forget_unused(folder: Path) -> None:
    """Archives of environments that are gone, and drafts of runs that were cut short."""
    for path in folder.iterdir():
        age = time.time() - path.stat().st_mtime
        if age > (_LONGEST_SECONDS if path.suffix == ".draft" else _UNUSED_SECONDS):
            path.unlink(missing_ok=True)
