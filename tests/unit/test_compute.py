"""Which engine a run takes, and what it says about it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from abtest_lib.config import Settings, load_settings, with_compute
from abtest_lib.contracts.enums import Compute
from abtest_lib.errors import ConfigError
from abtest_lib.spark import compute
from abtest_lib.spark.compute import choose_compute

GIB = 2**30


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine of 16 GiB on which nobody else works and the engine is installed."""
    for name in ("PYSPARK_GATEWAY_PORT", "SPARK_REMOTE", "DATABRICKS_RUNTIME_VERSION", "ABTEST_COMPUTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(compute, "other_people", lambda: False)
    monkeypatch.setattr(compute, "is_installed", lambda: True)
    monkeypatch.setattr(compute, "memory_limit", lambda: 16 * GIB)
    return monkeypatch


def local(**overrides: object) -> Settings:
    return load_settings(overrides={"spark_master": "local[*]", **overrides})


@pytest.mark.usefixtures("alone")
def test_a_laptop_takes_the_embedded_engine() -> None:
    choice = choose_compute(local(), 40_000_000)
    assert choice.compute is Compute.EMBEDDED
    assert str(choice).startswith("Sail ")


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("PYSPARK_GATEWAY_PORT", "spark-submit has started this process"),
        ("SPARK_REMOTE", "SPARK_REMOTE names a Spark Connect server"),
        ("DATABRICKS_RUNTIME_VERSION", "this is Databricks"),
    ],
)
def test_who_starts_spark_gets_spark(alone: pytest.MonkeyPatch, variable: str, reason: str) -> None:
    alone.setenv(variable, "x")
    choice = choose_compute(local())
    assert (choice.compute, choice.reason) == (Compute.SPARK, reason)


@pytest.mark.usefixtures("alone")
def test_a_cluster_profile_takes_spark() -> None:
    assert choose_compute(load_settings("emr")).compute is Compute.SPARK


def test_an_input_beyond_the_memory_takes_spark(alone: pytest.MonkeyPatch) -> None:
    alone.setattr(compute, "memory_limit", lambda: 4 * GIB)
    assert choose_compute(local(), GIB // 2).compute is Compute.EMBEDDED
    choice = choose_compute(local(), 2 * GIB)
    assert choice.compute is Compute.SPARK
    assert choice.reason == "the input takes some 11 GiB, and 4 GiB are for it"


def test_other_people_get_spark_unless_the_settings_say_otherwise(alone: pytest.MonkeyPatch) -> None:
    alone.setattr(compute, "other_people", lambda: True)
    assert choose_compute(local()).compute is Compute.SPARK
    choice = choose_compute(local(compute="embedded"))
    assert choice.compute is Compute.EMBEDDED
    assert "no password" in choice.warning


def test_a_missing_package_takes_spark(alone: pytest.MonkeyPatch) -> None:
    alone.setattr(compute, "is_installed", lambda: False)
    assert choose_compute(local()).reason == "the embedded engine is not installed"


def test_processes_of_other_people_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "_PROCESSES", tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "self").mkdir()
    monkeypatch.setattr(compute.os, "getuid", lambda: (tmp_path / "1").stat().st_uid)
    assert not compute.other_people()
    if os.getuid() == 0:
        os.chown(tmp_path / "1", 1234, -1)
        monkeypatch.setattr(compute.os, "getuid", lambda: 1000)
        assert compute.other_people()


def test_an_unknown_engine_is_one_line() -> None:
    with pytest.raises(ConfigError, match="--compute duckdb: the engines are auto, embedded, spark"):
        with_compute(load_settings(), "duckdb")


KILLED = """
import os, signal
from abtest_lib.spark.scratch import open_scratch
with open_scratch() as scratch:
    (scratch.folder / "frame-0").mkdir()
    print(scratch.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
KEPT = """
from abtest_lib.spark.scratch import open_scratch
with open_scratch() as scratch:
    print(scratch.folder, flush=True)
    input()
"""


def test_the_scratch_folder_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    command = [sys.executable, "-c", KEPT]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        used = Path(first.stdout.readline().strip())
        assert not left.exists()
        ended = subprocess.run(command, env=environment, input="\n", capture_output=True, text=True, check=True)
        assert used.is_dir()  # its process lives
        first.communicate("\n")
    assert not used.exists()
    assert not Path(ended.stdout.strip()).exists()
