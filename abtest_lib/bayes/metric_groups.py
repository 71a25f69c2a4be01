"""Groups of a metric of the catalogue: sums of the arms, identity and seed, and whether they can be fitted."""

import math
from dataclasses import dataclass, fields
from functools import cached_property

from abtest_lib.bayes.groups import MAX_COUNT, MIN_ARMS, problem_of_arms
from abtest_lib.contracts.enums import Direction
from abtest_lib.errors import one_line

MIN_USERS = 2
"""One user has no variance."""

_NO_VARIANCE = 1e-12
"""The smallest variance that sums can show, as a share of the mean square: below it there is only rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSums:
    """Sums over the users of one arm; see `gold/metric_to_date`.

    Attributes:
        sum_x: Sum of x, the value of a user.
        sum_xx: Sum of x².
        sum_y: Sum of y, the denominator of a ratio; None for other metrics, like the next two.
        sum_yy: Sum of y².
        sum_xy: Sum of x·y.
        sum_c: Sum of c, the covariate; None without one, like the next two.
        sum_cc: Sum of c².
        sum_xc: Sum of x·c.
        sum_yc: Sum of y·c; None unless there are both.
    """

    sum_x: float | None
    sum_xx: float | None
    sum_y: float | None = None
    sum_yy: float | None = None
    sum_xy: float | None = None
    sum_c: float | None = None
    sum_cc: float | None = None
    sum_xc: float | None = None
    sum_yc: float | None = None

    @property
    def problem(self) -> str | None:
        """Why no metric can have these sums, or None."""
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        if missing := [name for name in ("sum_x", "sum_xx") if named[name] is None]:
            return f"no {missing[0]}"
        broken = [name for name, value in named.items() if value is not None and not math.isfinite(value)]
        if broken:
            return f"{broken[0]} {named[broken[0]]}: sums must be finite"
        if negative := [name for name in ("sum_xx", "sum_yy", "sum_cc") if (named[name] or 0.0) < 0.0]:
            return f"{negative[0]} {named[negative[0]]}: a sum of squares is not negative"
        return None


@dataclass(frozen=True, slots=True)
class MetricArm:
    """The sums of one arm, not yet validated.

    Attributes:
        variant_id: The variant, any text.
        users: Users of the arm; None where the count is missing.
        sums: Sums over them.
    """

    variant_id: str
    users: int | None
    sums: ArmSums

    @property
    def purchases(self) -> None:
        """None: only the metric `purchase` counts purchases."""

    @property
    def problem(self) -> str | None:
        """What makes the sums impossible, or None.

        Examples:
            >>> MetricArm("B", 10, ArmSums(sum_x=float("nan"), sum_xx=4.0)).problem
            "variant 'B' has sum_x nan: sums must be finite"
        """
        name = one_line(self.variant_id, 60)
        if self.users is None:
            return f"variant '{name}' has no count of users"
        if not 0 <= self.users < MAX_COUNT:
            return f"variant '{name}' has {self.users} users: users must be 0 or more, and below 2^53"
        return f"variant '{name}' has {self.sums.problem}" if self.sums.problem else None

    @property
    def gap(self) -> str | None:
        """Why the arm has no standard error, so that the others are fitted without it, or None.

        Examples:
            >>> MetricArm("B", 2, ArmSums(sum_x=6.0, sum_xx=18.0)).gap
            'the metric does not vary between the users of this arm'
        """
        if not self.users:
            return "no users in this arm"
        if self.users < MIN_USERS:
            return f"{self.users} user in this arm: a variance needs {MIN_USERS}"
        if self.sums.sum_y is not None and not self.sums.sum_y > 0.0:
            return f"the denominators of this arm add up to {self.sums.sum_y:g}: a ratio needs more than 0"
        return None if self._varies(self.users) else "the metric does not vary between the users of this arm"

    def _varies(self, users: int) -> bool:
        """Return whether x, or of a ratio x - R·y, has a variance above the rounding of its sums."""
        s = self.sums
        x, xx, y, yy, xy = (value or 0.0 for value in (s.sum_x, s.sum_xx, s.sum_y, s.sum_yy, s.sum_xy))
        if s.sum_y is None:
            return xx - x * x / users > _NO_VARIANCE * xx
        ratio = x / y
        return xx - 2.0 * ratio * xy + ratio * ratio * yy > _NO_VARIANCE * (xx + ratio * ratio * yy)


@dataclass(frozen=True)
class MetricGroup:
    """One metric of one experiment on one day; its arms are fitted together.

    Attributes:
        window: `to_date`.
        day: The day, ISO 8601.
        experiment_name: The experiment, any text.
        metric: A metric of the catalogue.
        arms: The arms in any order, without fallback variants.
        control_id: The control; None, or a variant that cannot be fitted, where there is nothing to compare with.
        direction: Which direction of the metric is better.
        seed: The seed of the group's draws, below 2⁶⁰.
    """

    window: str
    day: str
    experiment_name: str
    metric: str
    arms: tuple[MetricArm, ...]
    control_id: str | None = None
    direction: Direction = Direction.UP
    seed: int = 0

    @cached_property
    def fitted_arms(self) -> tuple[MetricArm, ...]:
        """The arms with a standard error, in an order that does not depend on their names unless they are equal."""
        usable = (arm for arm in self.arms if arm.gap is None)
        return tuple(sorted(usable, key=lambda arm: (arm.users or 0, arm.sums.sum_x or 0.0, arm.variant_id)))

    @property
    def problem(self) -> str | None:
        """Why the group cannot be fitted, or None."""
        found = problem_of_arms(self.arms)
        if found is not None or len(self.fitted_arms) >= MIN_ARMS:
            return found
        gaps = [f"variant '{one_line(arm.variant_id, 60)}': {arm.gap}" for arm in self.arms if arm.gap]
        return f"fewer than two arms can be compared; {gaps[0]}"
