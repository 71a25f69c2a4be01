"""The sums of one metric as columns of a wide table, and how a day of a user changes them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul

from pyspark.sql import Column
from pyspark.sql import functions as F

from abtest_lib.contracts.enums import MetricType
from abtest_lib.metrics import Measure, Metric
from abtest_lib.transforms.measures import scale_of

CAPPED = "capped_users"
_EXACT = "decimal(19,0)"
"""A product of two bigints is exact in this type."""


@dataclass(frozen=True, slots=True)
class MetricSums:
    """The columns of one metric; x is the value of a user, y the denominator, c the covariate.

    Attributes:
        metric: The metric.
        place: The number of the metric, which ends the names of its columns.
        numerator: The column of events that is added up to x.
        denominator: The column that is added up to y; None unless the metric is a ratio.
    """

    metric: Metric
    place: int
    numerator: str
    denominator: str | None

    def name(self, column: str) -> str:
        """Name a column of this metric."""
        return f"{column}_{self.place}"

    def of_event(self) -> dict[str, Column]:
        """Return what an event adds to x, y and c of a user first exposed at `first_exposed_at`."""
        time, start = F.col("timestamp"), F.col("first_exposed_at")
        counts = time >= start + F.lit(self.metric.starts_after)
        if self.metric.window is not None:
            end = start + F.lit(self.metric.window)
            counts &= time < end if self.metric.type is MetricType.RETENTION else time <= end
        added = {"x": F.when(counts, F.col(self.numerator))}
        if self.denominator is not None:
            added["y"] = F.when(counts, F.col(self.denominator))
        if self.metric.lookback is not None:
            is_before = (time < start) & (time >= start - F.lit(self.metric.lookback))
            added["c"] = F.when(is_before, F.col(self.numerator))
        return {self.name(column): added_up for column, added_up in added.items()}

    @property
    def cap(self) -> int | None:
        """The largest x and c of a user, in the units of the numerator's column."""
        if self.metric.is_proportion:
            return 1
        return None if self.metric.cap is None else round(self.metric.cap * scale_of(self.metric.numerator))

    def scale(self, product: str) -> int:
        """Return how many units of a product make 1."""
        of_factor = {"y": scale_of(self.metric.denominator)}
        return math.prod(of_factor.get(factor, scale_of(self.metric.numerator)) for factor in product)

    def cut_off(self, total: Column) -> Column:
        """Cut a total off at the cap."""
        return total if self.cap is None else F.least(total, F.lit(self.cap).cast("bigint"))

    @property
    def products(self) -> tuple[str, ...]:
        """The products that are summed over users; `xy` is x·y."""
        products = ["x", "xx"]
        if self.denominator is not None:
            products += ["y", "yy", "xy"]
        if self.metric.lookback is not None:
            products += ["c", "cc", "xc"]
        if self.denominator is not None and self.metric.lookback is not None:
            products.append("yc")
        return tuple(products)

    def changes(self) -> dict[str, Column]:
        """Return by how much a day of a user changes each sum.

        `x_after`, `y_after` are the user's values at the end of the day, `x_before`, `y_before` those of the day
        before, `c` is the covariate, and `is_entry` marks the day of the first exposure.
        """
        found = {self.name(f"sum_{product}"): self._change(product) for product in self.products}
        if self.metric.cap is not None:
            after, before = (F.col(self.name(f"total_{moment}")) > F.lit(self.cap) for moment in ("after", "before"))
            found[self.name(CAPPED)] = after.cast("bigint") - before.cast("bigint")
        return found

    def _change(self, product: str) -> Column:
        if set(product) == {"c"}:
            return F.when(F.col("is_entry") > 0, self._product(product, "after"))
        return self._product(product, "after") - self._product(product, "before")

    def _product(self, product: str, moment: str) -> Column:
        factors = [F.col(self.name("c" if factor == "c" else f"{factor}_{moment}")) for factor in product]
        if len(factors) > 1 and self.scale(product) > 1:
            factors = [factor.cast(_EXACT) for factor in factors]
        return reduce(mul, factors)


def plan_sums(metrics: Iterable[Metric], measures: Mapping[Measure, str]) -> tuple[MetricSums, ...]:
    """Return the columns of some metrics.

    Args:
        metrics: The metrics.
        measures: The result of `name_measures` for them.
    """
    return tuple(
        MetricSums(item, place, measures[item.numerator], measures[item.denominator] if item.denominator else None)
        for place, item in enumerate(metrics)
    )
