"""Requests fail, answers are lost, the store goes away or the run is killed: nothing is lost, and a rerun repairs."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.s3.proxy import Proxy
from tests.s3.runs import COMMAND, PATIENCE, SETTINGS, abtest, contents, copied
from tests.s3.store import Store

pytestmark = pytest.mark.s3


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    """A faulty way to the store."""
    with Proxy(store.port) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "faults"),
    [("refusing", {"unavailable": 0.1, "latency": 0.02}), ("cutting", {"reset": 0.05, "lost": 0.1}), ("down", {})],
    ids=["refusing", "cutting", "down"],
)
def test_faults_between_spark_and_s3_are_survived_or_repaired(  # noqa: PLR0917  fixtures
    name: str,
    faults: dict[str, float],
    store: Store,
    on_store: Mapping[str, str],
    proxy: Proxy,
    first_batch: str,
    batches: tuple[Path, Path],
    on_disk: str,
) -> None:
    lake = copied(store, first_batch, name)
    for fault, share in faults.items():
        setattr(proxy.faults, fault, share)
    if not faults:
        for seconds, is_down in ((25, True), (85, False)):
            threading.Timer(seconds, setattr, (proxy.faults, "is_down", is_down)).start()
    run = ("run", "--input", str(batches[1]), "--lake", lake, "--profile", "s3")
    done = abtest(*run, environment=store.environment(proxy.port))
    assert all(proxy.faults.seen[fault] > 0 for fault in faults.keys() - {"latency"})
    assert faults or proxy.faults.seen["is_down"] > 0
    if done.returncode != 0:
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    done = abtest(*run, "--wait", "90", environment=on_store)
    assert done.returncode == 0, done.stderr
    assert contents(lake) == contents(on_disk)


def test_a_killed_run_on_s3_is_healed_by_the_next(
    store: Store, on_store: Mapping[str, str], first_batch: str, batches: tuple[Path, Path], on_disk: str
) -> None:
    lake = copied(store, first_batch, "killed")
    run = ("run", "--input", str(batches[1]), "--lake", lake, "--profile", "s3")
    process = subprocess.Popen(
        [*COMMAND, *run],
        env=os.environ | SETTINGS | on_store,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    exposures = store.folder / "lakes" / "killed" / "silver" / "exposures" / "_delta_log"
    before, until = len(list(exposures.glob("*.json"))), time.monotonic() + PATIENCE
    while len(list(exposures.glob("*.json"))) == before and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    done = abtest(*run, "--wait", "120", environment=on_store)
    assert done.returncode == 0, done.stderr
    assert contents(lake) == contents(on_disk)
