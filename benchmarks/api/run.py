"""Measures the API side by side with a bare FastAPI answer and the plain way; README.md says what and how.

    python benchmarks/api/run.py [--work DIR] [--experiments 10000] [--days 333] [--seconds 5]

Needs wrk. The lake takes about 4 GB and a few minutes the first time; it is kept in the work folder.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lake as lakes

HERE = Path(__file__).parent
PORT = 8137
ADDRESS = f"http://127.0.0.1:{PORT}"
CONNECTIONS = 16
_MOST_WINDOWS = 60
MEMORY_DAYS = 8  # of the newest; each takes about 15 MB of the 160 MiB


@contextmanager
def serving(application: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """One worker; the answers of the server's log are thrown away."""
    options = ["--port", str(PORT), "--no-access-log", "--log-level", "error", "--no-server-header"]
    if application.endswith("create_app"):
        options.append("--factory")
    command = [sys.executable, "-m", "uvicorn", application, *options]
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    settings = os.environ | environment | {"PYTHONPATH": path}
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def status_of(path: str) -> int:
    """The status of one request; 0 when nobody listens yet."""
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=60) as answer:  # noqa: S310  a constant address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def get(path: str) -> Any:  # noqa: ANN401  any JSON
    """The content of an answer, whatever its status."""
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=60) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def wait_until_answered(path: str, status: int = 200, limit: float = 3_600) -> float:
    """Seconds until a path is answered with a status."""
    start = time.perf_counter()
    while status_of(path) != status:
        if time.perf_counter() - start > limit:
            raise TimeoutError(path)
        time.sleep(0.01)
    return time.perf_counter() - start


def run_wrk(options: list[str], script: str, arguments: tuple[object, ...] = ()) -> Any:  # noqa: ANN401
    """One run of wrk; milliseconds and requests per second."""
    command = ["wrk", "-t1", *options, "-s", str(HERE / script), ADDRESS, "--", *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(output.split("JSON ", 1)[1].splitlines()[0])
    return found | {"per_second": found["requests"] / found["seconds"]}


def wrk(path: str, first: int, days: int, experiments: int, seconds: float, connections: int = CONNECTIONS) -> Any:  # noqa: ANN401
    """Random experiments, and random days from the first on."""
    options = [f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    return run_wrk(options, "random.lua", (path, first, days, experiments))


def cpu_seconds(process: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def with_cpu(process: int, run: Callable[[], Any]) -> Any:  # noqa: ANN401
    """A run with the processor time per request, which other work on the machine hardly changes."""
    before = cpu_seconds(process)
    found = run()
    return found | {"cpu_ms": 1_000 * (cpu_seconds(process) - before) / max(1, found["requests"])}


def memory_of(process: int) -> dict[str, float]:
    """Resident memory of a process in MB, now and at most."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return {key: int(re.search(rf"{key}:\s+(\d+)", text)[1]) / 1_024 for key in ("VmRSS", "VmHWM")}  # type: ignore[index]


def mirror_of(server: int) -> int | None:
    """The mirror process of a server."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
    return int(children[0]) if children else None


def measure_baselines(seconds: float) -> Iterator[tuple[str, Any]]:
    """The plain way and the bare framework; they do not care what they are asked."""
    for name in ("plain", "bare"):
        with serving(f"baselines:{name}") as server:
            wait_until_answered("/experiment/x/result?day=2021-08-01")
            yield name, with_cpu(server.pid, lambda: run_wrk([f"-c{CONNECTIONS}", f"-d{seconds:.0f}s"], "one.lua"))


def measure_refresh(work: Path, experiments: int, day_count: int, seconds: float) -> Any:  # noqa: ANN401
    """Load on the newest days while a daily run rewrites the last day and publishes; the worst of several windows."""
    run_id, last = f"run-{time.time():.0f}", lakes.days(day_count)[-1]
    writer = threading.Thread(target=lakes.replace_day, args=(work / "lake", last, experiments, run_id))
    writer.start()
    windows, has_switched = [], False
    while not has_switched and len(windows) < _MOST_WINDOWS:
        windows.append(wrk("result", day_count - MEMORY_DAYS, MEMORY_DAYS, experiments, seconds))
        has_switched = get("/health/ready")["release"]["run_id"] == run_id
    writer.join()
    worst: dict[str, Any] = max(windows, key=lambda window: window["p99"])
    return worst | {"switched": has_switched, "windows": len(windows)}


def measure(work: Path, experiments: int, day_count: int, seconds: float) -> Iterator[tuple[str, Any]]:
    """Every figure."""
    lakes.build(work / "lake", experiments, day_count)
    yield from measure_baselines(seconds)
    settings = {
        "ABTEST_LAKE": str(work / "lake"),
        "ABTEST_API_CACHE_DIR": str(work / "cache"),
        "ABTEST_API_REFRESH_SECONDS": "2",
        "ABTEST_API_LOG_LEVEL": "info",
    }
    first = f"/experiment/area-00|experiment-00000/result?day={lakes.days(day_count)[-1]}"
    is_mirrored = any((work / "cache").glob("*/manifest.json"))
    with serving("api.main:create_app", **settings):
        # The first start on a lake: the newest day is answered long before all days are mirrored.
        answered = wait_until_answered(first)
        whole = answered + wait_until_answered("/health/ready") + wait_until_complete()
        if not is_mirrored:
            yield "first answer, nothing mirrored", {"seconds": answered}
            yield "whole lake mirrored", {"seconds": whole}
    with serving("api.main:create_app", **settings) as server:
        yield "first answer, restarted", {"seconds": wait_until_answered(first)}
        wait_until_answered("/health/ready")
        newest = day_count - MEMORY_DAYS
        wrk("result", newest, MEMORY_DAYS, experiments, 2)
        runs = {
            "days in memory": lambda: wrk("result", newest, MEMORY_DAYS, experiments, seconds),
            "other days": lambda: wrk("result", 0, newest - 8, experiments, seconds),
            "history": lambda: wrk("history", 0, 1, experiments, seconds, connections=1),
        }
        for name, run in runs.items():
            yield name, with_cpu(server.pid, run)
        yield "during refresh", measure_refresh(work, experiments, day_count, seconds)
        yield "memory", memory_of(server.pid)
        mirror = mirror_of(server.pid)
        yield "memory of the mirror", memory_of(mirror) if mirror else {}


def wait_until_complete() -> float:
    """Seconds until no day is missing."""
    start = time.perf_counter()
    while get("/health/ready")["warming"]:
        time.sleep(0.5)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print, one JSON object per figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=333)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    for name, figures in measure(given.work, given.experiments, given.days, given.seconds):
        print(json.dumps({"what": name, **figures}), flush=True)


if __name__ == "__main__":
    main()
