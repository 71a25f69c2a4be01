"""One writer per lake: a lease in the lake itself, taken before Spark starts.

Two Spark drivers that write one Delta table on an object store at once can each believe that their commit is the next
one, and one of the two is lost without a word. The lease keeps the second driver away. What it cannot do is stop a
driver that was paused for longer than the lease lasts between its last heartbeat and a commit: see docs/operations.md.
"""

import getpass
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta

from abtest_lib.errors import LakeHeldError
from abtest_lib.lake.compare_and_swap import Slot, slot_at
from abtest_lib.lake.process import Life, ProcessRecord, mark_children, own_record
from abtest_lib.storage import check_folder

LEASE_NAME = "_writer_lease.json"
LASTS = timedelta(seconds=60)
"""A lease without a heartbeat for so long is over; clocks of machines that share a lake must agree better than that."""

BEAT = timedelta(seconds=10)
_GIVE_UP = 2 / 3
"""The share of that time after which the holder gives up: its last commit is over before others start."""

_LOOK_AGAIN = timedelta(seconds=2)
_LOOK_SOON = timedelta(seconds=0.2)
_ENDS_WITHIN = timedelta(seconds=15)
"""How long even a run without --wait waits for the JVM of a killed one to follow it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease.

    Attributes:
        token: One for each time that a lease was taken.
        owner: user@machine and process, for a person.
        since: When it was taken, ISO 8601 UTC.
        heartbeat: When its holder last said that it lives, ISO 8601 UTC.
        lasts_seconds: How long after a heartbeat the lease is over.
        process: The process, where its death means that nothing writes for it any more; None where that is not so.
    """

    token: str
    owner: str
    since: str
    heartbeat: str
    lasts_seconds: float
    process: ProcessRecord | None = None

    @property
    def life(self) -> Life:
        """What is known of the holder beyond its heartbeat."""
        return Life.UNKNOWN if self.process is None else self.process.life()

    @property
    def is_over(self) -> bool:
        """Whether the holder is known to be dead, or has been silent for too long."""
        if self.life is Life.DEAD:
            return True
        silent = datetime.now(UTC) - datetime.fromisoformat(self.heartbeat)
        return silent.total_seconds() > self.lasts_seconds


@contextmanager
def writer_lease(
    lake: str, wait: timedelta = timedelta(0), lasts: timedelta = LASTS, *, dies_with_process: bool = False
) -> Iterator[None]:
    """Hold the lease of a lake while the body runs.

    The process ends at once, with exit code 1 and one line, when the lease is lost while the body runs: what it would
    still write could collide with the next holder's writes.

    Args:
        lake: The lake's directory or object-store prefix.
        wait: How long to wait for another holder; zero gives up at once.
        lasts: How long after the last heartbeat the lease is over.
        dies_with_process: Whether all that will write is this process and what it starts from now on. When it is
            killed, the next pipeline on this machine takes the lease over at once.

    Raises:
        LakeHeldError: Another pipeline holds it.
        ConfigError: The lake is a file, or lies below one.
        LakeError: The lake's storage does not let it be written.
    """
    check_folder(lake)
    slot = slot_at(lake.rstrip("/"), LEASE_NAME)
    process = own_record() if dies_with_process else None
    if process is not None:
        mark_children(process)
    taken = _take(slot, lake, wait, _new_holder(lasts, process))
    with Keeper(slot, lake, *taken, beat=min(BEAT, lasts / 4), on_loss=_leave):
        yield


def _take(slot: Slot, lake: str, wait: timedelta, mine: Holder) -> tuple[Holder, str, float]:
    """The holder, the tag of its lease, and the moment from which others count (time.monotonic)."""
    asked = time.monotonic()
    while True:
        mine, began = _beating(mine), time.monotonic()
        tag = slot.create(_text(mine)) or _take_over(slot, mine)
        if tag is not None:
            return mine, tag, began
        is_ending = _is_ending(slot)
        left = asked + (max(wait, _ENDS_WITHIN) if is_ending else wait).total_seconds() - time.monotonic()
        if left <= 0:
            raise _held_error(slot, lake)
        time.sleep(min((_LOOK_SOON if is_ending else _LOOK_AGAIN).total_seconds(), left))


def _is_ending(slot: Slot) -> bool:
    """Whether the holder was killed: what it had started may live on for a moment, or have ended just now."""
    found = slot.read()
    holder = None if found is None else _holder(found[0])
    return holder is not None and holder.life in {Life.ENDING, Life.DEAD}


