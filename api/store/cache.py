"""The cache on disk: day files, the directory, the manifest that names them, and the mirror's status.

There is one folder per lake. Every file except the manifest, the status and the lock is written once, under a hash of
its contents. The manifest is replaced atomically, so a reader sees either the old release or the new one.
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

FORMAT = 2
"""The version of day files and manifest; raise it when older files cannot be read any more."""

LACKS_FEATURE = "needs a table feature that this reader lacks"
"""The words of a problem that only a newer reader can solve."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release, and its files in the cache.

    Attributes:
        state: The ids and versions of the ops tables from which it was made.
        run_id: The release; None if nothing was published.
        published_at: When it was published, ISO 8601; None if nothing was.
        versions: Table to Delta version of the release.
        days: The name of each day's file; None while the file is being made.
        directory: The file with the directory of experiments.
        overview: The file with the overviews of the tables; None while it is being made.
        problems: The reasons why parts are missing.
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
        """Whether the whole release is in the cache."""
        return self.overview is not None and None not in self.days.values()

    @property
    def tag(self) -> str:
        """A short hash of the manifest."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20]

    def files(self) -> set[str]:
        """Return the names of all its files."""
        return {name for name in (self.directory, self.overview, *self.days.values()) if name is not None}


@dataclass(frozen=True, slots=True)
class Status:
    """The result of the mirror's last check.

    Attributes:
        checked_at: When it checked the lake, ISO 8601 in UTC.
        problem: Why the lake could not be read or the release not be mirrored; None if all is well.
        working: Whether it is loading a release now.
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
        """Create the folder, readable by this user only."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self.root / name

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        temporary = self.root / f".{os.getpid()}-{name}"
        try:
            temporary.write_bytes(data)
            temporary.replace(self.root / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def remove_unfinished(self) -> None:
        """Remove the temporary files of writers that were killed; only the owner of the lock may call this."""
        for path in self.root.glob(".*-*"):
            path.unlink(missing_ok=True)

    def store(self, kind: str, data: bytes) -> str:
        """Write a file under the hash of its contents and return its name."""
        name = f"{kind}-{sha256(data).hexdigest()[:24]}"
        if not self.path(name).exists():
            self.write(name, data)
        return name

    def read_manifest(self) -> Manifest | None:
        """Return the manifest; None if it is missing or unreadable."""
        try:
            return Manifest(**json.loads(self.path("manifest.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        self.write("manifest.json", json.dumps(asdict(manifest)).encode())

    def read_status(self) -> Status | None:
        """Return the mirror's status; None before its first check."""
        try:
            return Status(**json.loads(self.path("status.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write_status(self, problem: str | None = None, *, working: bool = False) -> None:
        """Write the mirror's status as of now."""
        status = Status(datetime.now(UTC).isoformat(), problem, working)
        self.write("status.json", json.dumps(asdict(status)).encode())

    def has(self, names: Iterable[str]) -> bool:
        """Return whether all these files exist."""
        return all(self.path(name).exists() for name in names)

    def mask_key(self) -> bytes:
        """Return the secret that masks people's ids; it is created on first use and never leaves this folder."""
        if not self.path("mask").exists():
            self.write("mask", secrets.token_bytes(32))
        return self.path("mask").read_bytes()

    def evict(self, kept: set[str]) -> list[str]:
        """Remove all files that are not kept and return their names."""
        fixed = {"manifest.json", "status.json", "mask", "lock"}
        gone = [path for path in self.root.iterdir() if path.name not in kept | fixed]
        for path in gone:
            path.unlink(missing_ok=True)
        return [path.name for path in gone]


def without_paths(error: BaseException) -> str:
    """Return an error as one line, without anything that looks like a path of the host.

    Examples:
        >>> without_paths(OSError("no such file: /lake/gold/x"))
        'cannot be read (OSError: no such file: …)'
    """
    words = ("…" if "/" in word or "\\" in word else word for word in one_line(error, 2_000).split())
    return one_line(f"cannot be read ({type(error).__name__}: {' '.join(words)})", 240)


def cache_problem(error: OSError) -> str:
    """Return a message about the disk of the cache, without a path of the host.

    Examples:
        >>> cache_problem(OSError(28, "No space left on device", "/cache/x"))
        'the cache cannot be written (ABTEST_API_CACHE_DIR): No space left on device'
    """
    return f"the cache cannot be written (ABTEST_API_CACHE_DIR): {error.strerror or type(error).__name__}"


def day_file_name(day: date, files: Iterable[tuple[str, str, int]]) -> str:
    """Return the name of a day file, a hash of the released files from which it is made.

    Args:
        day: The day.
        files: Table, path and size of each.
    """
    content: Any = [FORMAT, day.isoformat(), sorted(files)]
    return f"day-{sha256(json.dumps(content).encode()).hexdigest()[:24]}"
