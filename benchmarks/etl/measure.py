"""Run a program and watch it: its own clock, the memory and processor time of its process tree, the bytes it wrote."""

import itertools
import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SECONDS_BETWEEN_LOOKS = 0.2
_LOOKS_AT_MEMORY = 5
"""Every how many looks memory is added up, which takes the kernel a tenth of a second in a large process."""


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        seconds: As the program tells, without the start of its session.
        wall_seconds: From start to end of the process.
        cpu_seconds: Processor time of the process and all its children, the session's start included.
        peak_bytes: The largest memory, shared pages counted once, of the process and all its children together.
        written_bytes: The size of what it left behind.
        told: Everything else that the program told.
    """

    seconds: float
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    written_bytes: int
    told: dict[str, object]


def measure(script: Path, arguments: list[str], output: Path) -> Measured:
    """Run a Python script whose last line of output is JSON with `seconds`.

    Args:
        script: The script.
        arguments: Its arguments.
        output: The folder whose growth is counted.

    Returns:
        What it took.
    """
    before = size_of(output)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = _Watch(process.pid)
    out, err = process.communicate()
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{script.name} {' '.join(arguments)} failed: {err.decode()[-2000:]}")
    told = json.loads(out.decode().strip().splitlines()[-1])
    peak, spent = watch.stop()
    return Measured(told.pop("seconds"), wall, spent, peak, size_of(output) - before, told)


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder; 0 when it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Watch:
    """Samples the memory and the processor time of a process tree until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid, self._over = pid, threading.Event()
        self._peak, self._spent = 0, dict[int, float]()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[int, float]:
        """The largest memory of all processes together, in bytes, and the processor seconds that they spent."""
        self._over.set()
        self._thread.join()
        return self._peak, sum(self._spent.values())

    def _watch(self) -> None:
        for look in itertools.count():
            if self._over.wait(_SECONDS_BETWEEN_LOOKS):
                return
            try:
                root = psutil.Process(self._pid)
                tree = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in tree:
                self._look_at_time(process)
            if look % _LOOKS_AT_MEMORY == 0:
                self._peak = max(self._peak, sum(map(_proportional_bytes, tree)))

    def _look_at_time(self, process: psutil.Process) -> None:
        with suppress(psutil.Error):
            times = process.cpu_times()
            self._spent[process.pid] = times.user + times.system


def _proportional_bytes(process: psutil.Process) -> int:
    """The memory of a process, shared pages counted in parts: a JVM that forks a helper must not be counted twice.

    The kernel adds it up; reading every mapping, as psutil does, takes most of a core from a large process.
    """
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
