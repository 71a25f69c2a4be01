"""Groups to fit: counts, identity and seed, and whether they can be fitted."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from abtest_lib.bayes.version import MODEL_VERSION
from abtest_lib.errors import one_line

MIN_ARMS = 2
MAX_ARMS = 128
"""More than any real experiment has; a thousand arms are a mistake in the input and would take minutes."""

SEED_DIGITS = 15
"""Hexadecimal digits of the hash that make a seed: the most that fit a signed 64-bit integer."""

MAX_COUNT = 2**53
"""Above this, float64 no longer holds every whole number."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The counts of one arm, not yet validated.

    Attributes:
        variant_id: The variant, any text.
        users: Distinct users; None where the count is missing.
        purchases: Those who purchased; None where the count is missing.
    """

    variant_id: str
    users: int | None
    purchases: int | None

    @property
    def problem(self) -> str | None:
        """What makes the counts impossible, or None.

        Examples:
            >>> Arm("B", users=10, purchases=11).problem
            "variant 'B' has 11 purchases and 10 users: purchases must lie between 0 and users"
        """
        name = one_line(self.variant_id, 60)
        if self.users is None or self.purchases is None:
            missing = "users" if self.users is None else "purchases"
            return f"variant '{name}' has no count of {missing}"
        if not 0 <= self.users < MAX_COUNT:
            return f"variant '{name}' has {self.users} users: users must be 0 or more, and below 2^53"
        if not 0 <= self.purchases <= self.users:
            counts = f"{self.purchases} purchases and {self.users} users"
            return f"variant '{name}' has {counts}: purchases must lie between 0 and users"
        return None

    @property
    def gap(self) -> str | None:
        """Why the others are fitted without this arm, or None."""
        return None if self.users else "no users in this arm"


@dataclass(frozen=True)
class Group:
    """One experiment on one day; its arms are fitted together.

    Attributes:
        window: `day` or `to_date`.
        day: The day, ISO 8601.
        experiment_name: The experiment, any text.
        metric: `purchase`.
        arms: The arms in any order, without fallback variants.
        control_id: The control; None, or a variant without users, where there is nothing to compare with.
    """

    window: str
    day: str
    experiment_name: str
    metric: str
    arms: tuple[Arm, ...]
    control_id: str | None = None

    @cached_property
    def fitted_arms(self) -> tuple[Arm, ...]:
        """The arms with users, ordered by counts, then by name: relabelling the arms relabels the result."""
        with_users = (arm for arm in self.arms if arm.users)
        return tuple(sorted(with_users, key=lambda arm: (arm.users, arm.purchases, arm.variant_id)))

    @property
    def problem(self) -> str | None:
        """Why the group cannot be fitted, or None.

        Examples:
            >>> Group("day", "2021-08-01", "x", "purchase", (Arm("A", 5, 1),)).problem
            'only one arm with users: a comparison needs two'
        """
        return problem_of_arms(self.arms)

    def seed(self, base: int) -> int:
        """Return the group's seed, a hash of its identity: batches, partitions and executors change nothing.

        Args:
            base: The configured seed.

        Returns:
            A number below 2⁶⁰. The pipeline computes the same in SQL to find the groups that need no new fit.

        Examples:
            >>> 0 <= Group("day", "2021-08-01", "search/x", "purchase", ()).seed(7) < 2**60
            True
        """
        fixed = f"{base}|{self.window}|{self.day}|{self.metric}|{MODEL_VERSION}|"
        digest = hashlib.sha256((fixed + self.experiment_name).encode("utf-8", "surrogatepass")).hexdigest()
        return int(digest[:SEED_DIGITS], 16)


class AnyArm(Protocol):
    """An arm of any metric, not yet validated."""

    @property
    def variant_id(self) -> str:
        """The variant."""

    @property
    def users(self) -> int | None:
        """Users of the arm; None where the count is missing."""

    @property
    def problem(self) -> str | None:
        """What makes its numbers impossible, or None."""


def problem_of_arms(arms: Sequence[AnyArm]) -> str | None:
    """Return why arms cannot be fitted together, or None."""
    if len(arms) > MAX_ARMS:
        return f"{len(arms)} arms: at most {MAX_ARMS} are compared"
    problems = [arm.problem for arm in arms if arm.problem]
    repeated = [name for name, times in Counter(arm.variant_id for arm in arms).items() if times > 1]
    if problems or repeated:
        return problems[0] if problems else f"variant '{one_line(repeated[0], 60)}' occurs more than once"
    with_users = sum(1 for arm in arms if arm.users)
    if with_users < MIN_ARMS:
        return "no users in any arm" if with_users == 0 else "only one arm with users: a comparison needs two"
    return None
