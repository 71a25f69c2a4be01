"""One arm of an experiment: its counts, what the model believes of it, and how it compares with the control."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abtest_lib.errors import UsageError, one_line

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends of a 95 % interval; the field that holds it says of what, and in which unit.

    Attributes:
        lower: The lower end.
        upper: The upper end.
    """

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What the model believes of one arm.

    Attributes:
        mean: Posterior mean of the conversion, a proportion.
        sd: Posterior standard deviation of the conversion, a proportion.
        interval: Equal-tailed 95 % credible interval of the conversion, proportions.
        hdi: Narrowest 95 % credible interval of the conversion (highest density), proportions.
        probability_best: Probability that the arm converts best; those of all arms sum to one.
        probability_beats_control: Probability that it converts better than the control; None for the control.
        expected_loss: Conversion lost on average by choosing the arm, a proportion.
        lift: Posterior median of conversion over the control's minus one, a ratio (0.02 is 2 %); None for the control,
            and where nobody in the control converted.
        lift_interval: Equal-tailed 95 % credible interval of the lift, ratios; None where `lift` is.
    """

    mean: float
    sd: float
    interval: Interval
    hdi: Interval
    probability_best: float
    probability_beats_control: float | None
    expected_loss: float
    lift: float | None
    lift_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One arm against the control; its intervals hold for all arms together with 95 % (Bonferroni), on one look.

    Attributes:
        difference: Conversion minus the control's, a proportion.
        difference_interval: Simultaneous score interval of the difference, proportions.
        lift: Observed conversion over the control's minus one, a ratio; None where nobody in the control converted.
        lift_interval: Simultaneous score interval of the lift, ratios; None where `lift` is.
        statistic: Score z; None where nobody or everybody converted.
        p_value: Two-sided, of this pair alone; None where `statistic` is.
        p_adjusted: Bonferroni over the arms; below 0.05 exactly where the intervals exclude no effect.
        boundary: Critical |z| of the day's look in a sequential test; None where no look was made.
        decision_interval: Interval of the difference on which a decision rests, proportions; None before the first
            look.
    """

    difference: float
    difference_interval: Interval | None
    lift: float | None
    lift_interval: Interval | None
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    boundary: float | None
    decision_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm.

    Attributes:
        id: The variant.
        is_control: Whether the other arms are compared with it.
        users: Distinct users; None where the lake has no count.
        purchases: Users who converted; None where the lake has no count.
        posterior: What the model believes; None where the arm could not be fitted.
        comparison: The arm against the control; None for the control, and where there is nothing to compare.
        problem: Why there is no posterior, or why another engine computed it; None where all is well.
    """

    id: str
    is_control: bool
    users: int | None
    purchases: int | None
    posterior: Posterior | None
    comparison: Comparison | None
    problem: str | None = None

    @property
    def conversion(self) -> float | None:
        """Purchases over users, a proportion; None without users."""
        return self.purchases / self.users if self.users and self.purchases is not None else None

    @property
    def interval(self) -> Interval | None:
        """Equal-tailed 95 % credible interval of the conversion, proportions."""
        return None if self.posterior is None else self.posterior.interval

    @property
    def lift(self) -> float | None:
        """Posterior median of the lift over the control, a ratio."""
        return None if self.posterior is None else self.posterior.lift

    @property
    def lift_interval(self) -> Interval | None:
        """Equal-tailed 95 % credible interval of the lift, ratios."""
        return None if self.posterior is None else self.posterior.lift_interval


def find_arm(arms: Sequence[Arm], arm_id: str) -> Arm:
    """Return the arm with an id.

    Raises:
        UsageError: There is none; the message names those that there are.
    """
    for arm in arms:
        if arm.id == arm_id:
            return arm
    listed = ", ".join(arm.id for arm in arms)
    raise UsageError(f"no arm '{one_line(arm_id, 60)}': the arms are {one_line(listed, 200)}")


def make_arms(posteriors: Sequence[Row], comparisons: Sequence[Row]) -> tuple[Arm, ...]:
    """Make arms from rows of one experiment, day and window.

    Args:
        posteriors: Rows with the columns of gold/posteriors, one for each arm.
        comparisons: Rows with the columns of gold/comparisons, at most one for each arm.

    Returns:
        The arms, in the order of `posteriors`.
    """
    compared = {row["variant_id"]: row for row in comparisons}
    return tuple(
        Arm(
            id=row["variant_id"],
            is_control=row["is_control"],
            users=row["users"],
            purchases=row["purchases"],
            posterior=_posterior(row),
            comparison=make_comparison(compared.get(row["variant_id"], {})),
            problem=f"{row['status']}: {row['reason']}" if row["reason"] else None,
        )
        for row in posteriors
    )


def _posterior(row: Row) -> Posterior | None:
    interval, hdi = interval_of(row, "interval"), interval_of(row, "hdi")
    if number_of(row, "conversion_mean") is None or interval is None or hdi is None:
        return None
    return Posterior(
        mean=row["conversion_mean"],
        sd=row["conversion_sd"],
        interval=interval,
        hdi=hdi,
        probability_best=row["probability_best"],
        probability_beats_control=number_of(row, "probability_beats_control"),
        expected_loss=row["expected_loss"],
        lift=number_of(row, "lift_median"),
        lift_interval=interval_of(row, "lift"),
    )


def make_comparison(row: Row) -> Comparison | None:
    """Make a comparison from a row with columns of gold/comparisons; None where it has no difference or lift."""
    difference = number_of(row, "difference")
    if difference is None:
        return None
    return Comparison(
        difference=difference,
        difference_interval=interval_of(row, "difference"),
        lift=number_of(row, "lift"),
        lift_interval=interval_of(row, "lift"),
        statistic=number_of(row, "statistic"),
        p_value=number_of(row, "p_value"),
        p_adjusted=number_of(row, "p_adjusted"),
        boundary=number_of(row, "boundary"),
        decision_interval=interval_of(row, "decision"),
    )


def interval_of(row: Row, name: str) -> Interval | None:
    """Return the interval of a row's number; None where an end is missing."""
    lower, upper = number_of(row, f"{name}_lower"), number_of(row, f"{name}_upper")
    return None if lower is None or upper is None else Interval(lower, upper)


def number_of(row: Row, name: str) -> float | None:
    """Return a number of a row; None where it is missing or NaN."""
    value: float | None = row.get(name)
    return None if value is None or math.isnan(value) else value
