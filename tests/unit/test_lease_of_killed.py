"""The lease of a killed process: taken over at once where its death is certain, and only there."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from abtest_lib.errors import LakeHeldError
from abtest_lib.lake.lease import LEASE_NAME, writer_lease
from abtest_lib.lake.process import ProcessRecord, ProcessState, own_record

pytestmark = pytest.mark.skipif(own_record() is None, reason="this system has no /proc")

_HOLD = """
import subprocess, sys, time
from abtest_lib.lake.lease import writer_lease
with writer_lease(sys.argv[1], dies_with_process=True):
    child = subprocess.Popen(["sleep", sys.argv[2]])
    print("held", child.pid, flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(lake: Path, child_seconds: float = 0, prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lease, with a child; whatever the test does, neither outlives it for long."""
    command = [*prefix, sys.executable, "-c", _HOLD, str(lake), str(child_seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("held ")
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def change(lake: Path, **changes: object) -> None:
    """Let the lease say something else about its process."""
    record = json.loads((lake / LEASE_NAME).read_text())
    record["process"] |= changes
    (lake / LEASE_NAME).write_text(json.dumps(record))


def is_taken_over(lake: Path) -> bool:
    try:
        with writer_lease(str(lake)):
            return True
    except LakeHeldError:
        return False


def test_a_killed_holder_is_followed_at_once(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert not is_taken_over(tmp_path)
        process.kill()
        process.wait()
        began = time.monotonic()
        assert is_taken_over(tmp_path)
        assert time.monotonic() - began < 2


def test_a_holder_that_nobody_has_waited_for_is_dead_too(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_taken_over(tmp_path)


def test_what_a_killed_holder_has_started_must_end_first(tmp_path: Path) -> None:
    with holder(tmp_path, child_seconds=3) as process:
        process.kill()
        process.wait()
        record = json.loads((tmp_path / LEASE_NAME).read_text())
        assert ProcessRecord(**record["process"]).state() is ProcessState.ENDING
        began = time.monotonic()
        with writer_lease(str(tmp_path), wait=timedelta(0)):
            assert 1 < time.monotonic() - began < 10


def test_what_ends_between_two_looks_is_followed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        seen = iter([ProcessState.ENDING])
        monkeypatch.setattr(ProcessRecord, "state", lambda _: next(seen, ProcessState.DEAD))
        assert is_taken_over(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "another-machine"},
        {"boot_id": "00000000-0000-0000-0000-000000000000"},
        {"namespaces": "pid:[1] time:[1]"},
    ],
    ids=["machine", "start of the machine", "container"],
)
def test_processes_elsewhere_are_never_called_dead(tmp_path: Path, changes: dict[str, object]) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        change(tmp_path, **changes)
        assert not is_taken_over(tmp_path)


def test_a_number_that_was_given_away_again_is_not_the_holder(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        change(tmp_path, pid=os.getpid())
        assert is_taken_over(tmp_path)


def test_a_lease_without_a_process_keeps_to_its_heartbeat(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        record = json.loads((tmp_path / LEASE_NAME).read_text())
        del record["process"]
        (tmp_path / LEASE_NAME).write_text(json.dumps(record))
        assert not is_taken_over(tmp_path)
        (tmp_path / LEASE_NAME).write_text(json.dumps(record | {"heartbeat": "2021-08-01T00:00:00+00:00"}))
        assert is_taken_over(tmp_path)


def test_a_lease_of_a_later_version_that_says_more_is_respected(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        record = json.loads((tmp_path / LEASE_NAME).read_text())
        (tmp_path / LEASE_NAME).write_text(json.dumps(record | {"more": 1, "process": {"unknown": 2}}))
        assert not is_taken_over(tmp_path)


def test_a_living_holder_in_a_container_is_left_alone(tmp_path: Path) -> None:
    """In a process-id namespace of its own the holder's number is another process's here, or nobody's."""
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no right to make a process-id namespace here")
    with holder(tmp_path, prefix=unshare):
        record = json.loads((tmp_path / LEASE_NAME).read_text())["process"]
        mine = own_record()
        assert mine is not None
        assert record["boot_id"] == mine.boot_id
        assert record["namespaces"] != mine.namespaces
        assert not is_taken_over(tmp_path)
