"""The whole suite against a real S3 server: the same tables and answers as on a disk, whatever happens in between."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from deltalake import DeltaTable

from abtest_lib.contracts import ALL_TABLES, GOLD_TABLES, QUARANTINE, RELEASES
from abtest_lib.spark.lease import LEASE_NAME, writer_lease
from abtest_lib.storage import delta_rs_location, delta_rs_options
from tests.api.serving import served
from tests.s3.conftest import SECRET, Store
from tests.s3.proxy import Proxy

pytestmark = pytest.mark.s3
PATIENCE = 900
COMPARED = (*GOLD_TABLES, QUARANTINE)
VOLATILE = {"quarantined_at", "source_file"}


def abtest(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as people do."""
    command = [sys.executable, "-c", "from abtest_lib.cli import main; main()", *arguments]
    settings = {"ABTEST_ENGINE": "exact", "ABTEST_DRIVER_MEMORY": "2g"}
    return subprocess.run(
        command, env=os.environ | settings | environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def contents(lake: str) -> dict[str, Counter[str]]:
    """Every row of the gold tables and of quarantine, as delta-rs reads them."""
    found = {}
    for contract in COMPARED:
        table = DeltaTable(delta_rs_location(contract.path(lake)), storage_options=delta_rs_options(lake))
        rows = table.to_pyarrow_table(columns=[name for name in contract.column_names if name not in VOLATILE])
        found[contract.full_name] = Counter(map(str, rows.to_pylist()))
    return found


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four days of traffic in two files; the second also brings the first's last rows again."""
    folder = tmp_path_factory.mktemp("events")
    made = abtest(
        "generate", "--users", "120", "--days", "4", "--dirty", "0.05", "--out", str(folder / "all.csv"), environment={}
    )
    assert made.returncode == 0, made.stderr
    header, *lines = (folder / "all.csv").read_bytes().splitlines(keepends=True)
    cut = len(lines) // 2
    first, second = folder / "first.csv", folder / "second.csv"
    first.write_bytes(header + b"".join(lines[:cut]))
    second.write_bytes(header + b"".join(lines[cut - 100 :]))
    return first, second


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory, batches: tuple[Path, Path]) -> str:
    """The same two batches on a disk: what S3 must come to."""
    lake = str(tmp_path_factory.mktemp("disk") / "lake")
    for batch in batches:
        done = abtest("run", "--input", str(batch), "--lake", lake, environment={})
        assert done.returncode == 0, done.stderr
    return lake


@pytest.fixture(scope="module")
def first_batch(store: Store, batches: tuple[Path, Path]) -> str:
    """A lake on S3 with the first batch."""
    done = abtest("run", "--input", str(batches[0]), "--lake", "s3a://lakes/main", environment=store.environment())
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return "s3a://lakes/main"


def copied(store: Store, lake: str, name: str) -> str:
    """A copy of a lake; objects are files of the server, attributes included."""
    source, target = store.folder / lake.removeprefix("s3a://"), store.folder / "lakes" / name
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return f"s3a://lakes/{name}"


def test_the_lake_on_s3_equals_the_lake_on_disk(
    store: Store,
    on_store: Mapping[str, str],
    first_batch: str,
    batches: tuple[Path, Path],
    on_disk: str,
    tmp_path: Path,
) -> None:
    lake = copied(store, first_batch, "whole")
    with writer_lease(lake):
        refused = abtest("run", "--input", str(batches[1]), "--lake", lake, environment=on_store)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "is being written by" in refused.stderr

    done = abtest("run", "--input", str(batches[1]), "--lake", lake, environment=on_store)
    assert done.returncode == 0, done.stderr
    assert contents(lake) == contents(on_disk)
    everything = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything
    assert not (store.folder / "lakes" / "whole" / LEASE_NAME).exists()

    with served(lake, tmp_path / "one") as remote, served(on_disk, tmp_path / "two") as local:
        for path in ("/experiments?limit=100", "/tables/gold/experiment_daily"):
            ours, theirs = remote.get(path), local.get(path)
            assert ours.status_code == theirs.status_code == 200
            assert ours.json().keys() == theirs.json().keys()
        names = [item["name"] for item in local.get("/experiments?limit=100").json()["experiments"]]
        assert names
        for name in names:
            address = f"/experiment/{name.replace('/', '|')}/result"
            assert stable(remote.get(address).json()) == stable(local.get(address).json())


def stable(answer: object) -> object:
    """An answer without what tells one lake from another: versions, ages and moments."""
    if isinstance(answer, dict):
        return {key: stable(value) for key, value in answer.items() if key not in {"release", "table_version"}}
    return [stable(item) for item in answer] if isinstance(answer, list) else answer


def test_upkeep_on_s3_changes_no_row(
    store: Store, on_store: Mapping[str, str], first_batch: str, batches: tuple[Path, Path], on_disk: str
) -> None:
    lake = copied(store, first_batch, "kept")
    before = contents(lake)
    told = abtest("doctor", "--lake", lake, "--profile", "s3", environment=on_store)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "a second writer is refused" in told.stdout
    done = abtest("maintain", "--lake", lake, "--profile", "s3", environment=on_store)
    assert done.returncode == 0, done.stderr
    assert contents(lake) == before
    done = abtest("run", "--input", str(batches[1]), "--lake", lake, "--profile", "s3", environment=on_store)
    assert done.returncode == 0, done.stderr
    assert contents(lake) == contents(on_disk)


def test_results_and_wrong_keys(on_store: Mapping[str, str], first_batch: str) -> None:
    name = next(iter(experiments(first_batch)))
    shown = abtest("results", name, "--lake", first_batch, environment=on_store)
    assert shown.returncode == 0, shown.stderr
    wrong = dict(on_store) | {"AWS_SECRET_ACCESS_KEY": "another-secret"}
    refused = abtest("run", "--lake", first_batch, environment=wrong)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "another-secret" not in refused.stderr
    assert "object store" in refused.stderr


def experiments(lake: str) -> set[str]:
    table = DeltaTable(delta_rs_location(RELEASES.path(lake)), storage_options=delta_rs_options(lake))
    assert table.to_pyarrow_table().num_rows == 1
    verdicts = next(contract for contract in ALL_TABLES if contract.full_name == "gold/verdicts")
    found = DeltaTable(delta_rs_location(verdicts.path(lake)), storage_options=delta_rs_options(lake))
    return set(found.to_pyarrow_table(columns=["experiment_name"])["experiment_name"].to_pylist())


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
        for seconds, is_down in ((25, True), (45, False)):
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
    command = [sys.executable, "-c", "from abtest_lib.cli import main; main()", *run]
    settings = {"ABTEST_ENGINE": "exact", "ABTEST_DRIVER_MEMORY": "2g"}
    process = subprocess.Popen(
        command,
        env=os.environ | settings | on_store,
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
