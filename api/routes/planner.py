"""Compute plans in a separate process: they take up to a second, and other answers must not wait for them."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

from abtest_lib.errors import AbtestError

T = TypeVar("T")
MOST_WAITING = 32
"""The limit of waiting plans; the client of one more gets 429."""


class BusyError(AbtestError):
    """Too many plans are requested at the same time."""


class Planner:
    """A process that computes plans, started by the first plan, with a short queue."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool: ProcessPoolExecutor | None = None
        self._waiting = 0

    async def compute(self, work: Callable[[Any], T], query: object) -> T:
        """Compute in the planning process.

        Args:
            work: A function that the process can import.
            query: Its argument.

        Raises:
            BusyError: Too many plans are waiting, or the process has died.
        """
        if self._waiting >= MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} plans are being computed or wait: try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._running_pool().submit(work, query))
        except BrokenProcessPool:
            self.close()
            raise BusyError("the process that computes plans has ended: try again in a few seconds") from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _running_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: delta-rs does not work after a fork.
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=os.nice, initargs=(5,))
        return self._pool
