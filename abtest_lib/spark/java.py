"""Which JDK Spark will use; `python -m abtest_lib.spark.java` says so before anything slow starts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from abtest_lib.errors import MachineError

SUPPORTED_JAVA = (17, 21)


def find_java() -> str:
    """The `java` command that Spark will use.

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
    """The major version of the JDK that Spark will use.

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


if __name__ == "__main__":
    try:
        java_version()
    except MachineError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
