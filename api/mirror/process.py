"""The mirror process, `python -m api.mirror SERVER`: it watches the lake and copies each new release into the cache.

It is a separate process, because packing a day would delay requests by tens of milliseconds, and because a native
reader may crash on a broken file. It ends after each release to free its memory, and the server starts the next one.
Several servers may share a cache: a lock lets only one mirror work.
"""

import fcntl
import os
import sys
import time
from typing import IO

import structlog

from abtest_lib.errors import AbtestError, one_line
from api.http.logs import configure_logs
from api.settings import ApiSettings, load_api_settings
from api.store.cache import Cache, cache_problem, without_paths

_LOCK_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
log = structlog.get_logger("api.mirror")


def main(server: int) -> int:
    """Mirror until a release is copied or the server has ended.

    Args:
        server: The server's process id; the parent's id would be wrong if the server has already died.
    """
    settings = load_api_settings()
    configure_logs(settings.log_level)
    os.nice(5)
    cache = Cache(settings.cache_dir, settings.lake)
    try:
        cache.prepare()
        with cache.path("lock").open("w") as lock:
            return _mirror_while(server, settings, cache, lock)
    except OSError as error:
        report(cache_problem(error))
        log.warning("the cache cannot be used", problem=str(error))
        return 1


def _mirror_while(server: int, settings: ApiSettings, cache: Cache, lock: IO[str]) -> int:
    pause = settings.refresh_seconds
    while os.getppid() == server:
        if not _try_lock(lock):
            report(None)
            time.sleep(_LOCK_PAUSE)
            continue
        cache.remove_unfinished()
        changed, problem = _look(settings, cache)
        report(problem)
        if changed:
            return 0
        pause = settings.refresh_seconds if problem is None else min(2 * pause, _LONGEST_PAUSE)
        _sleep(pause, server)
    return 0


def report(problem: str | None) -> None:
    """Report the result to the server by a line on standard output, because the disk of the cache may be full."""
    sys.stdout.write(f"{one_line(problem or '', 500)}\n")
    sys.stdout.flush()


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sleep(seconds: float, server: int) -> None:
    end = time.monotonic() + seconds
    while os.getppid() == server and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOCK_PAUSE))


def mirror_once(settings: ApiSettings, cache: Cache) -> bool:
    """Check the lake once and mirror a new release; return whether the cache changed."""
    return _look(settings, cache)[0]


def _look(settings: ApiSettings, cache: Cache) -> tuple[bool, str | None]:
    """Mirror a new release, and write a failure to the status, which `/health/ready` shows.

    Returns:
        Whether the cache changed, and the problem if there was one.
    """
    from api.mirror.sync import sync  # noqa: PLC0415  only the owner of the lock needs delta-rs and Arrow

    started, changed, problem = time.monotonic(), False, None
    try:
        changed = sync(settings.lake, cache, settings.cache_bytes)
    except AbtestError as error:
        problem = str(error)
        log.warning("the release could not be mirrored", problem=problem)
    except OSError as error:
        problem = cache_problem(error)
        log.warning("the release could not be mirrored", problem=str(error))
    except Exception as error:
        problem = without_paths(error)
        log.exception("the release could not be mirrored")
    try:
        cache.write_status(problem)
    except OSError as error:
        problem = problem or cache_problem(error)
    if changed:
        log.info("release mirrored", seconds=round(time.monotonic() - started, 3))
    return changed, problem
