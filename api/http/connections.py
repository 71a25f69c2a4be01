"""Limits on connections: their number, and the time in which a client must send its headers.

uvicorn drops idle connections after a request, but waits without limit for the first request and for its headers. Start
it with `--http api.http.connections:GuardedProtocol`, as `abtest serve` does.
"""

import asyncio
import os
import resource
from functools import cache
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADER_SECONDS = 10.0
"""The time limit from connecting, or from the first byte of a request, to the end of its headers."""

RESERVED_FILES = 48
"""File descriptors that are reserved for the mirror process, the cache and the logs."""

_MOST_CONNECTIONS = 8_192
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"X-Content-Type-Options: nosniff\r\n\r\n"
)


@cache
def most_connections() -> int:
    """Return the limit of open connections: ABTEST_API_MAX_CONNECTIONS, or what the file descriptors allow."""
    given = os.environ.get("ABTEST_API_MAX_CONNECTIONS")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max(1, min(files - RESERVED_FILES, _MOST_CONNECTIONS))
    return min(int(given), allowed) if given else allowed


def raise_file_limit() -> None:
    """Raise the limit of open files to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + RESERVED_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class GuardedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at run time: httptools or h11
    """HTTP with a limit on connections and on the time that headers take."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Accept a connection, or refuse it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.write(_FULL)
            transport.close()
            return
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Receive bytes; the timer runs until the headers are complete."""
        if self._header_timer is None and not self._is_answering():
            self._start_timer()
        super().data_received(data)
        if self._is_answering():
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _start_timer(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._drop)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _drop(self) -> None:
        self._header_timer = None
        if not self._is_answering():
            self.transport.close()
