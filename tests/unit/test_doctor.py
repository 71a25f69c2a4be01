"""What the doctor finds, and how it says to fix it."""

import json
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from abtest_lib import doctor, storage
from abtest_lib.config import load_settings
from abtest_lib.contracts import EXPERIMENT_DAILY
from abtest_lib.doctor import Finding, Health, examine
from abtest_lib.lake.compare_and_swap import LocalFile


def findings(lake: Path | None = None, **overrides: object) -> dict[str, Finding]:
    where = None if lake is None else str(lake)
    return {finding.check: finding for finding in examine(load_settings(overrides=overrides), where)}


def test_a_machine_that_is_well() -> None:
    found = findings()
    assert {finding.health for finding in found.values()} == {Health.OK}
    assert list(found) == ["Python", "engine", "Java", "Spark and Delta", "packages", "time zone", "memory"]


def test_java_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = findings(compute="spark")["Java"]
    assert found.health is Health.FAILED
    assert "install a JDK 17 or 21" in found.fix
    found = findings(compute="embedded")["Java"]
    assert (found.health, found.fix) == (Health.WARNING, "only Spark needs it: --compute spark")


@pytest.mark.parametrize(
    ("package", "number", "check", "fix"),
    [
        ("delta-spark", "3.3.2", "Spark and Delta", "wants Delta 4.0"),
        ("pandas", "3.0.1", "packages", "install pandas<3"),
    ],
)
def test_versions_that_do_not_go_together(
    monkeypatch: pytest.MonkeyPatch, package: str, number: str, check: str, fix: str
) -> None:
    installed = metadata.version
    monkeypatch.setattr(doctor, "version", lambda name: number if name == package else installed(name))
    found = findings()[check]
    assert (found.health, fix in found.fix) == (Health.FAILED, True)


def test_more_memory_than_there_is() -> None:
    found = findings(driver_memory="4000g")["memory"]
    assert found.health is Health.FAILED
    assert "ABTEST_DRIVER_MEMORY" in found.fix


def test_a_lake_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    found = findings(tmp_path / "typo")
    assert found["lake"].health is Health.WARNING
    assert str(tmp_path / "typo") in found["lake"].found
    assert not any("table" in check or check == "storage" for check in found)
    assert not (tmp_path / "typo").exists()


def test_an_empty_lake_can_be_written_and_is_left_as_it_was(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert {found[name].health for name in ("storage", "conditional write", "clock")} == {Health.OK}
    assert found["table bronze/events"].fix == "abtest run makes it"
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_lets_a_second_writer_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalFile, "swap", lambda *_: "done")
    found = findings(tmp_path)["conditional write"]
    assert (found.health, "nothing keeps two pipelines apart" in found.fix) == (Health.FAILED, True)


def test_a_clock_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = storage.modified_at
    monkeypatch.setattr(storage, "modified_at", lambda *place: real(*place).replace(year=2020))
    assert findings(tmp_path)["clock"].health is Health.FAILED


def test_a_table_that_needs_what_its_readers_lack(tmp_path: Path) -> None:
    path = Path(EXPERIMENT_DAILY.path(str(tmp_path)))
    write_deltalake(path, pa.table({"users": [1]}))
    log = path / "_delta_log" / f"{0:020d}.json"
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    protocol = json.dumps({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}})
    lines = [line for line in log.read_text().splitlines() if '"protocol"' not in line]
    log.write_text("\n".join([protocol, *lines]))
    found = findings(tmp_path)["table gold/experiment_daily"]
    assert (found.health, "DROP FEATURE deletionVectors" in found.fix) == (Health.FAILED, True)


def test_a_damaged_log(tmp_path: Path) -> None:
    path = Path(EXPERIMENT_DAILY.path(str(tmp_path)))
    write_deltalake(path, pa.table({"users": [1]}))
    (path / "_delta_log" / f"{0:020d}.json").write_text("{")
    found = findings(tmp_path)["table gold/experiment_daily"]
    assert (found.health, "\n" not in found.found) == (Health.FAILED, True)