def _take_over(slot: Slot, mine: Holder) -> str | None:
    """Replace a lease that is over, or one that no holder can have written."""
    found = slot.read()
    if found is None:
        return None
    text, tag = found
    holder = _holder(text)
    if holder is not None and holder.token == mine.token:
        return tag  # the store answered twice: the first try had succeeded
    return slot.swap(_text(mine), tag) if holder is None or holder.is_over else None


def _tag_of(slot: Slot, mine: Holder) -> str | None:
    """The tag of a lease that is still this holder's, although a repeated request was refused."""
    found = slot.read()
    holder = None if found is None else _holder(found[0])
    return found[1] if found is not None and holder is not None and holder.token == mine.token else None


def _held_error(slot: Slot, lake: str) -> LakeHeldError:
    found = slot.read()
    holder = None if found is None else _holder(found[0])
    who = "another pipeline" if holder is None else f"{holder.owner}, since {holder.since}"
    return LakeHeldError(f"lake {lake} is being written by {who}: one pipeline at a time; --wait SECONDS waits for it")


class Keeper:
    """Says every few seconds that the holder lives, and calls for help well before others may take over."""

    def __init__(
        self,
        slot: Slot,
        lake: str,
        holder: Holder,
        tag: str,
        renewed: float,
        *,
        beat: timedelta,
        on_loss: Callable[[str], None],
    ) -> None:
        """Keep a lease that has been taken.

        Args:
            slot: Where the lease lies.
            lake: The lake, for a person.
            holder: Who has taken it.
            tag: The tag of the lease.
            renewed: When it was taken, as time.monotonic tells.
            beat: How often to say so.
            on_loss: Told why the lease is lost, from a thread of its own.
        """
        self._slot, self._lake, self._holder, self._tag = slot, lake, holder, tag
        self._beat, self._on_loss, self._renewed = beat, on_loss, renewed
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="writer-lease", daemon=True)
        self._watch = threading.Thread(target=self._watch_over, name="writer-lease-watch", daemon=True)

    def __enter__(self) -> None:
        """Start to say so."""
        self._thread.start()
        self._watch.start()

    def __exit__(self, *_: object) -> None:
        """Give the lease up."""
        self._done.set()
        self._watch.join()
        self._thread.join()
        self._slot.remove(self._tag)

    def _watch_over(self) -> None:
        """A heartbeat may hang in the network: whether it is late is seen to apart from it."""
        limit = self._holder.lasts_seconds * _GIVE_UP
        while not self._done.wait(min(1.0, limit / 20)):
            if time.monotonic() - self._renewed > limit:
                self._on_loss(f"lost the lease of lake {self._lake}: no heartbeat for {limit:.0f} s")
                return

    def _keep(self) -> None:
        while not self._done.wait(self._beat.total_seconds()):
            began = time.monotonic()
            try:
                tag = self._slot.swap(_text(_beating(self._holder)), self._tag) or _tag_of(self._slot, self._holder)
            except Exception:  # noqa: BLE001, S112  whatever it was, there was no heartbeat; a dead thread would be worse
                continue
            if tag is None:
                self._on_loss(f"lost the lease of lake {self._lake}: another pipeline has taken it over")
                return
            self._tag, self._renewed = tag, began


def _leave(reason: str) -> None:
    sys.stderr.write(f"error: {reason}; run again\n")
    sys.stderr.flush()
    # Not sys.exit: this is not the main thread, and the main thread may be inside a commit.
    os._exit(1)


def _new_holder(lasts: timedelta, process: ProcessRecord | None) -> Holder:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    owner = f"{_user()}@{socket.gethostname()} (process {os.getpid()})"
    return Holder(uuid.uuid4().hex, owner, now, now, lasts.total_seconds(), process)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that has no name
        return str(os.getuid())


def _beating(holder: Holder) -> Holder:
    return replace(holder, heartbeat=datetime.now(UTC).isoformat())


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder), indent=1) + "\n"


def _holder(text: str) -> Holder | None:
    """The holder that a lease names; a lease of another version may lack the process, or say more."""
    try:
        told = json.loads(text)
        holder = Holder(**{field.name: told[field.name] for field in fields(Holder) if field.name != "process"})
        datetime.fromisoformat(holder.heartbeat)
    except (ValueError, TypeError, KeyError):
        return None
    return replace(holder, process=_process(told.get("process")))


def _process(told: object) -> ProcessRecord | None:
    try:
        return ProcessRecord(**told) if isinstance(told, dict) else None
    except TypeError:
        return None
