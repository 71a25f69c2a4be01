"""What can be declared about an experiment before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from abtest_lib.metrics import PURCHASE


@dataclass(frozen=True, slots=True)
class Allocation:
    """One declared split of traffic.

    Attributes:
        starts: The first day of the split; None for the experiment's first day.
        entries: Arm and its share of new users, a proportion; the shares sum to one.
    """

    starts: date | None
    entries: tuple[tuple[str, float], ...]

    @property
    def shares(self) -> dict[str, float]:
        """The share of new users by arm."""
        return dict(self.entries)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the registry's order."""
        return tuple(arm for arm, _ in self.entries)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not be worse than the control's by more than a margin.

    Attributes:
        metric: The metric.
        margin: The largest loss that is accepted, above 0: a ratio of the control's value, or in the metric's unit.
        is_relative: Whether the margin is a ratio.
    """

    metric: str
    margin: float
    is_relative: bool = True


@dataclass(frozen=True, slots=True)
class Experiment:
    """What the registry declares about one experiment; None or empty where it says nothing.

    Attributes:
        name: The experiment.
        control: The variant that the others are compared with.
        start: The first day; users who came earlier are not counted.
        end: The last day of the plan.
        planned_users: Users of all arms together at which the plan ends.
        minimum_effect: The smallest relative lift worth acting on, a ratio.
        fallback_variants: Variants that mean "not assigned", in addition to those of the settings.
        allocations: The declared splits, in order of their dates.
        goals: The metrics of which one must be proven better.
        guardrails: The metrics that must not be worse.
        segments: `site` or event columns by which the results are broken down.
    """

    name: str
    control: str | None = None
    start: date | None = None
    end: date | None = None
    planned_users: int | None = None
    minimum_effect: float | None = None
    fallback_variants: tuple[str, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    goals: tuple[str, ...] = (PURCHASE,)
    guardrails: tuple[Guardrail, ...] = ()
    segments: tuple[str, ...] = ()

    @property
    def is_planned(self) -> bool:
        """Whether users or an end were declared, so that the planned rule applies."""
        return self.planned_users is not None or self.end is not None

    @property
    def period_starts(self) -> tuple[date, ...]:
        """The first days of the declared periods: the start where it is given, then every change of split or arms."""
        first = (self.start,) if self.start is not None else ()
        return first + tuple(
            later.starts
            for earlier, later in zip(self.allocations, self.allocations[1:], strict=False)
            if later.starts is not None and later.shares != earlier.shares
        )

    def period_start(self, day: date) -> date | None:
        """Return the first day of the declared period that `day` belongs to; None before the first period."""
        begun = [starts for starts in self.period_starts if starts <= day]
        return begun[-1] if begun else None

    def allocation_on(self, day: date) -> Allocation | None:
        """Return the split declared for `day`; None without one."""
        begun = [split for split in self.allocations if split.starts is None or split.starts <= day]
        return begun[-1] if begun else None


@dataclass(frozen=True, slots=True)
class Registry:
    """Every declared experiment by name."""

    experiments: Mapping[str, Experiment] = field(default_factory=dict)

    def get(self, name: str) -> Experiment | None:
        """Return the declaration of an experiment; None without one."""
        return self.experiments.get(name)
