"""A real S3 server on loopback; the tests that use it are run by `make test-s3`."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.s3.runs import abtest
from tests.s3.store import SECRET, Store

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """versitygw over a temporary folder, with one bucket, `lakes`."""
    binary = shutil.which("versitygw", path=os.pathsep.join([str(TOOLS), os.environ["PATH"]]))
    if binary is None:
        pytest.skip("versitygw is not there: make test-s3 builds it, which needs Go")
    folder = tmp_path_factory.mktemp("s3")
    (folder / "lakes").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Store(port, folder)
    keys = found.environment()
    root = {"ROOT_ACCESS_KEY": keys["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": keys["AWS_SECRET_ACCESS_KEY"]}
    command = [binary, "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)]
    process = subprocess.Popen(command, env=os.environ | root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_answered(port)
        yield found
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def on_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """This process, too, is a client of the store."""
    environment = store.environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture(scope="session")
def batches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Four days of traffic in two files; the second also brings the first's last rows again."""
    folder = tmp_path_factory.mktemp("events")
    made = abtest(
        "generate", "--users", "120", "--days", "4", "--dirty", "0.05", "--out", str(folder / "all.csv"), environment={}
    )
    assert made.returncode == 0, made.stderr
    header, *lines = (folder / "all.csv").read_bytes().splitlines(keepends=True)
    cut = len(lines) // 2
    first, second = folder / "first.csv", folder / "second.csv"
    first.write_bytes(header + b"".join(lines[:cut]))
    second.write_bytes(header + b"".join(lines[cut - 100 :]))
    return first, second


@pytest.fixture(scope="session")
def on_disk(tmp_path_factory: pytest.TempPathFactory, batches: tuple[Path, Path]) -> str:
    """The same two batches on a disk: what S3 must come to."""
    lake = str(tmp_path_factory.mktemp("disk") / "lake")
    for batch in batches:
        done = abtest("run", "--input", str(batch), "--lake", lake, environment={})
        assert done.returncode == 0, done.stderr
    return lake


@pytest.fixture(scope="session")
def first_batch(store: Store, batches: tuple[Path, Path]) -> str:
    """A lake on S3 with the first batch."""
    done = abtest("run", "--input", str(batches[0]), "--lake", "s3a://lakes/main", environment=store.environment())
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return "s3a://lakes/main"


def _wait_until_answered(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the S3 server on port {port} does not answer")
