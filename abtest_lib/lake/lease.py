"""One writer per lake: a lease, stored in the lake, that a run takes before Spark starts.

Two Spark drivers that write one Delta table on an object store at the same time can overwrite each other's commits
without an error. The lease keeps the second driver out. It cannot stop a driver that was paused for longer than the
lease lasts between its last heartbeat and a commit: see docs/operations.md.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from abtest_lib.errors import LakeHeldError
from abtest_lib.lake.compare_and_swap import CompareAndSwapFile, compare_and_swap_file
from abtest_lib.lake.lease_record import LeaseRecord, new_record, parse_record, record_text, with_heartbeat
from abtest_lib.lake.process import ProcessState, mark_children, own_record
from abtest_lib.storage import check_folder

LEASE_NAME = "_writer_lease.json"
DURATION = timedelta(seconds=60)
"""A lease expires this long after its last heartbeat; the clocks of machines that share a lake must differ by less."""

INTERVAL = timedelta(seconds=10)
"""The time between two heartbeats."""

_ABORT_AFTER = 2 / 3
"""The share of the duration without a heartbeat after which the process aborts, well before others may take over."""

_RETRY = timedelta(seconds=2)
_RETRY_SOON = timedelta(seconds=0.2)
_ENDS_WITHIN = timedelta(seconds=15)
"""How long a run waits, even without --wait, for the JVM of a killed run to end."""


@contextmanager
def writer_lease(
    lake: str, wait: timedelta = timedelta(0), duration: timedelta = DURATION, *, dies_with_process: bool = False
) -> Iterator[None]:
    """Own the lease of a lake while the body runs.

    If the lease is lost while the body runs, the process ends at once with exit code 1 and one line: its further writes
    could collide with those of the next owner.

    Args:
        lake: The lake's directory or object-store prefix.
        wait: How long to wait for another owner; zero does not wait.
        duration: The time after the last heartbeat at which the lease expires.
        dies_with_process: Whether all writing is done by this process and the processes that it starts from now on. If
            it is killed, the next pipeline on this machine takes the lease at once.

    Raises:
        LakeHeldError: Another pipeline owns the lease.
        ConfigError: The lake is a file, or lies below one.
        LakeError: The lake's storage cannot be written.
    """
    check_folder(lake)
    file = compare_and_swap_file(lake.rstrip("/"), LEASE_NAME)
    process = own_record() if dies_with_process else None
    if process is not None:
        mark_children(process)
    taken = _take(file, lake, wait, new_record(duration, process))
    with LeaseRenewer(file, lake, *taken, interval=min(INTERVAL, duration / 4), on_loss=_abort):
        yield


def _take(file: CompareAndSwapFile, lake: str, wait: timedelta, own: LeaseRecord) -> tuple[LeaseRecord, str, float]:
    """Take the lease; return its record, its tag, and the time of its first heartbeat (time.monotonic)."""
    asked = time.monotonic()
    while True:
        own, began = with_heartbeat(own), time.monotonic()
        tag = file.create(record_text(own)) or _take_over(file, own)
        if tag is not None:
            return own, tag, began
        is_ending = _owner_is_ending(file)
        left = asked + (max(wait, _ENDS_WITHIN) if is_ending else wait).total_seconds() - time.monotonic()
        if left <= 0:
            raise _held_error(file, lake)
        time.sleep(min((_RETRY_SOON if is_ending else _RETRY).total_seconds(), left))


def _current(file: CompareAndSwapFile) -> LeaseRecord | None:
    """Return the record in the lake; None without one, or if it is not a lease."""
    found = file.read()
    return None if found is None else parse_record(found[0])


def _owner_is_ending(file: CompareAndSwapFile) -> bool:
    """Return whether the owner was killed; processes that it started may still be ending."""
    record = _current(file)
    return record is not None and record.process_state in {ProcessState.ENDING, ProcessState.DEAD}


def _take_over(file: CompareAndSwapFile, own: LeaseRecord) -> str | None:
    """Replace a lease that has expired or that is not a lease at all; return the new tag."""
    found = file.read()
    if found is None:
        return None
    text, tag = found
    record = parse_record(text)
    if record is not None and record.token == own.token:
        return tag  # the store repeated the request: the first try had succeeded
    return file.swap(record_text(own), tag) if record is None or record.has_expired else None


def _tag_if_own(file: CompareAndSwapFile, own: LeaseRecord) -> str | None:
    """Return the tag of a lease that is still this owner's, although a repeated request was refused."""
    found = file.read()
    record = None if found is None else parse_record(found[0])
    return found[1] if found is not None and record is not None and record.token == own.token else None


def _held_error(file: CompareAndSwapFile, lake: str) -> LakeHeldError:
    record = _current(file)
    who = "another pipeline" if record is None else f"{record.owner}, since {record.since}"
    return LakeHeldError(f"lake {lake} is being written by {who}: one pipeline at a time; --wait SECONDS waits for it")


class LeaseRenewer:
    """Renews the lease; aborts the process if renewal fails."""

    def __init__(
        self,
        file: CompareAndSwapFile,
        lake: str,
        record: LeaseRecord,
        tag: str,
        renewed: float,
        *,
        interval: timedelta,
        on_loss: Callable[[str], None],
    ) -> None:
        """Prepare to renew a lease that was taken.

        Args:
            file: The file of the lease.
            lake: The lake, for messages.
            record: The record in the file.
            tag: The tag of the file.
            renewed: The time of the last heartbeat (time.monotonic).
            interval: The time between two heartbeats.
            on_loss: Called with the reason when the lease is lost, from another thread; it aborts the process.
        """
        self._file, self._lake, self._record, self._tag = file, lake, record, tag
        self._interval, self._on_loss, self._renewed = interval, on_loss, renewed
        self._done = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="writer-lease", daemon=True)
        self._watching = threading.Thread(target=self._watch, name="writer-lease-watch", daemon=True)

    def __enter__(self) -> None:
        """Start to renew."""
        self._renewing.start()
        self._watching.start()

    def __exit__(self, *_: object) -> None:
        """Stop renewing and remove the lease."""
        self._done.set()
        self._watching.join()
        self._renewing.join()
        self._file.remove(self._tag)

    def _watch(self) -> None:
        """Report a late heartbeat; a thread of its own, because a heartbeat may hang in the network."""
        limit = self._record.lasts_seconds * _ABORT_AFTER
        while not self._done.wait(min(1.0, limit / 20)):
            if time.monotonic() - self._renewed > limit:
                self._on_loss(f"lost the lease of lake {self._lake}: no heartbeat for {limit:.0f} s")
                return

    def _renew(self) -> None:
        """Write a heartbeat at each interval; report a lease that another pipeline has taken."""
        while not self._done.wait(self._interval.total_seconds()):
            began = time.monotonic()
            try:
                text = record_text(with_heartbeat(self._record))
                tag = self._file.swap(text, self._tag) or _tag_if_own(self._file, self._record)
            except Exception:  # noqa: BLE001, S112  any error is a missed heartbeat; the other thread counts them
                continue
            if tag is None:
                self._on_loss(f"lost the lease of lake {self._lake}: another pipeline has taken it over")
                return
            self._tag, self._renewed = tag, began


def _abort(reason: str) -> None:
    sys.stderr.write(f"error: {reason}; run again\n")
    sys.stderr.flush()
    # Not sys.exit: this is not the main thread, and the main thread may be inside a commit.
    os._exit(1)
