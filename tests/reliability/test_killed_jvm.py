"""The system takes Spark's JVM or its driver away in the middle of a run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abtest_lib.lake.process import ProcessRecord, ProcessState, own_record
from tests.reliability.test_storage import write

pytestmark = pytest.mark.spark_only

ROOT = Path(__file__).parents[2]
PIPELINE = (sys.executable, "-c", "from abtest_cli import main; main()", "run")
ENVIRONMENT = os.environ | {"ABTEST_DRIVER_MEMORY": "2g", "ABTEST_COMPUTE": "spark"}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the JVM is found in /proc, which is not there")
def test_a_killed_jvm_is_one_clear_line_and_the_step_can_run_again(tmp_path: Path) -> None:
    source, lake = str(write(tmp_path / "events.csv", 2_000)), str(tmp_path / "lake")
    command = [*PIPELINE, "--input", source, "--lake", lake]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert any("job=build_silver" in line for line in run.stderr)
        os.kill(jvm_of(run.pid), signal.SIGKILL)
        said = run.stderr.read().splitlines()
    assert run.returncode == 1
    assert len(said) == 1
    assert re.search("^error: .*Spark's JVM ended early, most likely killed because memory ran out", said[0])
    step = [sys.executable, str(ROOT / "jobs" / "build_silver.py"), "--lake", lake]
    again = subprocess.run(step, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "rows_written=4000" in again.stderr


@pytest.mark.skipif(own_record() is None, reason="this system has no /proc")
def test_the_next_run_follows_a_killed_one_at_once_but_not_before_its_jvm_has_ended(tmp_path: Path) -> None:
    source, lake = str(write(tmp_path / "events.csv", 2_000)), str(tmp_path / "lake")
    command = [*PIPELINE, "--input", source, "--lake", lake]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert any("job=build_silver" in line for line in run.stderr)
        jvm = jvm_of(run.pid)
        os.kill(jvm, signal.SIGSTOP)  # a JVM that takes its time to end
        run.kill()
        run.wait()
    (holder,) = (json.loads(path.read_text()) for path in Path(lake).glob("_writer_lease.json"))
    assert ProcessRecord(**holder["process"]).state() is ProcessState.ENDING
    began = time.monotonic()
    step = [sys.executable, str(ROOT / "jobs" / "build_silver.py"), "--lake", lake]
    with subprocess.Popen(step, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as again:
        time.sleep(3)
        is_waiting = again.poll() is None
        os.kill(jvm, signal.SIGCONT)
        _, said = again.communicate(timeout=50)
    assert is_waiting
    assert again.returncode == 0, said
    assert "rows_written=4000" in said
    assert time.monotonic() - began < 55


def jvm_of(pid: int) -> int:
    """The Java process among those that a process has started."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        waiting = [pid]
        while waiting:
            process = waiting.pop()
            if Path(f"/proc/{process}/comm").read_text().strip() == "java":
                return process
            waiting += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
    raise TimeoutError(f"process {pid} has started no JVM")
