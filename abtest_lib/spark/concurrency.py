"""Concurrent Spark actions: planning and committing one overlaps with computing another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")


@overload
def concurrently(first: Callable[[], T], second: Callable[[], U], /) -> tuple[T, U]: ...
@overload
def concurrently(first: Callable[[], T], second: Callable[[], U], third: Callable[[], V], /) -> tuple[T, U, V]: ...
@overload
def concurrently(
    first: Callable[[], T], second: Callable[[], U], third: Callable[[], V], fourth: Callable[[], W], /
) -> tuple[T, U, V, W]: ...
@overload
def concurrently(*tasks: Callable[[], T]) -> tuple[T, ...]: ...
def concurrently(*tasks: Callable[[], Any]) -> tuple[Any, ...]:
    """Run tasks in threads and return their results in order."""
    futures = [_threads().submit(task) for task in tasks]
    try:
        wait(futures)
    except BaseException:  # interrupted: tasks that wait must not start once the writer lease is released
        for future in futures:
            future.cancel()
        wait(futures)
        raise
    return tuple(future.result() for future in futures)


@contextmanager
def in_background(task: Callable[[], object]) -> Iterator[None]:
    """Run a task in a thread during a block; the end of the block waits for it and raises what it raised."""
    future = _threads().submit(task)
    try:
        yield
    finally:
        wait([future])
    future.result()


def start_in_background(task: Callable[[], object]) -> None:
    """Run a task in a thread without waiting for it; its errors are ignored."""
    _threads().submit(task)


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the thread pool of this process; its threads are reused, because py4j never closes a thread's connection.

    A task that waits for two others takes up three of them.
    """
    return ThreadPoolExecutor(max_workers=8)
