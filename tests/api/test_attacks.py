"""What broke under attack: clients that never finish, full disks, processes that cannot start, hostile numbers."""

import asyncio
import base64
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from lakes import build_lake
from serving import TestClient, listening, served, settings_for

from api.http import connections, errors, middleware
from api.main import create_app
from api.mirror import process as mirror
from api.routes.planner import MOST_WAITING, BusyError, Planner
from api.store import service
from api.store.cache import Cache

ROOT = Path(__file__).parents[2]
PATIENCE = 60


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_lake(tmp_path_factory.mktemp("attacked") / "lake")


def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


NUMBERS = [
    "1e-320",
    "5e-324",
    "1e308",
    "-1e308",
    "nan",
    "inf",
    "-inf",
    "1" + "0" * 400,
    "0",
    "-0.0",
    "1e-7",
    "0x10",
    "",
]
CURSORS = [
    cursor(f'["participants", {"1" + "0" * 400}, "x"]'),
    cursor("[" * 2_900),
    cursor('["participants", NaN, "x"]'),
    cursor('["name", {"a": []}, "x"]'),
    cursor('["name", "a", "b", "c"]'),
    "%%%",
    "a" * 3_999,
    "é",
]


@pytest.mark.parametrize("name", ["baseline", "lift", "alpha", "power", "arms", "looks", "users_per_day", "points"])
def test_no_number_of_a_plan_is_an_error_of_the_server(lake: Path, tmp_path: Path, name: str) -> None:
    usual = {"baseline": "0.05", "lift": "0.1", "users_per_day": "1000"}
    with served(lake, tmp_path) as client:
        statuses = {value: client.get("/plan", params=usual | {name: value}).status_code for value in NUMBERS}
    assert set(statuses.values()) <= {200, 422}
    assert 422 in statuses.values()


def test_a_cursor_is_what_a_page_gave_or_is_refused(lake: Path, tmp_path: Path) -> None:
    with served(lake, tmp_path) as client:
        for sort in ("name", "participants", "-last_day"):
            for text in CURSORS:
                answer = client.get("/experiments", params={"sort": sort, "cursor": text})
                assert answer.status_code == 422, (sort, text[:40])
                assert answer.json()["detail"] == "cursor: must be the next_cursor of a page with the same sort"
            first = client.get("/experiments", params={"sort": sort, "limit": 1}).json()
            assert first["next_cursor"]
            second = client.get("/experiments", params={"sort": sort, "limit": 1, "cursor": first["next_cursor"]})
            assert second.status_code == 200
            assert second.json()["experiments"][0]["name"] != first["experiments"][0]["name"]


@pytest.mark.parametrize(
    ("known", "status"), [("{tag}", 304), ("{strong}", 304), ('"a", {strong}', 304), ("*", 304), ('"{bare}x"', 200)]
)
def test_entity_tags_are_compared_weakly(lake: Path, tmp_path: Path, known: str, status: int) -> None:
    with served(lake, tmp_path) as client:
        tag = client.get("/experiments").headers["etag"]
        strong = tag.removeprefix("W/")
        given = known.format(tag=tag, strong=strong, bare=strong.strip('"'))
        assert client.get("/experiments", headers={"If-None-Match": given}).status_code == status


