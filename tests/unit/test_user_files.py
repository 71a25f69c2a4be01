"""Files that a person names: whatever they are, the answer is a text or one line."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from abtest_cli.forget import _listed
from abtest_lib.config import load_settings
from abtest_lib.errors import UsageError
from abtest_lib.lake.lake import open_lake
from abtest_lib.metrics import load_catalogue
from abtest_lib.registry import load_registry
from abtest_lib.storage import check_lake, lake_location
from abtest_lib.traffic.effects import read_effects
from abtest_lib.user_files import read_user_file
from deploy.emr.deployment import load_deployment

READERS: list[Callable[[Path], object]] = [
    lambda path: load_settings(config=path),
    load_registry,
    lambda path: load_catalogue(load_settings(overrides={"metrics": path})),
    _listed,
    read_effects,
    load_deployment,
]


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


MADE: dict[str, Callable[[Path], object]] = {
    "is not a regular file": os.mkfifo,
    "Is a directory": Path.mkdir,
    "No such device or address": _socket,
    "No such file": lambda _: None,
    "Too many levels of symbolic links": lambda path: path.symlink_to(path),
    "line 2 is not UTF-8": lambda path: path.write_bytes(b"a: 1\nb: \xff\n"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("message", list(MADE))
def test_what_is_no_text_file_is_one_line_at_once(
    message: str, reader: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    MADE[message](Path("it.yaml"))
    with pytest.raises(UsageError, match=rf"cannot read .* in it\.yaml: .*{message}") as caught:
        reader(Path("it.yaml"))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_a_name_that_is_not_utf8_is_said(reader: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"it-\xff.yaml")
    path.write_text("")
    with pytest.raises(UsageError, match=r"it-\\udcff\.yaml: its name must be UTF-8"):
        reader(path)


@pytest.mark.parametrize("reader", READERS[:3])
def test_nesting_without_end_is_one_line(reader: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("[" * 5_000)
    with pytest.raises(UsageError, match=r"deep\.yaml line 1: not YAML: nested deeper"):
        reader(tmp_path / "deep.yaml")


def test_a_file_without_end_and_one_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/dev/zero: it is not a regular file"):
        read_user_file(Path("/dev/zero"), "the settings")
    (tmp_path / "large").write_text("12345")
    with pytest.raises(UsageError, match="it holds more than 4 bytes"):
        read_user_file(tmp_path / "large", "the settings", largest=4)
    assert read_user_file(tmp_path / "large", "the settings", largest=5) == "12345"


def test_a_byte_order_mark_is_no_part_of_the_first_id(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("u1\nu2\n", encoding="utf-8-sig")
    assert _listed(tmp_path / "ids.txt") == ["u1", "u2"]


def test_a_lake_that_is_not_utf8_is_said() -> None:
    with pytest.raises(UsageError, match=r"the location lake-\\udcff: its name must be UTF-8"):
        lake_location(os.fsdecode(b"lake-\xff"))


@pytest.mark.parametrize("name", ["file", "file/lake", "file/a/b"])
def test_a_lake_that_is_a_file_is_bad_input(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make a lake at .*: .*/file is not a folder"):
        open_lake(load_settings(), tmp_path / name).__enter__()
    with pytest.raises(UsageError, match="is not a folder"):
        check_lake(str(tmp_path / name))
