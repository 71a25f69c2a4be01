"""A real S3 server on loopback; the tests that use it are run by `make test-s3`."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"
SECRET = "s3cr3t-never-to-be-seen"  # noqa: S105  made up


@dataclass(frozen=True)
class Store:
    """A running server: its port, and the folder in which it keeps its objects."""

    port: int
    folder: Path

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What a client must know, to go there directly or through another port."""
        address = f"http://127.0.0.1:{port or self.port}"
        keys = {"AWS_ACCESS_KEY_ID": "abtest-tests", "AWS_SECRET_ACCESS_KEY": SECRET}
        return {**keys, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}


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