def test_an_unexpected_error_keeps_its_id_and_headers_and_is_one_log_line(
    lake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (errors, middleware):  # loggers keep the level of their first use
        monkeypatch.setattr(module, "log", structlog.get_logger())
    with served(lake, tmp_path) as ready:  # mirrored once
        assert ready.get("/version").status_code == 200
    app = create_app(
        settings_for(lake, tmp_path, cors_origins="https://a.example", log_level="info", log_requests=True)
    )

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a\nb")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken", headers={"X-Request-ID": "id-1", "Origin": "https://a.example"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "id-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (error,) = [line for line in lines if line["event"] == "unexpected error"]
    assert "ZeroDivisionError" in error["exception"]
    assert error["request_id"] == "id-1"


@contextmanager
def serving(lake: Path, cache: Path, log: Path, files: int = 1_024, **more: str) -> Iterator[str]:
    """`abtest serve` in a separate process, with a limit of open files; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = "from abtest_cli import main; main()"
    command = [sys.executable, "-P", "-c", program, "serve", "--lake", str(lake), "--port", str(port)]
    variables = os.environ | {"ABTEST_API_REFRESH_SECONDS": "0.5", "PYTHONPATH": str(ROOT)} | more

    # Not by preexec_fn: other tests have started threads that do not survive a fork.
    limited = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command, "--cache-dir", str(cache)]
    with log.open("wb") as errors:
        process = subprocess.Popen(limited, env=variables, stderr=errors)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def ready(address: str) -> tuple[int, list[str]]:
    try:
        answer = httpx.get(f"{address}/health/ready", timeout=5)
    except httpx.HTTPError:
        return 0, []
    return answer.status_code, answer.json()["problems"] if answer.content else []


def test_a_stormy_log_is_json_line_by_line_and_idle_clients_leave_room(lake: Path, tmp_path: Path) -> None:
    """70 connections that send nothing, with 96 open files: mirroring and other clients are not affected."""
    log = tmp_path / "log"
    with serving(lake, tmp_path / "cache", log, files=96) as address, ExitStack() as stack:
        until(lambda: ready(address)[0] == 200)
        host, port = address.removeprefix("http://").split(":")
        for _ in range(70):
            stack.enter_context(socket.create_connection((host, int(port))))
        noise = [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"NOT HTTP\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n"]
        time.sleep(connections.HEADER_SECONDS + 1)  # the idle ones are dropped by now
        for text in noise:
            with socket.create_connection((host, int(port))) as client:
                client.sendall(text)
                client.settimeout(5)
                client.recv(200)
        for path in ("/experiment/x/result?day=1", "/nothing", "/plan?baseline=2"):
            assert httpx.get(address + path).status_code in {404, 422}
        assert ready(address) == (200, [])
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 5
    for line in lines:
        if not line.startswith("http://"):  # where the answers are, for a person
            json.loads(line)


def _is_closed(client: socket.socket) -> bool:
    """Send one more byte of a request; whether the server has closed the connection."""
    try:
        client.sendall(b"G")
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_client_that_sends_a_byte_a_second_is_dropped(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1.0)
    with listening(lake, tmp_path) as address:
        host, port = address.removeprefix("http://").split(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port))) as slow:
            slow.settimeout(0.25)
            while not _is_closed(slow):
                assert time.monotonic() - began < 10
        assert httpx.get(f"{address}/version").status_code == 200


def test_more_connections_than_allowed_are_told_to_come_back(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 2)
    with listening(lake, tmp_path) as address, ExitStack() as stack:
        host, port = address.removeprefix("http://").split(":")
        for _ in range(2):
            stack.enter_context(socket.create_connection((host, int(port))))
        time.sleep(0.2)
        with socket.create_connection((host, int(port))) as third:
            third.settimeout(5)
            assert third.recv(100).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


def test_a_mirror_that_cannot_start_is_told_at_once_and_started_later(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.2)
    settings = settings_for(lake, tmp_path, refresh_seconds=0.5)
    missing = [True]
    start = asyncio.create_subprocess_exec

    async def start_or_fail(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        if missing[0]:
            raise OSError(24, "Too many open files")
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_or_fail)
    with TestClient(create_app(settings)) as client:
        said = "the process that mirrors releases cannot be started: Too many open files"
        until(lambda: said in client.get("/health/ready").json()["problems"], seconds=5)
        missing[0] = False
        until(lambda: client.get("/health/ready").status_code == 200)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
def test_a_full_cache_disk_is_named_and_leaves_no_files(lake: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    size = "size=32k"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], check=False).returncode != 0:
        pytest.skip("this machine does not let a test mount a disk")
    try:
        log = tmp_path / "log"
        with serving(lake, disk, log) as address:
            until(lambda: "No space left on device" in " ".join(ready(address)[1]))
            assert ready(address)[0] == 503
            assert "(ABTEST_API_CACHE_DIR)" in " ".join(ready(address)[1])
            began = time.monotonic()
            assert httpx.get(f"{address}/experiments").status_code == 503
            assert time.monotonic() - began < 5
            time.sleep(5)
            assert not [path for path in disk.rglob(".*-*") if path.is_file()]
        assert log.read_text(encoding="utf-8").count("could not be mirrored") <= 6
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_cache_that_cannot_be_written_keeps_old_answers(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(lake, tmp_path)
    cache = Cache(settings.cache_dir, settings.lake)
    cache.prepare()
    assert mirror.mirror_once(settings, cache)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        cache.write("x", b"")
    assert not list(cache.root.glob(".*-*"))
    changed, problem = mirror._look(settings, cache)
    assert (changed, problem) == (False, "the cache cannot be written (ABTEST_API_CACHE_DIR): No space left on device")
    with TestClient(create_app(settings)) as client:
        assert client.get("/experiments").status_code == 200


def test_too_many_plans_are_refused_and_the_others_are_computed() -> None:
    async def storm() -> list[object]:
        planner = Planner()
        try:
            wanted = [planner.compute(math.sqrt, 4.0) for _ in range(MOST_WAITING + 5)]
            return list(await asyncio.gather(*wanted, return_exceptions=True))
        finally:
            planner.close()

    results = asyncio.run(storm())
    assert results.count(2.0) == MOST_WAITING
    assert sum(isinstance(result, BusyError) for result in results) == 5


@pytest.mark.parametrize("command", ["serve", "dashboard"])
def test_files_of_the_working_folder_are_never_executed(lake: Path, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in ("api", "dashboard", "abtest_lib", "streamlit", "uvicorn", "deltalake", "numpy"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w').close()\nraise SystemExit(3)\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("abtest")
    options = ["--lake", str(lake), "--cache-dir", str(tmp_path / "cache")] if command == "serve" else []
    variables = os.environ | {"PYTHONPATH": str(ROOT), "ABTEST_API_REFRESH_SECONDS": "0.5"}
    process = subprocess.Popen(
        [str(program), command, "--port", str(port), *options],
        cwd=folder,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        path = "/health/ready" if command == "serve" else "/_stcore/health"

        def answers() -> bool:
            assert process.poll() is None
            try:
                return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
            except httpx.HTTPError:
                return False

        until(answers)
        assert not (tmp_path / "executed").exists()
    finally:
        process.terminate()
        process.wait(PATIENCE)
