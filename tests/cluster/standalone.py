"""A Spark standalone cluster on this machine: a master and workers, each a process of its own."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from abtest_lib.spark.distribution import spark_at_hand

HOST = "127.0.0.1"
_PATIENCE = 90.0


class Cluster:
    """A running cluster.

    Attributes:
        url: The master's URL for spark-submit.
        work: The folder under which executors work.
    """

    def __init__(self, folder: Path, workers: int, memory: str = "2g") -> None:
        self.work, self._folder, self._memory = folder / "work", folder, memory
        self._port, self._page = free_port(), free_port()
        self.url = f"spark://{HOST}:{self._port}"
        ports = ("--host", HOST, "--port", str(self._port), "--webui-port", str(self._page))
        self._master = self._start("master.Master", *ports)
        until(lambda: self._state() is not None, "the master answers")
        self._workers: list[psutil.Popen] = []
        self.add_workers(workers)

    def add_workers(self, number: int, pin: bool = False) -> None:  # noqa: FBT001, FBT002  a switch of a test
        """Start workers of one core each; pinned ones share no core."""
        for _ in range(number):
            place = self.work / str(len(self._workers))
            options = ("--host", HOST, "--cores", "1", "--memory", self._memory, "--work-dir", str(place))
            worker = self._start("worker.Worker", *options, "--webui-port", "0", self.url)
            if pin:
                worker.cpu_affinity([len(self._workers) % (os.cpu_count() or 1)])
            self._workers.append(worker)
        until(lambda: self.alive_workers() >= number, f"{number} workers are there")

    def alive_workers(self) -> int:
        """How many workers the master knows to be alive."""
        return int((self._state() or {}).get("aliveworkers", 0))

    def worker_at(self, place: str) -> int:
        """The number of the worker below whose folder an executor works."""
        return int(Path(place).relative_to(self.work).parts[0])

    def busy_worker(self, driver_port: int) -> int | None:
        """A worker whose executor runs a task at this moment, by what the driver's page says."""
        executors = _answer(f"http://{HOST}:{driver_port}/api/v1/applications")
        if not executors:
            return None
        listed = _answer(f"http://{HOST}:{driver_port}/api/v1/applications/{executors[0]['id']}/executors") or []
        busy = [entry["id"] for entry in listed if entry["id"] != "driver" and entry["activeTasks"] > 0]
        return self._worker_of(executors[0]["id"], busy[0]) if busy else None

    def kill_worker(self, number: int) -> None:
        """Kill a worker and all that it has started, at once, as a machine that loses its power."""
        worker = self._workers[number]
        if worker.is_running():
            for process in [worker, *worker.children(recursive=True)]:
                kill(process)

    def stop(self) -> None:
        """End every process of the cluster."""
        for number in range(len(self._workers)):
            self.kill_worker(number)
        kill(self._master)
        for process in (self._master, *self._workers):
            process.wait()

    def _worker_of(self, application: str, executor: str) -> int | None:
        places = self.work.glob(f"*/{application}/{executor}")
        return next((self.worker_at(str(place)) for place in places), None)

    def _start(self, main: str, *arguments: str) -> psutil.Popen:
        spark = spark_at_hand()
        self.work.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYSPARK_", "PYTHON"))}
        environment |= {"SPARK_HOME": str(spark.home), "SPARK_LOCAL_IP": HOST, "SPARK_DAEMON_MEMORY": "512m"}
        environment |= {"SPARK_LOCAL_DIRS": str(self._folder / "scratch"), "SPARK_NO_DAEMONIZE": "1"}
        command = [str(spark.home / "bin" / "spark-class"), f"org.apache.spark.deploy.{main}", *arguments]
        with (self._folder / "daemons.log").open("a", encoding="utf-8") as log:
            return psutil.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def _state(self) -> dict[str, Any] | None:
        state: dict[str, Any] | None = _answer(f"http://{HOST}:{self._page}/json")
        return state


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster that is gone when the body is."""
    cluster = Cluster(folder, workers)
    try:
        yield cluster
    finally:
        cluster.stop()


def kill(process: psutil.Process) -> None:
    """Kill a process that may be gone already."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, and fail when it does not come."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {_PATIENCE:.0f} s in vain: {what}"
        time.sleep(0.2)


def _answer(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  loopback
            return json.load(response)
    except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
        return None
