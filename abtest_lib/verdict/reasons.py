"""Reasons: what a reader of a verdict must know, as codes with a sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType


class Weight(IntEnum):
    """What a reason does to the verdict; the heaviest first."""

    INVALIDATES = 0
    WITHHOLDS = 1
    DECIDES = 2
    EXPLAINS = 3
    WARNS = 4
    INFORMS = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        code: Stands in gold/verdicts.
        weight: INVALIDATES makes the verdict `invalid`; WITHHOLDS makes it `inconclusive` whatever the numbers say;
            DECIDES is why a decision was taken, EXPLAINS why none was; WARNS and INFORMS change nothing.
        sentence: For a person.
    """

    code: str
    weight: Weight
    sentence: str


_ALL = (
    Reason("no_data", Weight.INVALIDATES, "The experiment is registered, but nobody has been exposed to it."),
    Reason("too_few_arms", Weight.INVALIDATES, "Fewer than two arms have users, so there is nothing to compare."),
    Reason("control_missing", Weight.INVALIDATES, "The control has no users, and nothing takes its place."),
    Reason("undeclared_arm", Weight.INVALIDATES, "Users saw an arm that the registry gives no share."),
    Reason(
        "sample_ratio_mismatch",
        Weight.INVALIDATES,
        "Users did not arrive in the declared proportions, so the arms are not comparable.",
    ),
    Reason(
        "sample_ratio_mismatch_before_exclusion",
        Weight.INVALIDATES,
        "Before users who saw several arms were excluded, users did not arrive in the declared proportions.",
    ),
    Reason(
        "cross_exposure_imbalanced",
        Weight.INVALIDATES,
        "Users who saw several arms are spread unevenly over the arms, which can fake an effect.",
    ),
    Reason("cross_exposure_too_high", Weight.INVALIDATES, "More than 10 % of the users saw several arms."),
    Reason("not_started", Weight.WITHHOLDS, "The day lies before the registered start."),
    Reason(
        "allocation_undeclared",
        Weight.WITHHOLDS,
        "The arms are of unequal size and no split is registered, so a fault cannot be told from an intention.",
    ),
    Reason(
        "allocation_changed",
        Weight.WITHHOLDS,
        "The split of new users changed from day to day without being registered.",
    ),
    Reason("arm_started_late", Weight.WITHHOLDS, "An arm started after the others, so their users are not comparable."),
    Reason(
        "effect_unstable", Weight.WITHHOLDS, "The looks so far contradict each other: the effect changed on the way."
    ),
    Reason("proven_gain", Weight.DECIDES, "An arm is proven better than the control."),
    Reason("proven_loss", Weight.DECIDES, "Every other arm is proven worse than the control."),
    Reason("futility", Weight.DECIDES, "The planned end was reached and no arm was proven better."),
    Reason("decided_in_earlier_period", Weight.DECIDES, "The decision was taken before the split last changed."),
    Reason(
        "too_few_conversions",
        Weight.EXPLAINS,
        "An arm has too few conversions for a test: at least 10 are needed (and 10 users who did not convert).",
    ),
    Reason("too_early", Weight.EXPLAINS, "So early in the plan no test is made yet."),
    Reason("level_spent", Weight.EXPLAINS, "Earlier periods have used up the level of the test, so none is left."),
    Reason("posterior_missing", Weight.EXPLAINS, "There is no posterior for this day, and shipping needs one."),
    Reason(
        "posterior_disagrees",
        Weight.EXPLAINS,
        "The interval shows a gain, but the posterior gives it less than 95 % probability.",
    ),
    Reason(
        "policy_sensitive",
        Weight.EXPLAINS,
        "The sign of the difference depends on how users who saw several arms are counted.",
    ),
    Reason(
        "best_arm_unproven",
        Weight.EXPLAINS,
        "One arm is proven better than the control, but another looks better still and is not proven.",
    ),
    Reason("not_proven", Weight.EXPLAINS, "No arm is proven better or worse than the control yet."),
    Reason("winner_differs", Weight.WARNS, "Another arm now looks best, but the decision of that day stands."),
    Reason("drifted", Weight.WARNS, "Today's difference lies outside the interval on which the decision rests."),
    Reason("too_good_to_be_true", Weight.WARNS, "A change of more than 50 % is more often a fault than an effect."),
    Reason("cross_exposed_users", Weight.WARNS, "More than 1 % of the users saw several arms."),
    Reason("fallback_share_high", Weight.WARNS, "More than 10 % of the users saw a fallback variant."),
    Reason("quarantined_rows", Weight.WARNS, "More than 1 % of the day's rows were rejected."),
    Reason("days_missing", Weight.WARNS, "There are days without any exposure since the start."),
    Reason("arm_without_users", Weight.WARNS, "A registered arm has no users."),
    Reason("stray_users", Weight.WARNS, "A few users saw an arm that the registry gives no share; it is left out."),
    Reason(
        "stray_days",
        Weight.WARNS,
        "Some days hold too few users to be real, such as events of a wrong clock: ends and weeks do not count them.",
    ),
    Reason("few_users", Weight.WARNS, "The smallest arm has fewer than 100 users."),
    Reason("less_than_a_week", Weight.WARNS, "Fewer than seven days have passed, so not every weekday is covered."),
    Reason("control_assumed", Weight.WARNS, "No control is registered: the lowest id was taken."),
    Reason(
        "after_planned_end", Weight.INFORMS, "The plan has ended: the last look is repeated, later days add nothing."
    ),
    Reason(
        "windows_open",
        Weight.INFORMS,
        "The attribution window of the latest users is still open: purchases to come will count for them.",
    ),
    Reason(
        "below_minimum_effect",
        Weight.INFORMS,
        "The gain is proven, but surely smaller than the registered minimum effect.",
    ),
    Reason("lift_undefined", Weight.INFORMS, "The control has no conversions, so there is no relative lift."),
    Reason("chi_square_skipped", Weight.INFORMS, "Nobody or everybody converted, so there is no chi-square test."),
    Reason("many_arms", Weight.INFORMS, "There are more than 10 arms, and each makes the others harder to prove."),
    Reason(
        "not_registered", Weight.INFORMS, "The experiment is not registered: an equal split and no plan are assumed."
    ),
)

REASONS: Mapping[str, Reason] = MappingProxyType({reason.code: reason for reason in _ALL})
"""Every reason by code, the heaviest first; a verdict lists its codes in this order."""


def sentence_of(code: str) -> str:
    """The sentence of a reason.

    Examples:
        >>> sentence_of("too_few_arms")
        'Fewer than two arms have users, so there is nothing to compare.'
    """
    return REASONS[code].sentence


def codes_of(weight: Weight) -> tuple[str, ...]:
    """The codes of all reasons of a weight, in order.

    Examples:
        >>> codes_of(Weight.DECIDES)
        ('proven_gain', 'proven_loss', 'futility', 'decided_in_earlier_period')
    """
    return tuple(code for code, reason in REASONS.items() if reason.weight is weight)
