"""A snapshot: one release, opened for reading. A request uses the same snapshot from start to end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from abtest_lib.answers import Release
from abtest_lib.errors import LakeError
from abtest_lib.metrics import PURCHASE
from api.store.cache import Cache, Manifest
from api.store.day_file import DayFile, ExperimentDay
from api.store.directory import EMPTY, Directory, read_directory


@dataclass(frozen=True)
class Snapshot:
    """One release.

    Attributes:
        manifest: The manifest of the release.
        days: Its days with their files, newest first; None for a day that is still being loaded.
        directory: Its experiments.
        cache: The cache with its files.
        dependencies: A hash of what answers depend on besides the release; see `api.store.identity`.
        overviews: The contents of the overview file, read on first use.
    """

    manifest: Manifest
    days: dict[date, DayFile | None]
    directory: Directory
    cache: Cache = field(repr=False)
    dependencies: str = ""

    @cached_property
    def tag(self) -> str:
        """A short hash of everything that the answers depend on."""
        return sha256(f"{self.manifest.tag} {self.dependencies}".encode()).hexdigest()[:20]

    @cached_property
    def complete(self) -> bool:
        """Whether everything of the release is in the cache."""
        return self.manifest.complete

    @cached_property
    def etag(self) -> str:
        """The entity tag of every answer; it is weak, because the age of the data in an answer changes."""
        return f'W/"{self.tag}"'

    @cached_property
    def published_at(self) -> datetime | None:
        """When the release was published; None without a release."""
        text = self.manifest.published_at
        return None if text is None else datetime.fromisoformat(text).astimezone(UTC)

    @cached_property
    def published_text(self) -> str | None:
        """`published_at` as a text, for answers."""
        return None if self.published_at is None else self.published_at.isoformat().replace("+00:00", "Z")

    @cached_property
    def metrics(self) -> set[str]:
        """The metrics of which the release has results."""
        found = {
            name for file in self.days.values() if file is not None for name in file.metric_codes.get("metric", ())
        }
        return found | {PURCHASE}

    @cached_property
    def overviews(self) -> dict[str, Any]:
        """The overviews of the tables, runs and quarantine."""
        content: dict[str, Any] = json.loads(self.cache.path(self.manifest.overview or "").read_bytes())
        return content

    @property
    def age_seconds(self) -> float | None:
        """The age of the release."""
        if self.published_at is None:
            return None
        return max(0.0, round((datetime.now(UTC) - self.published_at).total_seconds(), 3))

    def release(self) -> Release:
        """Return the release, for answers."""
        return Release(
            run_id=self.manifest.run_id or "", published_at=self.published_text, data_age_seconds=self.age_seconds
        )

    def read(self, name: str, day: date) -> ExperimentDay | None:
        """Return one experiment on one day; None without data."""
        file = self.days.get(day)
        return None if file is None else file.read(name)

    def knows(self, written: str) -> bool:
        """Return whether the name that a client wrote is an experiment of the release."""
        return self.directory.resolve(written) is not None

    def is_loading(self, day: date) -> bool:
        """Return whether a day of the release is not in the cache yet."""
        return day in self.days and self.days[day] is None

    def series(self, name: str, first: date, last: date) -> Iterator[tuple[date, ExperimentDay]]:
        """Yield the days of an experiment, oldest first."""
        for day in self.directory.days_of(name):
            found = self.read(name, day) if first <= day <= last else None
            if found is not None:
                yield day, found


def load_snapshot(
    cache: Cache, memory_bytes: int, previous: Snapshot | None = None, dependencies: str = ""
) -> Snapshot | None:
    """Open the files that the manifest names.

    Args:
        cache: The lake's folder in the cache.
        memory_bytes: The memory for the newest days.
        previous: The snapshot before; its open files are used again.
        dependencies: A hash of what answers depend on besides the release.

    Returns:
        The snapshot, or None without a manifest.

    Raises:
        LakeError: A file that the manifest names is missing or damaged.
    """
    manifest = cache.read_manifest()
    if manifest is None:
        return None
    open_files = {file.path.name: file for file in (previous.days.values() if previous else ()) if file is not None}
    try:
        days = {
            date.fromisoformat(day): None if name is None else open_files.get(name) or DayFile(cache.path(name))
            for day, name in manifest.days.items()
        }
        directory = _directory(cache, manifest, previous)
    except OSError as error:
        raise LakeError(f"the cache lacks a file that its manifest names: {type(error).__name__}") from error
    days = dict(sorted(days.items(), reverse=True))
    _keep_in_memory([file for file in days.values() if file is not None], memory_bytes)
    return Snapshot(manifest, days, directory, cache, dependencies)


def _directory(cache: Cache, manifest: Manifest, previous: Snapshot | None) -> Directory:
    if previous is not None and previous.manifest.directory == manifest.directory:
        return previous.directory
    return read_directory(cache.path(manifest.directory)) if manifest.directory else EMPTY


def _keep_in_memory(newest_first: list[DayFile], budget: int) -> None:
    """Load the newest days that fit into the budget; the others are read from disk on request."""
    for file in newest_first:
        budget -= file.size
        if budget < 0:
            file.unload()
        elif not file.in_memory:
            file.load()
