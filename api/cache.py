"""The cache on disk: day files, the directory, the manifest that names them, and the mirror's status.

One folder per lake. Every file but the manifest, the status and the lock is written once under a name that its
contents decide; the manifest is replaced in one step, so a reader sees one release or the other.
"""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from abtest_lib.errors import one_line

FORMAT = 1
"""Raised when a day file or the manifest changes in a way that older ones cannot be read."""

LACKS_FEATURE = "needs a table feature that this reader lacks"
"""How a problem is worded that only a newer reader can solve."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is served: one release, and the files that hold it.

    Attributes:
        state: Identity and versions of the ops tables that this was made from.
        run_id: The release; None when nothing was published.
        published_at: When it was published, ISO 8601; None when nothing was.
        versions: Table to Delta version of the release.
        days: Day to the name of its day file; None for a day whose file is still being made.
        directory: The file with the directory of experiments.
        overview: The file with the overviews of the tables; None while they are being made.
        problems: What could not be read and is therefore missing.
    """

    state: str
    run_id: str | None
    published_at: str | None
    versions: dict[str, int]
    days: dict[str, str | None]
    directory: str
    overview: str | None
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything of the release is in the cache."""
        return self.overview is not None and None not in self.days.values()

    @property
    def tag(self) -> str:
        """A short hash of everything that is served of the release."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20]

    def files(self) -> set[str]:
        """The names of every file that it needs."""
        return {name for name in (self.directory, self.overview, *self.days.values()) if name is not None}


@dataclass(frozen=True, slots=True)
class Status:
    """What the mirror last saw.

    Attributes:
        checked_at: When it last looked at the lake, ISO 8601 in UTC.
        problem: Why the lake could not be read or the release not be mirrored; None when all is well.
        working: Whether it is loading a release right now.
    """

    checked_at: str
    problem: str | None = None
    working: bool = False

    @property
    def checked(self) -> datetime:
        """The instant of `checked_at`."""
        return datetime.fromisoformat(self.checked_at)


class Cache:
    """The folder of one lake.

    Args:
        root: The folder of all lakes.
        lake: The lake's address.
    """

    def __init__(self, root: Path, lake: str) -> None:
        address = lake if "://" in lake else str(Path(lake).resolve())
        self.root = root / f"{sha256(address.encode()).hexdigest()[:16]}-v{FORMAT}"

    def prepare(self) -> None:
        """Make the folder, for this user alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where a file stands."""
        return self.root / name

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one step: it is there whole, or not at all."""
        temporary = self.root / f".{os.getpid()}-{name}"
        try:
            temporary.write_bytes(data)
            temporary.replace(self.root / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def remove_unfinished(self) -> None:
        """Remove what writers that were killed left behind; only for who holds the lock."""
        for path in self.root.glob(".*-*"):
            path.unlink(missing_ok=True)

    def store(self, kind: str, data: bytes) -> str:
        """Write a file under the hash of its contents, and return its name."""
        name = f"{kind}-{sha256(data).hexdigest()[:24]}"
        if not self.path(name).exists():
            self.write(name, data)
        return name

    def read_manifest(self) -> Manifest | None:
        """The manifest, or None when there is none that can be read."""
        try:
            return Manifest(**json.loads(self.path("manifest.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write_manifest(self, manifest: Manifest) -> None:
        """Publish a manifest."""
        self.write("manifest.json", json.dumps(asdict(manifest)).encode())

    def read_status(self) -> Status | None:
        """The mirror's status, or None when it has not said anything yet."""
        try:
            return Status(**json.loads(self.path("status.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write_status(self, problem: str | None = None, *, working: bool = False) -> None:
        """Say how it went, as of now."""
        status = Status(datetime.now(UTC).isoformat(), problem, working)
        self.write("status.json", json.dumps(asdict(status)).encode())

    def has(self, names: Iterable[str]) -> bool:
        """Whether every named file is there."""
        return all(self.path(name).exists() for name in names)

    def mask_key(self) -> bytes:
        """The secret that masks people's ids, made on first use; it never leaves this folder."""
        if not self.path("mask").exists():
            self.write("mask", secrets.token_bytes(32))
        return self.path("mask").read_bytes()

    def evict(self, kept: set[str]) -> list[str]:
        """Remove every file that is not kept, and return their names."""
        fixed = {"manifest.json", "status.json", "mask", "lock"}
        gone = [path for path in self.root.iterdir() if path.name not in kept | fixed]
        for path in gone:
            path.unlink(missing_ok=True)
        return [path.name for path in gone]


def without_paths(error: BaseException) -> str:
    """An error of a reader as one line, without anything that looks like a path of the host.

    Examples:
        >>> without_paths(OSError("no such file: /lake/gold/x"))
        'cannot be read (OSError: no such file: …)'
    """
    words = ("…" if "/" in word or "\\" in word else word for word in one_line(error, 2_000).split())
    return one_line(f"cannot be read ({type(error).__name__}: {' '.join(words)})", 240)


def cache_problem(error: OSError) -> str:
    """Say what the disk of the cache refuses, without a path of the host.

    Examples:
        >>> cache_problem(OSError(28, "No space left on device", "/cache/x"))
        'the cache cannot be written (ABTEST_API_CACHE_DIR): No space left on device'
    """
    return f"the cache cannot be written (ABTEST_API_CACHE_DIR): {error.strerror or type(error).__name__}"


def day_file_name(day: date, files: Iterable[tuple[str, str, int]]) -> str:
    """The name of a day file: it is decided by the released files that it is made from.

    Args:
        day: The day.
        files: Table, path and size of each.
    """
    content: Any = [FORMAT, day.isoformat(), sorted(files)]
    return f"day-{sha256(json.dumps(content).encode()).hexdigest()[:24]}"
