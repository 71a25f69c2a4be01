"""Commands that cannot work end before anything is started or left behind."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from abtest_cli import build_app
from abtest_lib.errors import AbtestError


def refused(*arguments: str) -> AbtestError:
    result = CliRunner().invoke(build_app(), arguments)
    assert isinstance(result.exception, AbtestError), result.output
    return result.exception


def test_an_input_that_is_not_there_leaves_no_lake(tmp_path: Path) -> None:
    error = refused("run", "--input", str(tmp_path / "nowhere.csv"), "--lake", str(tmp_path / "lake"))
    assert "no input file at" in str(error)
    assert "nowhere.csv" in str(error)
    assert not (tmp_path / "lake").exists()


def test_an_input_of_another_format_leaves_no_lake(tmp_path: Path) -> None:
    (tmp_path / "events.xls").write_text("x")
    error = refused("run", "--input", str(tmp_path / "events.xls"), "--lake", str(tmp_path / "lake"))
    assert "its format is not one of" in str(error)
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_is_taken_is_one_line(tmp_path: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        error = refused("serve", "--lake", str(tmp_path), "--host", host, "--port", str(port))
    assert f"port {port}: Address already in use" in str(error)
    assert error.exit_code == 2
