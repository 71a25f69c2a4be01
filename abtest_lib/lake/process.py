"""A record of a process, from which others on the machine can find out whether it is alive."""

import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_MARK = "_ABTEST_PROCESS"
"""An environment variable that all children of a process inherit, so that they can be found after it has died."""

_GONE = ("Z", "X")


class ProcessState(StrEnum):
    """The state of a process."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    ENDING = "ending"
    """It is dead, but a process that it started, such as a JVM, is not."""
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process, identified so that no other process ever matches.

    Attributes:
        host: The name of the machine or container.
        boot_id: The kernel's id of this start of the machine; containers share it.
        namespaces: The namespaces of process ids and clocks; in another container the same pid is another process.
        user: The id of its user; only that user and root can read the environments of its processes.
        pid: Its process id in its namespace.
        started: When it started, in kernel ticks: a pid is used again, a pid with its start is not.
        mark: The value that its children have in their environment.
    """

    host: str
    boot_id: str
    namespaces: str
    user: int
    pid: int
    started: int
    mark: str

    def state(self) -> ProcessState:
        """Return its state; UNKNOWN for another machine, container or start of the machine."""
        here = own_record()
        if here is None or (here.host, here.boot_id, here.namespaces) != (self.host, self.boot_id, self.namespaces):
            return ProcessState.UNKNOWN
        if _exists(self.pid, self.started):
            return ProcessState.ALIVE
        if os.getuid() not in {0, self.user}:
            return ProcessState.UNKNOWN
        return ProcessState.ENDING if any(_has_mark(entry, self.mark) for entry in _processes()) else ProcessState.DEAD


def own_record() -> ProcessRecord | None:
    """Return the record of this process; None on a system without /proc."""
    try:
        boot_id = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespaces = " ".join(os.readlink(_PROC / "self/ns" / name) for name in ("pid", "time"))  # noqa: PTH115
        started = _stat(os.getpid())[1]
    except OSError:
        return None
    return ProcessRecord(
        socket.gethostname(), boot_id, namespaces, os.getuid(), os.getpid(), started, _own_mark(os.getpid())
    )


@cache
def _own_mark(pid: int) -> str:  # noqa: ARG001  a forked process has a mark of its own
    return uuid.uuid4().hex


def mark_children(record: ProcessRecord) -> None:
    """Mark every process that this one starts from now on as its child."""
    os.environ[_MARK] = record.mark


def _exists(pid: int, started: int) -> bool:
    """Return whether a process is alive; a zombie is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    try:
        state, its_start = _stat(pid)
    except OSError:
        return True  # /proc can be mounted so that it hides other users' processes
    return its_start == started and state not in _GONE


def _stat(pid: int) -> tuple[str, int]:
    """Return state and start of a process; its name, which comes before them, may contain blanks and brackets."""
    fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _processes() -> Iterator[Path]:
    return (entry for entry in _PROC.iterdir() if entry.name.isdecimal())


def _has_mark(process: Path, mark: str) -> bool:
    try:
        return f"{_MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
