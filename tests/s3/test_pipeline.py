"""The whole suite against a real S3 server: the same tables and answers as on a disk."""

import json
from collections.abc import Mapping
from pathlib import Path

import obstore
import pytest
from deltalake import DeltaTable

from abtest_lib.contracts import ALL_TABLES, EVENTS, RELEASES
from abtest_lib.ingest.input_files import list_objects
from abtest_lib.lake.lease import LEASE_NAME, writer_lease
from abtest_lib.storage import delta_rs_location, delta_rs_options, object_store
from tests.api.serving import served
from tests.s3.runs import abtest, contents, copied
from tests.s3.store import SECRET, Store

pytestmark = pytest.mark.s3


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


@pytest.mark.parametrize("compute", ["embedded", "spark"])
def test_a_document_over_several_lines_is_read(on_store: Mapping[str, str], tmp_path: Path, compute: str) -> None:
    event = {"event_name": "BUY", "item_id": 7.0, "timestamp": "2024-03-03T12:00:00Z", "site": None}
    events = [event | {"experiments": {"a": variant}, "user_id": f"u{variant}"} for variant in (1, 2)]
    source = f"s3a://lakes/input-{compute}"
    obstore.put(object_store(source), "pretty.json", json.dumps(events, indent=2).encode())
    lake = tmp_path / "lake"
    environment = dict(on_store) | {"ABTEST_COMPUTE": compute}
    done = abtest("run", "--input", source, "--lake", str(lake), environment=environment)
    assert done.returncode == 0, done.stderr
    rows = DeltaTable(EVENTS.path(str(lake))).to_pyarrow_table().to_pylist()
    found = sorted((row["user_id"], row["item_id"], row["experiments"], row["source_file"]) for row in rows)
    assert found == [(f"u{variant}", "7", f"{{a={variant}}}", f"{source}/pretty.json") for variant in (1, 2)]


def test_objects_are_found_as_files_are(on_store: Mapping[str, str]) -> None:
    assert on_store
    for key in ("a/x.csv", "a/b/y.csv", "a/_temporary/z.csv", "c.csv"):
        obstore.put(object_store("s3a://lakes/found"), key, b"1")
    root = "s3a://lakes/found"
    assert sorted(list_objects(f"{root}/a")) == [f"{root}/a/b/y.csv", f"{root}/a/x.csv"]
    assert sorted(list_objects(f"{root}/a/")) == [f"{root}/a/b/y.csv", f"{root}/a/x.csv"]
    assert list_objects(f"{root}/c.csv") == {f"{root}/c.csv": 1}
    assert list(list_objects(f"{root}/*.csv")) == [f"{root}/c.csv"]
    assert list(list_objects(f"{root}/a/*")) == [f"{root}/a/b/y.csv", f"{root}/a/x.csv"]
    assert list_objects(f"{root}/none.csv") == {}
