"""Frames that are used more than once: computed once, persisted, and released together."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pyspark.sql import DataFrame


class FrameCache:
    """Persists frames until it is closed."""

    def __init__(self) -> None:
        """Start empty."""
        self._named: dict[str, DataFrame] = {}
        self._persisted = ExitStack()

    def persist(self, make: Callable[[], DataFrame]) -> DataFrame:
        """Compute a frame and persist it; once its size is known, Spark joins it without a shuffle.

        Args:
            make: Makes the frame; planning it takes a while, which several threads may spend side by side.
        """
        frame = self._persisted.enter_context(persisted(make()))
        frame.write.format("noop").mode("overwrite").save()  # a count would shuffle what it adds up
        return frame

    def persist_once(self, name: str, make: Callable[[], DataFrame]) -> DataFrame:
        """Return the frame of a name, computed at the first call; the name says of which table version it is."""
        if name not in self._named:
            self._named[name] = self.persist(make)
        return self._named[name]

    def close(self) -> None:
        """Release every frame."""
        self._named.clear()
        self._persisted.close()


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """Persist a frame for a block; where the platform cannot, the frame is computed again at each use."""
    try:
        cached = frame.persist()
    except Exception:  # noqa: BLE001  serverless Spark refuses with an error of its own kind
        yield frame
        return
    try:
        yield cached
    finally:
        cached.unpersist()
