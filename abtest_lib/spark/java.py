"""The JDK that Spark will use; `python -m abtest_lib.spark.java` checks it before anything slow starts."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from abtest_lib.errors import MachineError

_SHORT_NAMES = frozenset({"EST", "HST", "MST", "GMT+0", "GMT-0"})
"""Time zones that Python knows and Java reads although its table does not list them."""

SUPPORTED_JAVA = (17, 21)


def find_java() -> str:
    """Find the `java` command that Spark will use.

    Raises:
        MachineError: There is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        place = f"JAVA_HOME={home}" if home else "the PATH"
        raise MachineError(f"no Java found on {place}: install a JDK, version 17 or 21, and set JAVA_HOME to it")
    return java


def java_version() -> int:
    """Return the major version of the JDK that Spark will use.

    Raises:
        MachineError: There is none, or it is one that Spark does not run on.
    """
    java = find_java()
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603  found above
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    major = int(match[1]) if match else 0
    if major not in SUPPORTED_JAVA:
        raise MachineError(f"{java} is Java {major or 'of an unknown version'}: Spark needs version 17 or 21")
    return major


def java_zones() -> tuple[str, frozenset[str]]:
    """Return the release of the JDK's time zones, e.g. 2025a, and their names.

    `lib/tzdb.dat` begins with: a byte 1, `TZDB`, the number of releases, each, the number of names, each. Numbers take
    two bytes, texts are preceded by their length.

    Raises:
        MachineError: There is no JDK, or it has no such file.
    """
    table = Path(find_java()).resolve().parent.parent / "lib" / "tzdb.dat"
    try:
        content = io.BytesIO(table.read_bytes()[1:])
        magic = _text(content)
        releases = [_text(content) for _ in range(_number(content))]
        names = frozenset(_text(content) for _ in range(_number(content)))
    except (OSError, ValueError):
        magic, releases, names = "", [], frozenset()
    if magic != "TZDB" or not releases:
        raise MachineError(f"the time zones of the JDK cannot be read from {table}")
    return releases[-1], names | _SHORT_NAMES


def _number(content: io.BytesIO) -> int:
    return int.from_bytes(content.read(2), "big")


def _text(content: io.BytesIO) -> str:
    return content.read(_number(content)).decode()


if __name__ == "__main__":
    try:
        java_version()
    except MachineError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
