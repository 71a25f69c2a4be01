"""The server as it is run: `abtest serve` with its mirror process, through a release, a fault and a stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from lakes import DAY_1, RANKING, arm_rows, build_lake, publish, write, write_gold
from typer.testing import CliRunner

from abtest_cli.serve import serve
from abtest_lib import contracts
from abtest_lib.errors import ConfigError

PROGRAM = "import typer; from abtest_cli.serve import serve; typer.run(serve)"
PATIENCE = 90  # seconds; a busy machine takes long to start a process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(lake: Path, cache: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, "--lake", str(lake), "--port", str(port), "--cache-dir", str(cache)]
    settings = os.environ | {"ABTEST_API_REFRESH_SECONDS": "0.5"}
    process = subprocess.Popen([*command, *options], env=settings, stderr=subprocess.DEVNULL)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def ask(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  this machine
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def served_run(address: str) -> str | None:
    status, answer = ask(f"{address}/experiments")
    return answer["release"]["run_id"] if status == 200 else None


def users_of(address: str) -> int | None:
    status, answer = ask(f"{address}/experiment/search|ranking/result?day=2021-08-01")
    return answer["results"]["variants"][0]["users"] if status == 200 else None


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_serve_follows_releases_and_stops_cleanly(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake")
    with serving(lake, tmp_path / "cache") as (process, address):
        wait_for(lambda: ask(f"{address}/health/ready")[0] == 200)
        assert users_of(address) == 100
        versions = write_gold(lake)
        rows = arm_rows(DAY_1, RANKING, {"4915": (1_234, 5)})
        versions["gold/experiment_daily"] = write(lake, contracts.EXPERIMENT_DAILY, rows)
        publish(lake, "run-2", versions)
        wait_for(lambda: users_of(address) == 1_234)
        lake.rename(tmp_path / "away")
        wait_for(lambda: ask(f"{address}/health/ready")[0] == 503)
        assert served_run(address) == "run-2"
        mirrors = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in {0, -signal.SIGTERM}  # uvicorn ends by the signal that stopped it
        assert mirrors
        assert not [mirror for mirror in mirrors if Path(f"/proc/{mirror}").exists()]


def test_a_killed_mirror_is_replaced(tmp_path: Path) -> None:
    lake = build_lake(tmp_path / "lake")
    with serving(lake, tmp_path / "cache") as (process, address):
        wait_for(lambda: ask(f"{address}/health/ready")[0] == 200)
        wait_for(lambda: bool(children_of(process.pid)))
        killed = children_of(process.pid)[0]
        os.kill(killed, signal.SIGKILL)
        publish(lake, "run-2", write_gold(lake))
        wait_for(lambda: served_run(address) == "run-2")
        assert killed not in children_of(process.pid)


def test_a_mirror_whose_server_died_while_it_started_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as server:
        gone = server.pid
    lake = build_lake(tmp_path / "lake")
    settings = os.environ | {"ABTEST_LAKE": str(lake), "ABTEST_API_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "api.mirror", str(gone)]
    assert subprocess.run(command, env=settings, timeout=PATIENCE, check=False).returncode == 0


@pytest.fixture
def application() -> typer.Typer:
    app = typer.Typer()
    app.command()(serve)
    return app


def test_a_missing_lake_is_said_at_once(application: typer.Typer, tmp_path: Path) -> None:
    given = ["--lake", str(tmp_path / "nowhere"), "--cache-dir", str(tmp_path)]
    found = CliRunner().invoke(application, given).exception
    assert isinstance(found, ConfigError)
    assert "--lake must be a directory or s3://bucket/prefix" in str(found)


def test_a_new_key_comes_with_its_hash(application: typer.Typer) -> None:
    lines = CliRunner().invoke(application, ["--new-key"]).output.splitlines()
    key, digest = (line.rsplit(": ", 1)[1] for line in lines)
    assert len(key) >= 32
    assert len(digest) == 64
