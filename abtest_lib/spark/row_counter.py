"""Counts of rows that pass on their way to a write."""

from pyspark.sql import Column, DataFrame, Observation

from abtest_lib.spark.embedded import is_embedded


class RowCounter:
    """Counts rows that pass, without another pass over them where Spark tells.

    A server of Spark Connect 4.0 waits a tenth of a second for what an observation has seen and then answers without
    it, and the embedded engine has no observations; then the rows are counted again.

    Args:
        counts: Name to an aggregate.
    """

    def __init__(self, **counts: Column) -> None:
        self._columns = [column.alias(name) for name, column in counts.items()]
        self._observation: Observation | None = None
        self._frame: DataFrame | None = None

    def on(self, frame: DataFrame) -> DataFrame:
        """The same rows, counted when they pass."""
        self._frame = frame
        if is_embedded(frame.sparkSession):
            return frame
        self._observation = Observation()
        return frame.observe(self._observation, *self._columns)

    def counts(self) -> dict[str, int]:
        """The counts, after the write; tables that it changed must be in the frame as they were before."""
        told: dict[str, int] = {} if self._observation is None else self._observation.get
        if told:
            return told
        counted = None if self._frame is None else self._frame.agg(*self._columns).first()
        return {} if counted is None else counted.asDict()
