"""What can be declared about a metric: which events count, over which time, and which direction is better."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from abtest_lib.contracts.enums import Direction, MetricType

if TYPE_CHECKING:
    from abtest_lib.config import Settings

PURCHASE = "purchase"
"""The built-in metric: users with at least one purchase."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The number that an event adds to the total of its user.

    Attributes:
        events: SQL over the columns of an event; true for the events that count.
        value: The event column that is added up; None counts the events.
    """

    events: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    A user's value is the total of `numerator` over the events between `starts_after` and `window` after the first
    exposure, at most `cap`. A conversion and a retention count at most one event.

    Attributes:
        name: The name.
        type: What is averaged over users.
        numerator: What is added up for each user.
        denominator: What the sum of the numerators is divided by; only for a ratio.
        direction: Which direction is better.
        starts_after: How long after the first exposure events begin to count.
        window: How long after the first exposure an event still counts; None without a limit. The instant of the limit
            counts, except for a retention.
        cap: The largest total of a user that counts; None without a limit.
        lookback: How long before the first exposure the covariate begins, which is the user's total of `numerator`
            until then; None without a covariate.
        description: A sentence for a person.
        unit: The unit of the numerator; empty where there is none.
    """

    name: str
    type: MetricType
    numerator: Measure
    denominator: Measure | None = None
    direction: Direction = Direction.UP
    starts_after: timedelta = timedelta(0)
    window: timedelta | None = None
    cap: float | None = None
    lookback: timedelta | None = None
    description: str = ""
    unit: str = ""

    @property
    def is_proportion(self) -> bool:
        """Whether the value of a user is 0 or 1."""
        return self.type in (MetricType.CONVERSION, MetricType.RETENTION)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every metric by name; `purchase` is always the first.

    Attributes:
        metrics: The metrics by name.
        event_columns: The type, `double` or `string`, of the declared event columns by name.
    """

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    event_columns: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Metric | None:
        """Return a metric; None if there is none of this name."""
        return self.metrics.get(name)

    @property
    def meaning(self) -> tuple[Metric, ...]:
        """The metrics without texts for people: with other texts the numbers are the same."""
        return tuple(replace(metric, description="", unit="") for metric in self.metrics.values())

    @property
    def own(self) -> tuple[Metric, ...]:
        """The metrics that a catalogue file declares."""
        return tuple(metric for metric in self.metrics.values() if metric.name != PURCHASE)


def purchase_metric(settings: "Settings") -> Metric:
    """Return the built-in metric: at least one conversion event within the attribution window."""
    event = settings.conversion_event.replace("\\", "\\\\").replace("'", "\\'")
    return Metric(
        PURCHASE,
        MetricType.CONVERSION,
        Measure(f"event_name = '{event}'"),
        window=settings.attribution_window,
        description=f"Users with at least one {settings.conversion_event}",
    )
