"""A proxy between a client and an S3 server that fails as networks and stores do: HTTP-aware, on loopback only."""

import asyncio
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

_HEAD_END = b"\r\n\r\n"
_UNAVAILABLE = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: 92\r\n\r\n"
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
)


@dataclass
class Faults:
    """What goes wrong, and how often; may be changed while the proxy runs.

    Attributes:
        unavailable: The share of requests answered with 503.
        reset: The share of responses cut in the middle of their body by a reset; those without one never arrive.
        lost: The share of successful PUT and POST requests whose response never arrives.
        latency: Seconds that every request waits.
        is_down: Whether every connection is refused.
        seen: How often each has happened.
    """

    unavailable: float = 0.0
    reset: float = 0.0
    lost: float = 0.0
    latency: float = 0.0
    is_down: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    def happens(self, name: str, chance: random.Random) -> bool:
        """Draw whether a fault happens now, and count it."""
        is_drawn = chance.random() < getattr(self, name)
        self.seen[name] += is_drawn
        return is_drawn


class Proxy:
    """Forwards 127.0.0.1:port to another port, in a thread of its own; a context manager."""

    def __init__(self, target: int, seed: int = 1) -> None:
        """Forward to 127.0.0.1:target."""
        self.faults = Faults()
        self.port = 0
        self._target, self._chance = target, random.Random(seed)  # noqa: S311  reproducible faults
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        if self.faults.is_down:
            self.faults.seen["is_down"] += 1
            answer.transport.abort()
            return
        try:
            server, request = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            answer.transport.abort()
            return
        try:
            while await self._exchange(client, answer, server, request):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            answer.transport.abort()
            request.transport.abort()

    async def _exchange(
        self,
        client: asyncio.StreamReader,
        answer: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        request: asyncio.StreamWriter,
    ) -> bool:
        """One request and its response; whether another may follow on these connections."""
        head = await client.readuntil(_HEAD_END)
        method = head.split(b" ", 1)[0]
        await asyncio.sleep(self.faults.latency)
        if self.faults.is_down:
            return False
        if self.faults.happens("unavailable", self._chance):
            answer.write(_UNAVAILABLE)
            await answer.drain()
            answer.close()
            return False
        is_lost = method in {b"PUT", b"POST"} and self.faults.happens("lost", self._chance)
        is_cut = not is_lost and self.faults.happens("reset", self._chance)
        request.write(head)
        sending = asyncio.ensure_future(_copy(client, request, _length(head)))
        try:
            while (status := await server.readuntil(_HEAD_END)).startswith(b"HTTP/1.1 100"):
                answer.write(status)  # the client sends its body only now
            length = 0 if method == b"HEAD" or b" 204 " in status[:16] else _length(status)
            body = await (_read_chunks(server) if _is_chunked(status) else server.readexactly(length))
            await sending
        finally:
            sending.cancel()
        if is_lost:
            return False
        if is_cut and body:
            answer.write(status + body[: len(body) // 2])
            await answer.drain()
        if is_cut:
            return False
        answer.write(status + body)
        await answer.drain()
        return b"connection: close" not in status.lower()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, length: int) -> None:
    while length > 0:
        part = await source.read(min(length, 65_536))
        if not part:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(part)
        target.write(part)
        await target.drain()


async def _read_chunks(source: asyncio.StreamReader) -> bytes:
    whole = b""
    while True:
        line = await source.readuntil(b"\r\n")
        chunk = await source.readexactly(int(line.split(b";")[0], 16) + 2)
        whole += line + chunk
        if chunk == b"\r\n":
            return whole


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":", 1)[1])
    return 0


def _is_chunked(head: bytes) -> bool:
    return b"transfer-encoding: chunked" in head.lower()
