"""The mirror process, `python -m api.mirror SERVER`: watches the lake and copies each new release into the cache.

A process of its own, because packing a day would hold up requests for tens of milliseconds, and so that whatever
befalls a native reader of broken files does not befall the server. It ends after each release, which gives its memory
back; the server then starts the next one. Several servers may share a cache: a lock lets one mirror work.
"""

import fcntl
import os
import sys
import time
from typing import IO

import structlog

from abtest_lib.errors import AbtestError
from api.cache import Cache, without_paths
from api.logs import configure_logs
from api.settings import ApiSettings, load_api_settings

_LOCK_PAUSE = 1.0
log = structlog.get_logger("api.mirror")


def main(server: int) -> int:
    """Mirror until a release was copied or the server that started this process is gone.

    Args:
        server: The server's process id: asking for the parent here would be too late, should it die meanwhile.
    """
    settings = load_api_settings()
    configure_logs(settings.log_level)
    os.nice(5)
    cache = Cache(settings.cache_dir, settings.lake)
    cache.prepare()
    with cache.path("lock").open("w") as lock:
        while os.getppid() == server:
            if not _try_lock(lock):
                time.sleep(_LOCK_PAUSE)
            elif mirror_once(settings, cache):
                return 0
            else:
                _sleep(settings.refresh_seconds, server)
    return 0


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
    """Look at the lake once and mirror what is new; a failure is written into the status, for readiness to show.

    Returns:
        Whether the cache changed.
    """
    from api.sync import sync  # noqa: PLC0415  delta-rs and Arrow only where the lock is held

    started = time.monotonic()
    try:
        changed = sync(settings.lake, cache, settings.cache_bytes)
    except AbtestError as error:
        cache.write_status(str(error))
        log.warning("the release could not be mirrored", problem=str(error))
        return False
    except Exception as error:
        cache.write_status(without_paths(error))
        log.exception("the release could not be mirrored")
        return False
    cache.write_status()
    if changed:
        log.info("release mirrored", seconds=round(time.monotonic() - started, 3))
    return changed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
