"""Which archive of classes a JVM is told to use: a whole one, or none."""

import os
from pathlib import Path

import pytest

from abtest_lib.spark.class_cache import RECORDING, archive_for, java_options

CONTENT = b"classes" * 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def kept(archive: Path) -> Path:
    """An archive as a run leaves it behind."""
    path = archive.with_stem(f"{archive.stem}-{len(CONTENT)}")
    path.write_bytes(CONTENT)
    return path


def test_nothing_kept_yet_is_recorded(cache: Path) -> None:
    archive = archive_for("delta.jar")
    assert archive is not None
    assert archive.is_relative_to(cache)
    assert java_options(archive) == RECORDING


@pytest.mark.usefixtures("cache")
def test_a_whole_archive_is_used() -> None:
    archive = archive_for("delta.jar")
    assert archive is not None
    assert f"-XX:SharedArchiveFile={kept(archive)} " in java_options(archive)


@pytest.mark.usefixtures("cache")
def test_an_archive_cut_short_is_recorded_anew() -> None:
    """A JVM that maps one dies of it, at whatever class lies behind the cut."""
    archive = archive_for("delta.jar")
    assert archive is not None
    os.truncate(kept(archive), len(CONTENT) - 1)
    assert java_options(archive) == RECORDING


@pytest.mark.usefixtures("cache")
def test_other_jars_have_another_archive() -> None:
    assert archive_for("delta.jar") != archive_for("other.jar")


def test_without_a_home_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert archive_for("delta.jar") is None
    assert java_options(None) == ""
