"""A full disk, a read-only one, damaged tables: one clear line, nothing made worse, and the next run mends it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import EVENTS, EXPERIMENT_DAILY
from abtest_lib.errors import LakeError
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.history import StepReport
from abtest_lib.spark.embedded import is_embedded
from tests.oracle.etl import run_etl

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"


def write(path: Path, rows: int) -> Path:
    moments = (f"2021-08-01T10:00:00.{row % 1000:03d}-0400" for row in range(rows))
    lines = (f'VIEW,{row:064x},{moment},MLA,"{{a={row % 2}}}",{row}\n' for row, moment in enumerate(moments))
    path.write_text(HEADER + "".join(lines))
    return path


def run(spark: SparkSession, path: Path | None, lake: Path) -> list[StepReport]:
    return run_etl(spark, load_settings(), path, str(lake))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small file system to fill")
    try:
        yield place
    finally:
        # Lazily: the session may not yet have closed the file of the write that failed.
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def test_a_full_disk(spark: SparkSession, small_disk: Path, tmp_path: Path) -> None:
    source, lake = write(tmp_path / "events.csv", 20_000), small_disk / "lake"
    with pytest.raises(LakeError, match="the disk is full: free some space and run again"):
        run(spark, source, lake)
    remount(small_disk, "size=200m")
    assert run(spark, source, lake)[0].rows_written == 20_000
    assert Lake(spark, lake)[EVENTS].read().count() == 20_000


def test_a_full_scratch_folder(small_disk: Path, tmp_path: Path) -> None:
    remount(small_disk, "size=128k")
    source, lake = write(tmp_path / "events.csv", 20_000), tmp_path / "lake"
    command = [sys.executable, "-c", "from abtest_cli import main; main()", "run"]
    environment = os.environ | {"TMPDIR": str(small_disk), "ABTEST_COMPUTE": "embedded"}
    arguments = [*command, "--input", str(source), "--lake", str(lake)]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search("^error: .*(the disk is full|cannot write to the scratch folder)", done.stderr.splitlines()[-1])
    assert not list(small_disk.iterdir())
    assert not (lake / "bronze").exists()


def test_a_disk_that_became_read_only(spark: SparkSession, small_disk: Path, tmp_path: Path) -> None:
    remount(small_disk, "size=200m")
    source, lake = write(tmp_path / "events.csv", 50), small_disk / "lake"
    run(spark, source, lake)
    remount(small_disk, "ro")
    with pytest.raises(LakeError, match=r"cannot write .*lake/_writer_lease.json: Read-only file system"):
        run(spark, write(tmp_path / "more.csv", 60), lake)
    remount(small_disk, "rw")
    assert run(spark, write(tmp_path / "more.csv", 60), lake)[0].rows_written == 10


def test_a_damaged_parquet_file(spark: SparkSession, tmp_path: Path) -> None:
    lake, kept = tmp_path / "lake", tmp_path / "kept"
    run(spark, write(tmp_path / "events.csv", 50), lake)
    shutil.copytree(lake, kept)
    for file in (lake / "bronze" / "events").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(LakeError, match="a Parquet file is damaged") as told:
        run(spark, write(tmp_path / "more.csv", 60), lake)
    assert "\n" not in str(told.value)
    assert versions(lake, "bronze/events") == versions(kept, "bronze/events")


def test_a_missing_log_entry(spark: SparkSession, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for rows in (50, 60, 70):
        run(spark, write(tmp_path / f"{rows}.csv", rows), lake)
    (lake / "bronze" / "events" / "_delta_log" / f"{1:020d}.json").unlink()
    session = spark
    if not is_embedded(spark):  # which remembers nothing
        spark.sql("CLEAR CACHE")
        session = spark.newSession()
    with pytest.raises(LakeError) as told:
        run(session, write(tmp_path / "more.csv", 80), shutil.copytree(lake, tmp_path / "moved"))
    assert "\n" not in str(told.value)
    assert "bronze/events" in str(told.value) or "ingest_bronze" in str(told.value)


def versions(lake: Path, table: str) -> list[str]:
    return sorted(path.name for path in (lake / table / "_delta_log").glob("*.json"))


@pytest.mark.spark_only
def test_a_killed_python_worker(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from abtest_lib.pipeline import fit_bayes  # noqa: PLC0415
    from abtest_lib.pipeline.runner import all_steps, run_steps  # noqa: PLC0415

    lake = tmp_path / "lake"
    run(spark, write(tmp_path / "events.csv", 50), lake)
    with monkeypatch.context() as patched:
        patched.setattr(fit_bayes, "fit_partition", die)
        with pytest.raises(LakeError) as told:
            run_steps(Lake(spark, lake), load_settings(overrides={"engine": "exact"}), all_steps(None))
    assert "\n" not in str(told.value)
    assert "worker" in str(told.value)
    run_steps(Lake(spark, lake), load_settings(overrides={"engine": "exact"}), all_steps(None))
    assert Lake(spark, lake)[EXPERIMENT_DAILY].read().count() == 2


def die(batches: object, config: object) -> object:  # noqa: ARG001  in the place of fit_partition
    """What the kernel does to a worker that takes too much memory."""
    import os  # noqa: PLC0415
    import signal  # noqa: PLC0415

    os.kill(os.getpid(), signal.SIGKILL)
    return batches
