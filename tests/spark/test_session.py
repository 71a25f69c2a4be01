"""What the JVM of a local run is started with."""

import re
import shlex
import subprocess

import pytest

from abtest_lib.config import load_settings
from abtest_lib.spark.java import find_java
from abtest_lib.spark.session import static_conf

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
