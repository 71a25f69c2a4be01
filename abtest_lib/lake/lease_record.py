"""The content of a lease: who owns it, and since when."""

import getpass
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta

from abtest_lib.lake.process import ProcessRecord, ProcessState


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The content of a lease: its owner and its last heartbeat.

    Attributes:
        token: The id of this lease; every run that takes the lease writes a new one.
        owner: user@machine and process, for a person.
        since: When the lease was taken, ISO 8601 UTC.
        heartbeat: When the lease was last renewed, ISO 8601 UTC.
        lasts_seconds: The lease expires so many seconds after a heartbeat.
        process: The owner's process, if nothing writes for the owner after that process has died; else None.
    """

    token: str
    owner: str
    since: str
    heartbeat: str
    lasts_seconds: float
    process: ProcessRecord | None = None

    @property
    def process_state(self) -> ProcessState:
        """The state of the owner's process."""
        return ProcessState.UNKNOWN if self.process is None else self.process.state()

    @property
    def has_expired(self) -> bool:
        """Whether the owner is dead, or its last heartbeat is too old."""
        if self.process_state is ProcessState.DEAD:
            return True
        age = datetime.now(UTC) - datetime.fromisoformat(self.heartbeat)
        return age.total_seconds() > self.lasts_seconds


def new_record(duration: timedelta, process: ProcessRecord | None) -> LeaseRecord:
    """Return a record of this process with a new token."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    owner = f"{_user()}@{socket.gethostname()} (process {os.getpid()})"
    return LeaseRecord(uuid.uuid4().hex, owner, now, now, duration.total_seconds(), process)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a user id without a name
        return str(os.getuid())


def with_heartbeat(record: LeaseRecord) -> LeaseRecord:
    """Return the record with a heartbeat of now."""
    return replace(record, heartbeat=datetime.now(UTC).isoformat())


def record_text(record: LeaseRecord) -> str:
    """Return the content of the lease's file."""
    return json.dumps(asdict(record), indent=1) + "\n"


def parse_record(text: str) -> LeaseRecord | None:
    """Read a lease; one of another version may lack the process or have more fields."""
    try:
        content = json.loads(text)
        required = (field.name for field in fields(LeaseRecord) if field.name != "process")
        record = LeaseRecord(**{name: content[name] for name in required})
        datetime.fromisoformat(record.heartbeat)
    except (ValueError, TypeError, KeyError):
        return None
    return replace(record, process=_parse_process(content.get("process")))


def _parse_process(content: object) -> ProcessRecord | None:
    try:
        return ProcessRecord(**content) if isinstance(content, dict) else None
    except TypeError:
        return None
