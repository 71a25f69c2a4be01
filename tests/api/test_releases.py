"""One release at a time, whatever happens to the lake meanwhile."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from lakes import BY_NAME, DAY_1, RANKING, arm_rows, build_lake, publish, verdicts, write, write_gold
from serving import TestClient, mirror, served, settings_for

from abtest_lib import contracts

PATHS = [
    "/experiment/search|ranking/result?day=2021-08-01",
    "/experiment/search|ranking/result",
    "/experiment/search|ranking",
    "/experiment/search|ranking/history",
    "/experiment/search|ranking/funnel?day=2021-08-01",
    "/experiment/search|ranking/posterior",
    "/experiments",
    "/tables",
    "/tables/gold/verdicts",
    "/tables/silver/exposures",
    "/quality",
]
READY = "/health/ready"


def without_ages(content: object) -> object:
    """An answer without ages and the state of the lake, which change by themselves."""
    moving = {"data_age_seconds", "checked_at", "lake_readable", "problems"}
    if isinstance(content, dict):
        return {key: without_ages(value) for key, value in content.items() if key not in moving}
    return [without_ages(item) for item in content] if isinstance(content, list) else content


def snapshot_of(client: TestClient) -> dict[str, object]:
    answers = {path: client.get(path) for path in PATHS}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {path: without_ages(answer.json()) for path, answer in answers.items()}


def wait_for(client: TestClient, is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60  # a busy machine is slow
    while not is_so():
        assert time.monotonic() < end, client.get(READY).text
        time.sleep(0.05)


def served_run(client: TestClient) -> str:
    run_id: str = client.get("/experiments").json()["release"]["run_id"]
    return run_id


def write_numbered(lake: Path, number: int) -> dict[str, int]:
    """Every table has the same number."""
    versions = write_gold(lake)
    daily = arm_rows(DAY_1, RANKING, {"4915": (number, 0)})
    versions["gold/experiment_daily"] = write(lake, contracts.EXPERIMENT_DAILY, daily)
    said = [row | {"explanation": str(number)} for row in verdicts()]
    versions["gold/verdicts"] = write(lake, contracts.VERDICTS, said)
    return versions


def test_unpublished_versions_are_not_seen(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake")
    settings = settings_for(lake, tmp_path / "cache")
    with served(lake, tmp_path / "cache") as client:
        before = snapshot_of(client)
        versions = write_numbered(lake, 77)
        assert not mirror(settings)
        assert snapshot_of(client) == before
        publish(lake, "run-2", versions)
        assert mirror(settings)
        wait_for(client, lambda: served_run(client) == "run-2")
        result = client.get(PATHS[0]).json()["results"]
        assert (result["variants"][0]["users"], result["explanation"]) == (77, "77")


def test_a_request_never_mixes_releases(tmp_path: Path) -> None:
    lake, releases = tmp_path / "lake", 6
    publish(lake, "1", write_numbered(lake, 1))
    settings = settings_for(lake, tmp_path / "cache")

    def publish_on() -> None:
        for number in range(2, releases + 1):
            publish(lake, str(number), write_numbered(lake, number))
            mirror(settings)

    with served(lake, tmp_path / "cache") as client:
        writer = threading.Thread(target=publish_on)
        writer.start()
        seen = set()
        while writer.is_alive() or str(releases) not in seen:
            answer = client.get(PATHS[0])
            assert answer.status_code == 200
            result = answer.json()["results"]
            numbers = {str(result["variants"][0]["users"]), result["explanation"], result["release"]["run_id"]}
            assert len(numbers) == 1
            seen |= numbers
        writer.join()
    assert len(seen) > 2


def test_the_lake_goes_away_and_comes_back(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    settings = settings_for(lake, cache)
    with served(lake, cache) as client:
        before = snapshot_of(client)
        lake.rename(tmp_path / "elsewhere")
        mirror(settings)
        wait_for(client, lambda: client.get(READY).status_code == 503)
        state = client.get(READY).json()
        assert (state["lake_readable"], state["release"]["run_id"]) == (False, "run-1")
        assert state["release"]["data_age_seconds"] > 0
        assert snapshot_of(client) == before
    with served(lake, cache) as restarted:
        assert snapshot_of(restarted) == before
        assert restarted.get(READY).status_code == 503
        (tmp_path / "elsewhere").rename(lake)
        mirror(settings)
        wait_for(restarted, lambda: restarted.get(READY).status_code == 200)
        assert snapshot_of(restarted) == before


def test_after_vacuum_the_release_is_still_served(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    with served(lake, cache) as client:
        before = snapshot_of(client)
        write_gold(lake)
        for contract, _ in BY_NAME.values():
            table = DeltaTable(contract.path(str(lake)))
            gone = table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
            assert gone
        mirror(settings_for(lake, cache))
        assert snapshot_of(client) == before
        assert client.get(READY).status_code == 200


def break_away(path: Path) -> None:
    shutil.rmtree(path)


def need_a_future_feature(path: Path) -> None:
    last = max((path / "_delta_log").glob("*.json"))
    features = {"readerFeatures": ["fromTheFuture"], "writerFeatures": ["fromTheFuture"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    lines = [line for line in last.read_text().splitlines() if '"protocol"' not in line]
    last.write_text("\n".join([*lines, json.dumps(protocol)]))


def truncate_the_files(path: Path) -> None:
    # Each of them: the order of the files of several days in a commit is left to chance.
    last = max((path / "_delta_log").glob("*.json"))
    added = [json.loads(line)["add"]["path"] for line in last.read_text().splitlines() if '"add"' in line]
    assert added
    for whole in (path / name for name in added):
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])


def spoil_the_log(path: Path) -> None:
    max((path / "_delta_log").glob("*.json")).write_text("{not json")


FAULTS = [break_away, need_a_future_feature, truncate_the_files, spoil_the_log]
TABLES = ["experiment_daily", "posteriors", "verdicts"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_release_does_not_replace_a_whole_one(
    tmp_path: Path, fault: Callable[[Path], None], table: str
) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    with served(lake, cache) as client:
        before = snapshot_of(client)
        publish(lake, "run-2", write_numbered(lake, 5))
        fault(lake / "gold" / table)
        mirror(settings_for(lake, cache))
        wait_for(client, lambda: client.get(READY).status_code == 503)
        answer = client.get(READY)
        assert table in answer.json()["problems"][0]
        assert str(tmp_path) not in answer.text
        assert snapshot_of(client) == before
        assert answer.json()["table_features_supported"] is (fault is not need_a_future_feature)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_first_release_is_served_as_far_as_it_goes(
    tmp_path: Path, fault: Callable[[Path], None], table: str
) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    fault(lake / "gold" / table)
    with served(lake, cache) as client:
        answers = [client.get(path) for path in PATHS]
        assert {answer.status_code for answer in answers} <= {200, 404}
        assert not any(str(tmp_path) in answer.text for answer in answers)
        ready = client.get(READY)
        assert ready.status_code == 503
        assert any(table in problem for problem in ready.json()["problems"])
        assert str(tmp_path) not in ready.text
        if table != "experiment_daily":
            result = client.get(PATHS[0]).json()["results"]
            assert [variant["users"] for variant in result["variants"]] == [100, 110, 3]
            assert (result["decision"] is None) == (table == "verdicts")


def test_a_broken_release_is_replaced_once_it_is_repaired(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    kept = tmp_path / "kept"
    shutil.copytree(lake / "gold" / "verdicts", kept)
    break_away(lake / "gold" / "verdicts")
    with served(lake, cache) as client:
        assert client.get(PATHS[0]).json()["results"]["decision"] is None
        shutil.copytree(kept, lake / "gold" / "verdicts")
        mirror(settings_for(lake, cache))
        wait_for(client, lambda: client.get(READY).status_code == 200)
        assert client.get(PATHS[0]).json()["results"]["decision"] == "inconclusive"


def test_a_lake_with_counts_only(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake", without=["posteriors", "comparisons", "verdicts"])
    with served(lake, tmp_path / "cache") as client:
        assert client.get(READY).status_code == 200
        result = client.get(PATHS[0]).json()["results"]
        assert [variant["users"] for variant in result["variants"]] == [100, 110, 3]
        assert (result["winner"], result["decision"], result["variants"][0]["interval"]) == (None, None, None)
        assert result["variants"][0]["to_date"]["users"] == 100
        assert {client.get(path).status_code for path in PATHS} == {200}


def test_a_lake_without_a_release(tmp_path: Path) -> None:
    write_gold(tmp_path / "lake")
    with served(tmp_path / "lake", tmp_path / "cache") as client:
        assert client.get(PATHS[0]).status_code == 404
        listed = client.get("/experiments")
        assert (listed.status_code, listed.json()["total"]) == (200, 0)
        assert "no pipeline run has finished" in client.get(READY).text
        assert client.get("/quality").status_code == 200


def test_no_lake_and_nothing_mirrored(tmp_path: Path) -> None:
    with served(tmp_path / "nowhere", tmp_path / "cache") as client:
        answer = client.get(PATHS[0])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "the lake cannot be reached" in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
        assert client.get("/health/live").status_code == 200


def test_a_file_truncated_after_mirroring_changes_nothing(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake")
    with served(lake, tmp_path / "cache") as client:
        before = snapshot_of(client)
        for table in TABLES:
            truncate_the_files(lake / "gold" / table)
        assert snapshot_of(client) == before


def test_a_damaged_cache_heals(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    with served(lake, cache) as client:
        before = snapshot_of(client)
    day_files = list(cache.glob("*/day-*"))
    assert len(day_files) == 2
    day_files[0].write_bytes(b"")
    day_files[1].unlink()
    with served(lake, cache) as client:
        assert snapshot_of(client) == before


def test_files_that_nothing_needs_are_removed(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    settings = settings_for(lake, cache)
    mirror(settings)
    first = {path.name for path in cache.glob("*/day-*")}
    for number in range(2, 5):
        publish(lake, str(number), write_numbered(lake, number))
        mirror(settings)
    left = {path.name for path in cache.glob("*/day-*")}
    assert len(left) <= 4
    assert not first & left


def test_a_release_larger_than_the_cache_is_refused(tmp_path: Path) -> None:
    lake, cache = build_lake(tmp_path / "lake"), tmp_path / "cache"
    with served(lake, cache) as client:
        before = snapshot_of(client)
        publish(lake, "2", write_numbered(lake, 2))
        mirror(settings_for(lake, cache, cache_bytes=100))
        wait_for(client, lambda: "ABTEST_API_CACHE_BYTES" in client.get(READY).text)
        assert snapshot_of(client) == before


def test_days_out_of_memory_answer_the_same(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake")
    with served(lake, tmp_path / "one") as in_memory, served(lake, tmp_path / "two", memory_bytes=0) as on_disk:
        for path in PATHS[:6]:
            assert without_ages(in_memory.get(path).json()) == without_ages(on_disk.get(path).json())
