"""What the JVM of a local run is started with."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from abtest_lib.config import load_settings
from abtest_lib.spark.java import find_java
from abtest_lib.spark.session import static_conf

pytestmark = pytest.mark.spark_only

MIB = 2**20


@pytest.mark.parametrize("text_bytes", [1, 1024 * MIB, None], ids=["small", "large", "unknown"])
def test_compiled_code_has_room(text_bytes: int | None) -> None:
    """A run on S3 compiles more than 48 MB of code, and a JVM without room for it is slow at best."""
    options = shlex.split(static_conf(load_settings(), text_bytes)["spark.driver.extraJavaOptions"])
    command = [find_java(), *options, "-XX:+PrintFlagsFinal", "-version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"ReservedCodeCacheSize\s*=\s*(\d+)", told.stdout)
    assert found is not None
    assert int(found.group(1)) >= 200 * MIB


def test_the_compiler_takes_its_directives() -> None:
    """The JVM ignores what it cannot read, and says so only on its output."""
    options = shlex.split(static_conf(load_settings(), 1024 * MIB)["spark.driver.extraJavaOptions"])
    told = subprocess.run([find_java(), *options, "-version"], capture_output=True, text=True, check=True)
    assert "1 compiler directives added" in told.stdout


RUN = """
from abtest_lib.config import load_settings
from abtest_lib.spark.session import build_session, keep_classes
session = build_session(load_settings(), text_bytes=1)
print(session.range(7).count(), "SharedArchiveFile" in session.conf.get("spark.driver.extraJavaOptions"))
keep_classes(session)
"""


def test_classes_are_kept_for_the_next_run(tmp_path: Path) -> None:
    def run() -> str:
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        told = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True, env=environment)
        return told.stdout.splitlines()[-1]

    assert run() == "7 False"
    (archive,) = (tmp_path / "abtest-suite" / "classes").iterdir()
    assert archive.suffix == ".jsa"
    assert run() == "7 True"
    content = archive.read_bytes()
    archive.unlink()  # a JVM that is still shutting down keeps the whole file
    archive.write_bytes(content[: len(content) // 2])
    assert run() == "7 False"
