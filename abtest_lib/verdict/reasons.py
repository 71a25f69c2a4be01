"""Every reason of a verdict: its effect, code, sentence and condition."""

from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from abtest_lib.verdict.reason import Detail, Effect, Reason, if_compared, if_decided, if_validity
from abtest_lib.verdict.rules import FEWEST_ARMS, Rules

_invalidates, _withholds, _decides, _explains, _warns, _informs = (partial(Reason, effect) for effect in Effect)

_ALL = (
    _invalidates("no_data", "The experiment is registered, but nobody has been exposed to it."),
    _invalidates(
        "too_few_arms",
        "Fewer than two arms have users, so there is nothing to compare.",
        if_validity(lambda v: v.active_arms < FEWEST_ARMS),
    ),
    _invalidates(
        "control_missing",
        "The control has no users, and nothing takes its place.",
        if_validity(lambda v: v.is_control_missing),
    ),
    _invalidates(
        "undeclared_arm",
        "Users saw an arm that the registry gives no share.",
        if_validity(lambda v: v.has_undeclared_arm),
    ),
    _invalidates(
        "sample_ratio_mismatch",
        "Users did not arrive in the declared proportions, so the arms are not comparable.",
        if_validity(lambda v: v.panel.is_declared & (v.ratio_p_after < v.rules.validity_alpha)),
        Detail.EXPECTED_USERS,
    ),
    _invalidates(
        "sample_ratio_mismatch_before_exclusion",
        "Before users who saw several arms were excluded, users did not arrive in the declared proportions.",
        if_validity(lambda v: v.panel.is_declared & v.is_mismatch & ~(v.ratio_p_after < v.rules.validity_alpha)),
        Detail.EXPECTED_USERS,
    ),
    _invalidates(
        "cross_exposure_imbalanced",
        "Users who saw several arms are spread unevenly over the arms, which can fake an effect.",
        if_validity(lambda v: v.cross_exposure_p < v.rules.validity_alpha),
        Detail.CROSS_EXPOSED_SHARE,
    ),
    _invalidates(
        "cross_exposure_too_high",
        "More than {cross_exposed_limit} of the users saw several arms.",
        if_validity(lambda v: v.cross_exposed_share > v.rules.cross_exposed_limit),
        Detail.CROSS_EXPOSED_SHARE,
    ),
    _withholds(
        "not_started", "The day lies before the registered start.", if_validity(lambda v: v.panel.is_before_start)
    ),
    _withholds(
        "allocation_undeclared",
        "The arms are of unequal size and no split is registered, so a fault cannot be told from an intention.",
        if_validity(lambda v: ~v.panel.is_declared & v.is_mismatch),
        Detail.EXPECTED_USERS,
    ),
    _withholds(
        "allocation_changed",
        "The split of new users changed from day to day without being registered.",
        if_validity(lambda v: v.daily_split_p < v.rules.validity_alpha),
    ),
    _withholds(
        "arm_started_late",
        "An arm started after the others, so their users are not comparable.",
        if_validity(lambda v: v.late_arm_p < v.rules.validity_alpha),
    ),
    _withholds(
        "metric_missing",
        "A goal or guardrail of the experiment has no data.",
        if_validity(lambda v: v.is_metric_missing),
    ),
    _withholds(
        "covariate_imbalanced",
        "The users of the arms differed by a covariate already before their first exposure.",
        if_validity(lambda v: v.covariate_p < v.rules.validity_alpha),
    ),
    _withholds(
        "effect_unstable",
        "The looks so far contradict each other: the effect changed on the way.",
        if_decided(lambda j: j.decisions.is_unstable),
    ),
    _decides("proven_gain", "An arm is proven better than the control.", if_decided(lambda j: j.decisions.is_gain)),
    _decides(
        "proven_loss", "Every other arm is proven worse than the control.", if_decided(lambda j: j.decisions.is_loss)
    ),
    _decides(
        "guardrail_violated",
        "A guardrail is proven worse than the control, and no other arm is left.",
        if_decided(lambda j: j.decisions.is_violation),
    ),
    _decides(
        "goal_worse",
        "A goal is proven better than the control but another one worse, and no other arm is left.",
        if_decided(lambda j: j.decisions.is_conflict),
    ),
    _decides(
        "futility",
        "The planned end was reached and no arm was proven better.",
        if_decided(lambda j: j.decisions.is_futile),
    ),
    _decides(
        "decided_in_earlier_period",
        "The decision was taken before the split last changed.",
        if_decided(lambda j: j.is_of_earlier_period),
    ),
    _explains(
        "too_few_conversions",
        "An arm has too few conversions for a test: at least {minimum_conversions} are needed "
        "(and {minimum_conversions} users who did not convert).",
        if_decided(lambda j: j.has_untested_arm),
    ),
    _explains(
        "too_few_values",
        "An arm has too few users with a value for a test of a goal or guardrail.",
        if_decided(lambda j: j.has_too_few_values),
    ),
    _explains(
        "too_early",
        "So early in the plan no test is made yet.",
        if_decided(lambda j: j.waits_for_look & ~j.is_spent),
    ),
    _explains(
        "level_spent",
        "Earlier periods have used up the level of the test, so none is left.",
        if_decided(lambda j: j.waits_for_look & j.is_spent),
    ),
    _explains(
        "guardrail_unproven",
        "An arm is proven better by a goal, but a guardrail is not yet proven to be no worse than its margin.",
        if_decided(lambda j: j.scorecard.has_uncleared_gain),
    ),
    _explains(
        "gain_does_harm",
        "An arm is proven better by a goal, but worse by another goal or a guardrail.",
        if_decided(lambda j: j.scorecard.has_harmful_gain),
    ),
    _explains(
        "posterior_missing",
        "There is no posterior for this day, and shipping needs one.",
        if_decided(lambda j: j.has_no_posterior),
        is_cause=False,
    ),
    _explains(
        "posterior_disagrees",
        "The interval shows a gain, but the posterior gives it less than {ship_probability} probability.",
        if_decided(lambda j: j.best_arm.is_proven & (j.best_arm.probability < j.rules.ship_probability)),
    ),
    _explains(
        "policy_sensitive",
        "The sign of the difference depends on how users who saw several arms are counted.",
        if_decided(lambda j: j.best_arm.is_proven & (j.best_arm.leads != j.best_arm.leads_under_other_policy)),
    ),
    _explains(
        "best_arm_unproven",
        "One arm is proven better than the control, but another looks better still and is not proven.",
        if_decided(lambda j: ~j.best_arm.is_proven & j.scorecard.has_cleared_gain),
    ),
    _explains(
        "not_proven",
        "No arm is proven better or worse than the control yet.",
        if_decided(lambda j: j.is_unexplained),
        is_cause=False,
    ),
    _warns(
        "winner_differs",
        "Another arm now looks best, but the decision of that day stands.",
        if_decided(lambda j: j.winner_differs),
    ),
    _warns(
        "drifted",
        "Today's difference lies outside the interval on which the decision rests.",
        if_decided(lambda j: j.has_drifted),
    ),
    _warns(
        "covariate_changes_sign",
        "Without its covariate a goal points in the other direction.",
        if_decided(lambda j: j.covariate_changes_sign),
    ),
    _warns(
        "too_good_to_be_true",
        "A change of more than {surprising_lift} is more often a fault than an effect.",
        if_compared(lambda d: d.has_surprising_lift),
    ),
    _warns(
        "cross_exposed_users",
        "More than {cross_exposed_warning} of the users saw several arms.",
        if_validity(
            lambda v: (
                (v.cross_exposed_share > v.rules.cross_exposed_warning)
                & (v.cross_exposed_share <= v.rules.cross_exposed_limit)
            )
        ),
    ),
    _warns(
        "fallback_share_high",
        "More than {fallback_warning} of the users saw a fallback variant.",
        if_validity(lambda v: v.fallback_share > v.rules.fallback_warning),
    ),
    _warns(
        "quarantined_rows",
        "More than {quarantine_warning} of the day's rows were rejected.",
        if_validity(lambda v: v.panel.quarantined_share > v.rules.quarantine_warning),
    ),
    _warns(
        "days_missing",
        "There are days without any exposure since the start.",
        if_validity(lambda v: v.days_missing > 0),
    ),
    _warns(
        "arm_without_users",
        "A registered arm has no users.",
        if_validity(lambda v: v.has_empty_arm),
    ),
    _warns(
        "stray_users",
        "A few users saw an arm that the registry gives no share; it is left out.",
        if_validity(lambda v: v.panel.has_stray_arm),
    ),
    _warns(
        "stray_days",
        "Some days hold too few users to be real, such as events of a wrong clock: ends and weeks do not count them.",
        if_validity(lambda v: v.panel.has_strays),
    ),
    _warns(
        "few_users",
        "The smallest arm has fewer than {few_users} users.",
        if_validity(lambda v: v.smallest_arm < v.rules.few_users),
    ),
    _warns(
        "less_than_a_week",
        "Fewer than {full_days} days have passed, so not every weekday is covered.",
        if_validity(lambda v: v.panel.elapsed_days < v.rules.full_days),
    ),
    _warns(
        "control_assumed",
        "No control is registered: the lowest id was taken.",
        if_validity(lambda v: v.panel.is_control_assumed & v.panel.is_control_known),
    ),
    _informs(
        "after_planned_end",
        "The plan has ended: the last look is repeated, later days add nothing.",
        if_decided(lambda j: j.is_repeated),
    ),
    _informs(
        "windows_open",
        "The attribution window of the latest users is still open: purchases to come will count for them.",
        if_validity(lambda v: v.is_window_open),
    ),
    _informs(
        "below_minimum_effect",
        "The gain is proven, but surely smaller than the registered minimum effect.",
        if_compared(lambda d: d.is_below_minimum_effect),
    ),
    _informs(
        "lift_undefined",
        "The control has no conversions, so there is no relative lift.",
        if_compared(lambda d: d.has_comparison & ~(d.control_purchases > 0)),
    ),
    _informs(
        "chi_square_skipped",
        "Nobody or everybody converted, so there is no chi-square test.",
        if_compared(lambda d: d.has_comparison & np.isnan(d.to_date.chi_square)),
    ),
    _informs(
        "many_arms",
        "There are more than {many_arms} arms, and each makes the others harder to prove.",
        if_validity(lambda v: v.active_arms > v.rules.many_arms),
    ),
    _informs(
        "not_registered",
        "The experiment is not registered: an equal split and no plan are assumed.",
        if_validity(lambda v: ~v.panel.is_registered),
    ),
)

REASONS: Mapping[str, Reason] = MappingProxyType({reason.code: reason for reason in _ALL})
"""Every reason by code, the strongest effect first; a verdict lists its codes in this order."""


@cache
def sentence_of(code: str, rules: Rules = Rules()) -> str:  # noqa: B008  frozen
    """Return the sentence of a reason.

    Examples:
        >>> sentence_of("few_users")
        'The smallest arm has fewer than 100 users.'
        >>> sentence_of("few_users", Rules(few_users=50))
        'The smallest arm has fewer than 50 users.'
    """
    return REASONS[code].sentence_with(rules)


def codes_of(effect: Effect) -> tuple[str, ...]:
    """Return the codes of all reasons with an effect, in order.

    Examples:
        >>> codes_of(Effect.INVALIDATES)[:3]
        ('no_data', 'too_few_arms', 'control_missing')
    """
    return tuple(code for code, reason in REASONS.items() if reason.effect is effect)
