"""One writer per lake: who gets the lease, what the others are shown, and what happens to an owner that loses it."""

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from abtest_lib.config import load_settings
from abtest_lib.errors import ConfigError, LakeHeldError
from abtest_lib.lake.compare_and_swap import CompareAndSwapFile, LocalFile, StoredObject
from abtest_lib.lake.lake import Lake
from abtest_lib.lake.lease import LEASE_NAME, LeaseRenewer, writer_lease
from abtest_lib.lake.lease_record import LeaseRecord

_HOLD = """
import sys, time
from datetime import timedelta
from abtest_lib.lake.lease import writer_lease
with writer_lease(sys.argv[1], duration=timedelta(seconds=float(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
    print("done", flush=True)
"""


def _holder(lake: Path, lasts: float = 60, seconds: float = 60) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _HOLD, str(lake), str(lasts), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_pipeline_sees_the_owner_of_the_lease(tmp_path: Path) -> None:
    process = _holder(tmp_path / "lake")
    try:
        with (
            pytest.raises(LakeHeldError, match=rf"is being written by .*@.* \(process {process.pid}\), since 20"),
            writer_lease(str(tmp_path / "lake")),
        ):
            pass
        with writer_lease(str(tmp_path / "other lake")):
            pass
    finally:
        process.kill()
        process.communicate()


def test_a_killed_holder_blocks_the_lake_only_until_its_lease_is_over(tmp_path: Path) -> None:
    process = _holder(tmp_path, lasts=1.5)
    process.kill()
    process.communicate()
    with pytest.raises(LakeHeldError), writer_lease(str(tmp_path)):
        pass
    with writer_lease(str(tmp_path), wait=timedelta(seconds=20)):
        assert json.loads((tmp_path / LEASE_NAME).read_text())["heartbeat"] <= datetime.now(UTC).isoformat()


def test_waiting_ends_when_the_holder_is_done(tmp_path: Path) -> None:
    process = _holder(tmp_path, seconds=2)
    with writer_lease(str(tmp_path), wait=timedelta(seconds=30)):
        process.communicate(timeout=10)
        assert process.returncode == 0
    assert not (tmp_path / LEASE_NAME).exists()


def test_a_live_holder_keeps_a_short_lease_by_its_heartbeat(tmp_path: Path) -> None:
    process = _holder(tmp_path, lasts=1.5, seconds=4)
    time.sleep(3)
    with pytest.raises(LakeHeldError), writer_lease(str(tmp_path)):
        pass
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_holder_that_lost_its_lease_ends_at_once(tmp_path: Path) -> None:
    process = _holder(tmp_path, lasts=2, seconds=60)
    (tmp_path / LEASE_NAME).write_text("{}")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "done" not in out
    assert err == f"error: lost the lease of lake {tmp_path}: another pipeline has taken it over; run again\n"


def test_a_lake_object_that_holds_the_lease_goes_straight_on_and_another_one_waits(tmp_path: Path) -> None:
    session, settings = Mock(), load_settings()
    lake, other = Lake(session, tmp_path), Lake(session, f"{tmp_path}/")
    with lake.lease(settings):
        with lake.lease(settings):
            assert (tmp_path / LEASE_NAME).exists()
        assert (tmp_path / LEASE_NAME).exists()
        with pytest.raises(LakeHeldError), other.lease(settings):
            pass
        with other.lease(load_settings(overrides={"writer_lease": False})):
            pass
    assert not list(tmp_path.iterdir())


def test_a_run_that_writes_nothing_leaves_no_folder_behind(tmp_path: Path) -> None:
    with writer_lease(str(tmp_path / "new" / "lake")):
        assert (tmp_path / "new" / "lake").is_dir()
    assert not (tmp_path / "new").exists()


def test_a_lake_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot make a lake at .*: .*file is not a folder"):
        writer_lease(str(tmp_path / "file" / "lake")).__enter__()


@pytest.mark.parametrize("kind", ["disk", "object store"])
def test_a_file_is_created_once_and_changes_only_for_a_caller_with_its_tag(kind: str, tmp_path: Path) -> None:
    file: CompareAndSwapFile = LocalFile(tmp_path / "file") if kind == "disk" else StoredObject("memory:///", "file")
    assert file.read() is None
    first = file.create("one")
    assert first is not None
    assert file.create("two") is None
    second = file.swap("three", first)
    assert second is not None
    assert file.swap("four", first) is None
    file.remove(first)
    assert file.read() == ("three", second)
    file.remove(second)
    assert file.read() is None
    assert file.swap("five", second) is None


class _HangingFile(LocalFile):
    """Answers only after a signal, as a slow network does."""

    answer = threading.Event()

    def swap(self, text: str, tag: str) -> str | None:
        self.answer.wait(30)
        return super().swap(text, tag)


def test_a_heartbeat_that_hangs_is_noticed_before_others_may_take_over(tmp_path: Path) -> None:
    file, noticed = _HangingFile(tmp_path / "file"), threading.Event()
    reports: list[tuple[float, str]] = []

    def lost(reason: str) -> None:
        reports.append((time.monotonic(), reason))
        noticed.set()

    now, began = datetime.now(UTC).isoformat(), time.monotonic()
    record = LeaseRecord("token", "somebody", now, now, lasts_seconds=3)
    with LeaseRenewer(file, "lake", record, "tag", began, interval=timedelta(seconds=0.1), on_loss=lost):
        assert noticed.wait(10)
        file.answer.set()
    moment, reason = reports[0]
    assert reason == "lost the lease of lake lake: no heartbeat for 2 s"
    assert 2 <= moment - began < 3
