"""Frames that are used more than once: computed once, persisted, and released together."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pyspark.sql import DataFrame

from abtest_lib.spark.scratch import scratch_of


class FrameCache:
    """Persists frames until it is closed."""

    def __init__(self) -> None:
        """Start empty."""
        self._named: dict[str, DataFrame] = {}
        self._persisted = ExitStack()

    def persist(self, make: Callable[[], DataFrame]) -> DataFrame:
        """Compute a frame and persist it; once its size is known, Spark joins it without a shuffle.

        Args:
            make: Makes the frame; planning it takes a while, and several threads can do it at once.
        """
        made = make()
        frame = self._persisted.enter_context(persisted(made))
        if scratch_of(made.sparkSession) is None:
            frame.write.format("noop").mode("overwrite").save()  # a count would shuffle what it adds up
        return frame

    def persist_once(self, name: str, make: Callable[[], DataFrame]) -> DataFrame:
        """Return the frame of a name, computed at the first call; the name contains the table version."""
        if name not in self._named:
            self._named[name] = self.persist(make)
        return self._named[name]

    def close(self) -> None:
        """Release every frame."""
        self._named.clear()
        self._persisted.close()


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """Persist a frame during a block: in a scratch folder, or by Spark, which computes it at its first use.

    If the platform cannot persist, the frame is computed again at each use.
    """
    scratch = scratch_of(frame.sparkSession)
    if scratch is not None:
        kept, path = scratch.keep(frame)
        try:
            yield kept
        finally:
            scratch.drop(path)
        return
    try:
        cached = frame.persist()
    except Exception:  # noqa: BLE001  serverless Spark refuses with an error of its own kind
        yield frame
        return
    try:
        yield cached
    finally:
        cached.unpersist()
