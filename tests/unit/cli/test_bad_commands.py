"""Commands that cannot work end before anything is started or left behind."""

import socket
import sys
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


@pytest.mark.parametrize(
    ("metrics", "registry", "message"),
    [
        (
            "metrics: {revenue: {type: sum, events: BUY, value: prise}}",
            "experiments: {}",
            "metrics.yaml line 1: metric 'revenue': unknown event column 'prise': the nearest: price",
        ),
        (
            "metrics: {revenue: {type: sum, events: BUY, value: price}}",
            "experiments: {search/a: {goals: [revenu]}}",
            (
                "registry.yaml line 1: experiment 'search/a' uses metric 'revenu', which the catalogue does not have: "
                "the nearest: revenue"
            ),
        ),
    ],
)
def test_a_wrong_catalogue_ends_a_run_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: str, registry: str, message: str
) -> None:
    for name, text in (("metrics", metrics), ("registry", registry)):
        (tmp_path / f"{name}.yaml").write_text(text)
        monkeypatch.setenv(f"ABTEST_{name.upper()}", str(tmp_path / f"{name}.yaml"))
    monkeypatch.setenv("ABTEST_EVENT_COLUMNS", "{price: double}")
    monkeypatch.setitem(sys.modules, "abtest_cli.boot", None)
    (tmp_path / "events.csv").write_text("event_name\n")
    error = refused("run", "--input", str(tmp_path / "events.csv"), "--lake", str(tmp_path / "lake"))
    assert str(error) == f"{tmp_path}/{message}"
    assert error.exit_code == 2
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("command", [("serve", "--lake", "."), ("dashboard",)])
def test_a_port_that_is_taken_is_one_line(command: tuple[str, ...], host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        error = refused(*command, "--host", host, "--port", str(port))
    assert f"port {port}: Address already in use" in str(error)
    assert error.exit_code == 2


def test_a_dashboard_of_a_taken_port_prints_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        result = CliRunner().invoke(build_app(), ["dashboard", "--port", str(holder.getsockname()[1])])
    assert result.exit_code != 0
    assert result.output == ""


@pytest.mark.parametrize("command", ["results", "report"])
def test_a_day_that_is_none_is_one_line(tmp_path: Path, command: str) -> None:
    error = refused(command, "x", "--lake", str(tmp_path), "--day", "yesterday")
    assert str(error) == "day 'yesterday': must be written YYYY-MM-DD, such as 2021-08-01"
    assert error.exit_code == 2


@pytest.mark.parametrize("command", [("results",), ("results", "x"), ("report", "x"), ("plan", "--experiment", "x")])
def test_a_lake_that_is_not_there_is_called_so(command: tuple[str, ...]) -> None:
    error = refused(*command, "--lake", "/no/such/lake")
    assert str(error).startswith("there is no lake at /no/such/lake: abtest run --input PATH")
    assert error.exit_code == 2


@pytest.mark.parametrize("users", [(), ("--user", ""), ("--user", "7", "--user", "")])
def test_forgetting_nobody_ends_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "abtest_cli.boot", None)
    error = refused("forget", "--lake", str(tmp_path), *users)
    assert str(error).startswith("nobody to forget: give user ids with --user ID or --users-file FILE")
    assert error.exit_code == 2


def test_an_empty_list_of_ids_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n  \n")
    error = refused("forget", "--lake", str(tmp_path), "--users-file", str(tmp_path / "ids.txt"))
    assert "nobody to forget" in str(error)


def test_a_mistyped_command_names_the_nearest() -> None:
    result = CliRunner().invoke(build_app(), ["reslts"])
    assert result.exit_code == 2
    assert "'results'" in result.output
