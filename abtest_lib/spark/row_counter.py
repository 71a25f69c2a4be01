"""Counts of rows while they are written."""

from pyspark.sql import Column, DataFrame, Observation

from abtest_lib.spark.embedded import is_embedded


class RowCounter:
    """Counts rows while they are written, without another pass if Spark can observe them.

    A server of Spark Connect 4.0 waits a tenth of a second for the result of an observation and then answers without
    it, and the embedded engine has no observations; then the rows are counted again.

    Args:
        counts: Name to an aggregate.
    """

    def __init__(self, **counts: Column) -> None:
        self._columns = [column.alias(name) for name, column in counts.items()]
        self._observation: Observation | None = None
        self._frame: DataFrame | None = None

    def on(self, frame: DataFrame) -> DataFrame:
        """Return the same rows, which are counted when they are computed."""
        self._frame = frame
        if is_embedded(frame.sparkSession):
            return frame
        self._observation = Observation()
        return frame.observe(self._observation, *self._columns)

    def counts(self) -> dict[str, int]:
        """Return the counts, after the write; the frame must read the version before it of tables that it changed."""
        observed: dict[str, int] = {} if self._observation is None else self._observation.get
        if observed:
            return observed
        counted = None if self._frame is None else self._frame.agg(*self._columns).first()
        return {} if counted is None else counted.asDict()
