"""Container file, Procfile and pinned requirements: no container engine is needed."""

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

REQUIREMENTS = ("api", "dashboard", "databricks")
NOT_IN_A_SERVICE = {"pyspark", "delta-spark", "jax", "jaxlib", "numpyro", "arviz", "pytest", "botocore"}


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_the_container_file_is_clean(root: Path) -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert linter, "hadolint comes with the extra `deploy`"
    path = root / "deploy" / "Containerfile"
    done = subprocess.run([linter, "--format", "json", str(path)], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == []


def test_the_container_does_not_run_as_root_and_is_watched(root: Path) -> None:
    text = (root / "deploy" / "Containerfile").read_text(encoding="utf-8")
    final = text.rsplit("\nFROM ", 1)[1]
    (user,) = re.findall(r"^USER (\d+)$", final, re.MULTILINE)
    assert int(user) >= 1_000
    assert final.index("\nUSER ") < final.index("\nCMD ")
    assert "\nHEALTHCHECK " in final


def test_what_is_copied_is_there_and_not_ignored(root: Path) -> None:
    text = (root / "deploy" / "Containerfile").read_text(encoding="utf-8")
    wanted = {
        line[1:] for line in (root / ".containerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"
    }
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    sources = [source.replace("${SERVICE}", "api") for line in copied for source in line]
    assert len(sources) > 5
    for source in sources:
        assert (root / source).exists(), source
        assert any(Path(source).is_relative_to(place) for place in wanted), source


def test_everything_that_the_api_imports_is_copied(root: Path) -> None:
    text = (root / "deploy" / "Containerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    imported = {
        node.module.split(".")[0]
        for path in [*(root / "api").glob("*.py"), *(root / "abtest_lib").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    ours = {path.name for path in root.iterdir() if (path / "__init__.py").is_file()}
    assert "abtest_lib" in imported & ours
    assert imported & ours <= copied


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_those_of_the_lock(name: str, root: Path) -> None:
    locked = pins(root / "locks" / "spark40.txt")
    pinned = pins(root / "deploy" / "requirements" / f"{name}.txt")
    assert len(pinned) > 10
    assert pinned.items() <= locked.items()


def test_services_carry_no_spark_and_no_jax(root: Path) -> None:
    for name in ("api", "dashboard"):
        assert not NOT_IN_A_SERVICE & set(pins(root / "deploy" / "requirements" / f"{name}.txt")), name
    assert not {"pyspark", "delta-spark", "numpy"} & set(pins(root / "deploy" / "requirements" / "databricks.txt"))


def test_requirements_hold_what_the_services_start(root: Path) -> None:
    started = re.findall(r"python -P -m (\w+)", (root / "deploy" / "serve.sh").read_text(encoding="utf-8"))
    assert started == ["uvicorn", "streamlit"]
    for module, name in zip(started, ("api", "dashboard"), strict=True):
        assert module in pins(root / "deploy" / "requirements" / f"{name}.txt")
        assert find_spec(module) is not None


def test_the_application_is_where_the_script_says(root: Path) -> None:
    text = (root / "deploy" / "serve.sh").read_text(encoding="utf-8")
    match = re.search(r"uvicorn ([\w.]+):(\w+) --factory", text)
    assert match
    assert callable(getattr(import_module(match[1]), match[2]))


def test_both_servers_know_their_flags(root: Path) -> None:
    text = (root / "deploy" / "serve.sh").read_text(encoding="utf-8")
    api, dashboard = text.split("\ndashboard)\n")
    uvicorn = {
        flag for option in import_module("uvicorn.main").main.params for flag in (*option.opts, *option.secondary_opts)
    }
    assert set(re.findall(r"(?<= )--[\w-]+", api)) <= uvicorn
    streamlit = import_module("streamlit.config").get_config_options()
    flags = re.findall(r"--([a-z]+\.\w+)", dashboard)
    assert len(flags) == 4
    assert set(flags) <= set(streamlit)


def test_procfile_starts_the_script(root: Path) -> None:
    (line,) = (root / "Procfile").read_text(encoding="utf-8").splitlines()
    kind, command = line.split(": ")
    assert kind == "web"
    shell, script = command.split()
    assert shell == "sh"
    assert subprocess.run([shell, "-n", script], cwd=root, check=False).returncode == 0


def test_an_unknown_service_is_refused(root: Path) -> None:
    variables = os.environ | {"SERVICE": "gui"}
    done = subprocess.run(
        ["sh", "deploy/serve.sh"], cwd=root, env=variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "error: no service gui: SERVICE must be api or dashboard\n")


class Answer(BaseHTTPRequestHandler):
    """Lives at the API's address only."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/live" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def health(service: str, port: int, root: Path) -> int:
    variables = os.environ | {"SERVICE": service, "PORT": str(port)}
    return subprocess.run([sys.executable, "deploy/health.py"], cwd=root, env=variables, check=False).returncode


def test_the_health_check_tells_living_from_dead(port: int, root: Path) -> None:
    assert health("api", port, root) == 0
    assert health("dashboard", port, root) == 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused = free.getsockname()[1]
    assert health("api", unused, root) == 1
