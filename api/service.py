"""What the application holds: the current snapshot, and the mirror process that makes the next one."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Self

import structlog

from abtest_lib.errors import LakeError
from abtest_lib.registry import Registry, load_registry
from api.cache import LACKS_FEATURE, Cache, Status
from api.identity import beside_the_release
from api.settings import ApiSettings
from api.snapshot import Snapshot, load_snapshot

_WATCH_SECONDS = 0.25
_STALE_SECONDS = 120.0
_STOP_SECONDS = 3.0
log = structlog.get_logger("api.service")


class NotReadyError(LakeError):
    """The answer is not in the cache, and the lake cannot be asked."""


class Service:
    """Holds one snapshot at a time and swaps it when the mirror has published the next.

    Args:
        settings: The API's settings.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.cache = Cache(settings.cache_dir, settings.lake)
        self.registry = Registry()
        self._beside = ""
        self.snapshot: Snapshot | None = None
        self.status: Status | None = None
        self.planning = asyncio.Semaphore(1)  # a plan may compute for seconds
        self._seen: tuple[int, int] | None = None
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Open what the cache has, then watch it and, unless switched off, run the mirror."""
        self.cache.prepare()
        self.registry = load_registry(self.settings.registry)
        self._beside = await asyncio.to_thread(beside_the_release, self.registry)
        await self._look()
        self._tasks.append(asyncio.create_task(self._watch()))
        if self.settings.refresh_seconds > 0:
            self._tasks.append(asyncio.create_task(self._run_mirror()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching and end the mirror."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                await self._look()
            except Exception:
                log.exception("the cache could not be read")

    async def _look(self) -> None:
        """Swap the snapshot if the manifest was replaced; the new one is opened fully before that."""
        self.status = self.cache.read_status()
        seen = self._identity()
        if seen is None or seen == self._seen:
            return
        try:
            loaded = await asyncio.to_thread(
                load_snapshot, self.cache, self.settings.memory_bytes, self.snapshot, self._beside
            )
        except LakeError as error:
            log.warning("the mirrored release could not be opened", problem=str(error))
            return
        self._seen = seen
        if loaded is not None:
            self.snapshot = loaded
            self._changed.set()
            self._changed = asyncio.Event()
            log.info("serving", release=loaded.manifest.run_id, complete=loaded.manifest.complete)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.cache.path("manifest.json").stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    async def _run_mirror(self) -> None:
        """Keep one mirror process running; one that died or hangs is replaced."""
        environment = os.environ | {
            "ABTEST_LAKE": self.settings.lake,
            "ABTEST_API_CACHE_DIR": str(self.settings.cache_dir),
            "ABTEST_API_CACHE_BYTES": str(int(self.settings.cache_bytes)),
            "ABTEST_API_REFRESH_SECONDS": str(self.settings.refresh_seconds),
            "ABTEST_API_LOG_LEVEL": self.settings.log_level,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = (sys.executable, "-m", "api.mirror", str(os.getpid()))
        while True:
            process = await asyncio.create_subprocess_exec(*command, env=environment)
            try:
                code = await self._supervise(process)
            finally:
                await _end(process)
            if code != 0:
                log.warning("the mirror process ended", code=code)
                await asyncio.sleep(max(1.0, min(self.settings.refresh_seconds, 30.0)))

    async def _supervise(self, process: asyncio.subprocess.Process) -> int | None:
        """Wait for the process to end; None when it was given up."""
        limit = _STALE_SECONDS + self.settings.refresh_seconds
        started = datetime.now(UTC)
        while True:
            with suppress(TimeoutError):
                return await asyncio.wait_for(process.wait(), timeout=5)
            now = datetime.now(UTC)
            checked = max(started, self.status.checked) if self.status else started
            if (now - checked).total_seconds() > limit:
                return None

    @property
    def problems(self) -> list[str]:
        """Why answers may be old or incomplete; empty when all is well."""
        found = []
        if self.status is None:
            found.append("the lake was not looked at yet")
        elif self.status.problem is not None:
            found.append(self.status.problem)
        elif self._is_stale(self.status):
            found.append(f"the lake was not looked at since {self.status.checked_at}")
        if self.snapshot is None:
            found.append("no release is mirrored yet")
        else:
            found.extend(self.snapshot.manifest.problems)
            if self.snapshot.manifest.run_id is None:
                found.append("the lake has no release yet: no pipeline run has finished")
        return found

    def _is_stale(self, status: Status) -> bool:
        age = (datetime.now(UTC) - status.checked).total_seconds()
        return self.settings.refresh_seconds > 0 and age > _STALE_SECONDS + self.settings.refresh_seconds

    @property
    def lake_readable(self) -> bool:
        """Whether the last look at the lake went well, and was not long ago."""
        return self.status is not None and self.status.problem is None and not self._is_stale(self.status)

    @property
    def features_supported(self) -> bool:
        """Whether every table of the release can be read by this reader."""
        return not any(LACKS_FEATURE in problem for problem in self.problems)

    async def current(self) -> Snapshot:
        """The snapshot; right after the first start it is waited for.

        Raises:
            NotReadyError: Nothing is mirrored, and the mirror is not about to.
        """
        while self.snapshot is None:
            await self._wait()
        return self.snapshot

    async def holding(self, written: str, day: date | None) -> Snapshot:
        """A snapshot that can answer for an experiment, on a day or on its last day.

        While a first release is loaded, newest day first, a request for what is not there yet waits.

        Raises:
            NotReadyError: As `current`.
        """
        while True:
            snapshot = await self.current()
            if snapshot.complete or (snapshot.knows(written) and not (day is not None and snapshot.is_loading(day))):
                return snapshot
            await self._wait()

    async def complete(self) -> Snapshot:
        """A snapshot with every day.

        Raises:
            NotReadyError: As `current`.
        """
        while True:
            snapshot = await self.current()
            if snapshot.complete:
                return snapshot
            await self._wait()

    async def _wait(self) -> None:
        is_failing = self.status is not None and self.status.problem is not None
        if is_failing or self.settings.refresh_seconds == 0:
            reasons = "; ".join(self.problems)
            raise NotReadyError(f"not loaded yet, try again later: {reasons}")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout=1.0)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process, gently first."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout=_STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
