"""Update the cache to the newest release."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import TypeVar

import pyarrow as pa

from abtest_lib.contracts import GOLD_TABLES, RELEASES, RUNS
from abtest_lib.errors import LakeError
from api.mirror.overview import overview
from api.mirror.release_reader import PublishedRelease, ReleasedTable, latest_release, ops_state
from api.store.cache import Cache, Manifest, day_file_name
from api.store.day_file import DayFile
from api.store.directory import build_directory
from api.store.packing import pack_day

T = TypeVar("T")


def lake_state(lake: str) -> str:
    """Return the state of the ops tables; every release and every run changes it.

    Raises:
        LakeError: The lake cannot be reached.
    """
    return f"{ops_state(lake, RELEASES)} {ops_state(lake, RUNS)}"


def sync(lake: str, cache: Cache, cache_bytes: int) -> bool:
    """Mirror the newest release, unless the cache already has it.

    Args:
        lake: The location of the lake.
        cache: The lake's folder in the cache.
        cache_bytes: The largest size of a release there.

    Returns:
        Whether anything changed.

    Raises:
        LakeError: The lake or its release cannot be read; the release before is still served.
    """
    previous, state = cache.read_manifest(), lake_state(lake)
    is_current = previous is not None and previous.complete and previous.state == state and not previous.problems
    if previous is not None and is_current and cache.has(previous.files()):
        return False
    cache.write_status(working=True)
    manifest = _build(lake, cache, cache_bytes, state)
    cache.write_manifest(manifest)
    cache.evict(manifest.files() | (previous.files() if previous else set()))
    return previous is None or manifest.tag != previous.tag


def _build(lake: str, cache: Cache, cache_bytes: int, state: str) -> Manifest:
    release, previous = latest_release(lake), cache.read_manifest()
    replaces = previous is not None and previous.complete and previous.run_id is not None
    # A complete release is never replaced by a broken one. Without a complete one, the readable parts are served.
    strict = replaces and previous is not None and not previous.problems
    loader = _Loader(lake, cache, release.versions if release else {}, strict=strict)
    manifest = _outline(state, release, loader)
    files: dict[date, DayFile] = {}
    publish_at = 1
    for day in loader.days:
        files[day] = loader.day_file(day)
        if sum(file.size for file in files.values()) > cache_bytes:
            raise LakeError(f"the release takes more than {cache_bytes} bytes of cache: raise ABTEST_API_CACHE_BYTES")
        if not replaces and len(files) == publish_at:
            cache.write_manifest(_with_days(manifest, cache, files))
            publish_at *= 3  # building a directory takes time in proportion to the days so far
        cache.write_status(working=True)
    manifest = _with_days(manifest, cache, files)
    content = json.dumps(overview(lake, release, cache.mask_key())).encode()
    return replace(manifest, overview=cache.store("overview", content), problems=loader.problems)


def _outline(state: str, release: PublishedRelease | None, loader: "_Loader") -> Manifest:
    return Manifest(
        state=state,
        run_id=release.run_id if release else None,
        published_at=release.published_at.isoformat() if release else None,
        versions=release.versions if release else {},
        days={day.isoformat(): None for day in loader.days},
        directory="",
        overview=None,
        problems=loader.problems,
    )


def _with_days(manifest: Manifest, cache: Cache, files: Mapping[date, DayFile]) -> Manifest:
    names: dict[str, str | None] = {day.isoformat(): file.path.name for day, file in files.items()}
    directory = cache.store("directory", build_directory(list(files.items())))
    return replace(manifest, days=manifest.days | names, directory=directory)


class _Loader:
    """Turns the files of a release into day files.

    Args:
        lake: The location of the lake.
        cache: The cache for the day files.
        versions: The table versions of the release.
        strict: Whether an unreadable part is an error; otherwise it is left out and named in `problems`.
    """

    def __init__(self, lake: str, cache: Cache, versions: Mapping[str, int], *, strict: bool) -> None:
        self._cache = cache
        self._strict = strict
        self.problems: list[str] = []
        self._tables: dict[str, ReleasedTable] = {}
        for contract in (item for item in GOLD_TABLES if "day" in item.partition_by):
            version = versions.get(contract.full_name)
            opened = None if version is None else self._tolerate(ReleasedTable, lake, contract, version)
            if opened is not None:
                self._tables[contract.name] = opened
        self.days = sorted({day for table in self._tables.values() for day in table.days}, reverse=True)

    def _tolerate(self, read: Callable[..., T], *arguments: object) -> T | None:
        try:
            return read(*arguments)
        except LakeError as error:
            if self._strict:
                raise
            self.problems.append(str(error))
            return None

    def day_file(self, day: date) -> DayFile:
        """Return the file of one day; pack it unless it is in the cache."""
        name = self._name(day, self._tables)
        ready = self._ready(name)
        if ready is not None:
            return ready
        tables = {table: self._tolerate(opened.read_day, day) for table, opened in self._tables.items()}
        readable = {table: rows for table, rows in tables.items() if rows is not None}
        name = self._name(day, readable)
        self._cache.write(name, pack_day(day, readable))
        return DayFile(self._cache.path(name))

    def _ready(self, name: str) -> DayFile | None:
        try:
            return DayFile(self._cache.path(name))
        except (OSError, LakeError):
            return None

    def _name(self, day: date, tables: Mapping[str, ReleasedTable | pa.Table]) -> str:
        files = ((name, file) for name in tables for file in self._tables[name].days.get(day, ()))
        return day_file_name(day, [(name, file.path, file.size) for name, file in files])
