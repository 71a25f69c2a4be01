"""The state of the application: the current snapshot, and the mirror process that makes the next one."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import structlog

from abtest_lib.analysis.catalogue import readable_catalogue
from abtest_lib.errors import LakeError
from abtest_lib.metrics import Catalogue
from abtest_lib.registry import Registry, load_registry
from api.routes.planner import Planner
from api.settings import ApiSettings
from api.store.cache import LACKS_FEATURE, Cache, Status, without_paths
from api.store.identity import answer_dependencies
from api.store.snapshot import Snapshot, load_snapshot

_WATCH_SECONDS = 0.25
_STALE_SECONDS = 120.0
_STOP_SECONDS = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""The first and the longest pause before a mirror process is started again, in seconds."""
log = structlog.get_logger("api.store.service")


class NotReadyError(LakeError):
    """The answer is not in the cache, and the lake cannot be read."""


class Service:
    """Holds one snapshot at a time and swaps it when the mirror has published the next.

    Args:
        settings: The API's settings.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.cache = Cache(settings.cache_dir, settings.lake)
        self.registry = Registry()
        self.catalogue = Catalogue()
        self._dependencies = ""
        self.snapshot: Snapshot | None = None
        self.status: Status | None = None
        self.planner = Planner()
        self._mirror_problem: str | None = None
        self._seen: tuple[int, int] | None = None
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Open the cache, watch it and, unless switched off, run the mirror."""
        self.cache.prepare()
        self.registry = load_registry(self.settings.registry)
        self.catalogue = await asyncio.to_thread(readable_catalogue)
        self._dependencies = await asyncio.to_thread(answer_dependencies, self.registry, self.catalogue)
        await self._look()
        self._tasks.append(asyncio.create_task(self._watch()))
        if self.settings.refresh_seconds > 0:
            self._tasks.append(asyncio.create_task(self._run_mirror()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching and stop the mirror."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.planner.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                await self._look()
            except Exception:
                log.exception("the cache could not be read")

    async def _look(self) -> None:
        """Swap the snapshot if the manifest was replaced; the new one is opened first."""
        self.status = self.cache.read_status()
        seen = self._identity()
        if seen is None or seen == self._seen:
            return
        try:
            loaded = await asyncio.to_thread(
                load_snapshot, self.cache, self.settings.memory_bytes, self.snapshot, self._dependencies
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
        """Keep one mirror process running; restart it with growing pauses if it cannot start, dies or hangs."""
        pause = _FIRST_PAUSE
        while True:
            started = monotonic()
            try:
                code = await self._mirror_until_it_ends()
                problem = None if code == 0 else f"the process that mirrors releases ended with exit code {code}"
            except OSError as error:
                problem = f"the process that mirrors releases cannot be started: {error.strerror}"
            except Exception as error:  # mirroring must continue after any error
                log.exception("mirroring failed")
                problem = without_paths(error)
            if problem is None:
                self._mirror_problem, pause = None, _FIRST_PAUSE
                continue
            self._mirror_problem = self._mirror_problem or problem
            log.warning("mirroring stopped", problem=problem, retry_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = _FIRST_PAUSE if monotonic() - started > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)

    async def _mirror_until_it_ends(self) -> int | None:
        """Run one mirror process and read its output; return its exit code, or None if it was stopped."""
        command = (sys.executable, "-P", "-m", "api.mirror", str(os.getpid()))
        process = await asyncio.create_subprocess_exec(*command, env=self._environment(), stdout=subprocess.PIPE)
        listening = asyncio.create_task(self._listen(process))
        try:
            return await self._supervise(process)
        finally:
            await _end(process)
            await listening

    def _environment(self) -> dict[str, str]:
        """Return the environment of the mirror process: settings and package paths, without the working folder."""
        packages = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
        return os.environ | {
            "ABTEST_LAKE": self.settings.lake,
            "ABTEST_API_CACHE_DIR": str(self.settings.cache_dir),
            "ABTEST_API_CACHE_BYTES": str(int(self.settings.cache_bytes)),
            "ABTEST_API_REFRESH_SECONDS": str(self.settings.refresh_seconds),
            "ABTEST_API_LOG_LEVEL": self.settings.log_level,
            "PYTHONPATH": os.pathsep.join(packages),
        }

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Read the mirror's line after each check: a problem, or nothing."""
        if process.stdout is not None:
            async for line in process.stdout:
                self._mirror_problem = line.decode(errors="replace").strip() or None

    async def _supervise(self, process: asyncio.subprocess.Process) -> int | None:
        """Wait for the process to end; return None if it hangs."""
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
        """The reasons why answers may be old or incomplete; empty if all is well."""
        found = []
        if self.status is None:
            found.append("the lake was not looked at yet")
        elif self.status.problem is not None:
            found.append(self.status.problem)
        elif self._is_stale(self.status):
            found.append(f"the lake was not looked at since {self.status.checked_at}")
        if self._mirror_problem is not None and self._mirror_problem not in found:
            found.append(self._mirror_problem)
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
        """Whether the last check of the lake succeeded and is recent."""
        return self.status is not None and self.status.problem is None and not self._is_stale(self.status)

    @property
    def features_supported(self) -> bool:
        """Whether every table of the release can be read by this reader."""
        return not any(LACKS_FEATURE in problem for problem in self.problems)

    async def current(self) -> Snapshot:
        """Return the snapshot; wait for it right after the first start.

        Raises:
            NotReadyError: Nothing is mirrored, and the mirror is failing or off.
        """
        while self.snapshot is None:
            await self._wait()
        return self.snapshot

    async def holding(self, written: str, day: date | None) -> Snapshot:
        """Return a snapshot with an experiment, on a day or on its last day.

        While the first release is being loaded, newest day first, a request for a missing day waits.

        Raises:
            NotReadyError: As `current`.
        """
        while True:
            snapshot = await self.current()
            if snapshot.complete or (snapshot.knows(written) and not (day is not None and snapshot.is_loading(day))):
                return snapshot
            await self._wait()

    async def complete(self) -> Snapshot:
        """Return a snapshot with every day.

        Raises:
            NotReadyError: As `current`.
        """
        while True:
            snapshot = await self.current()
            if snapshot.complete:
                return snapshot
            await self._wait()

    async def _wait(self) -> None:
        is_failing = self._mirror_problem is not None or (self.status is not None and self.status.problem is not None)
        if is_failing or self.settings.refresh_seconds == 0:
            reasons = "; ".join(self.problems)
            raise NotReadyError(f"not loaded yet, try again later: {reasons}")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout=1.0)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate a process; kill it if it does not end."""
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
