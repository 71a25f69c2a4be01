"""A dashboard with the API behind it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from serving import listening
from world import Front, in_front

from dashboard.client import Client

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A dashboard and its API."""

    address: str
    api: Client
    front: Front


@contextmanager
def opened(lake: Path, cache: Path) -> Iterator[Site]:
    """An API over a lake, its proxy, and a dashboard."""
    with (
        listening(lake, cache) as behind,
        in_front(behind) as (front, address),
        dashboard(address) as shown,
        Client(behind) as api,
    ):
        yield Site(shown, api, front)


@contextmanager
def dashboard(api: str) -> Iterator[str]:
    """A dashboard on a free port, as `abtest dashboard` starts it; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from abtest_cli import main; main()"
    command = [sys.executable, "-c", program, "dashboard", "--api", api, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the dashboard ended"
        try:
            httpx.get(address, timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing answers at {address}")
