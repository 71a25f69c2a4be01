"""Whether a process of this machine still lives, told from what it once wrote down about itself."""

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
"""An environment variable that all children of a process inherit, so that they are found when it is gone."""

_GONE = ("Z", "X")


class Life(StrEnum):
    """What is known of a process."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    ENDING = "ending"
    """It is dead, but something that it started, such as a JVM, is not yet."""
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process, in terms that no other process ever shares.

    Attributes:
        host: The name of the machine, or of the container.
        boot_id: The kernel's id of this start of the machine; containers share it.
        namespaces: Of process ids and of clocks; containers have their own, where the same pid is another process.
        user: The number of its user, whose processes' environments only that user and root can read.
        pid: Its number in its namespace.
        started: When it started, in the kernel's ticks: a number is given away again, the two together are not.
        mark: What its children have in their environment.
    """

    host: str
    boot_id: str
    namespaces: str
    user: int
    pid: int
    started: int
    mark: str

    def life(self) -> Life:
        """Whether the process lives; UNKNOWN from another machine, container or start of the machine."""
        here = own_record()
        if here is None or (here.host, here.boot_id, here.namespaces) != (self.host, self.boot_id, self.namespaces):
            return Life.UNKNOWN
        if _exists(self.pid, self.started):
            return Life.ALIVE
        if os.getuid() not in {0, self.user}:
            return Life.UNKNOWN
        return Life.ENDING if any(_has_mark(entry, self.mark) for entry in _processes()) else Life.DEAD


def own_record() -> ProcessRecord | None:
    """The record of this process; None where the system has no /proc."""
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
    """Let every process that this one starts from now on be known as its child."""
    os.environ[_MARK] = record.mark


def _exists(pid: int, started: int) -> bool:
    """Whether this process lives; one that has ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    try:
        state, its_start = _stat(pid)
    except OSError:
        return True  # /proc hides other users' processes where it is mounted so
    return its_start == started and state not in _GONE


def _stat(pid: int) -> tuple[str, int]:
    """State and start of a process; its name, which comes before, may hold blanks and brackets."""
    fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _processes() -> Iterator[Path]:
    return (entry for entry in _PROC.iterdir() if entry.name.isdecimal())


def _has_mark(process: Path, mark: str) -> bool:
    try:
        return f"{_MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
