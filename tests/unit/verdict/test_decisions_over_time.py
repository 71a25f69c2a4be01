"""Decisions that are kept while the counts change, and periods for which earlier ones left no level."""

from collections.abc import Callable
from typing import Any

import pytest

from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import Verdict, verdict_rows

Make = Callable[..., Any]
Last = Callable[[Any], Verdict]
All = Callable[[Any], Judgement]

PLAN = "experiments: {NAME: {control: A, planned_users: %d, allocation: [{arms: {%s}}]}}"
TWO, THREE = "A: .5, B: .5", "A: .4, B: .4, C: .2"
_EXPLAINS = {"policy_sensitive", "posterior_disagrees", "best_arm_unproven", "not_proven", "posterior_missing"}


def test_a_gain_that_has_gone_since_is_in_the_past_tense(history: Make, judged: All) -> None:
    arms = {"A": [(2000, 90), (8000, 400)], "B": [(2000, 140), (8000, 360)]}
    shipped, today = verdict_rows(judged(history(arms, registry=PLAN % (4000, TWO))))
    assert (shipped.decision, today.decision) == ("ship", "ship")
    assert "drifted" not in shipped.reasons
    assert "drifted" in today.reasons
    assert not _EXPLAINS & set(today.reasons)
    assert today.explanation.startswith(f"Ship B, as decided on {shipped.day}, when a gain of at least 1.0")
    assert today.explanation.endswith(
        "was proven; today it converts 4.50 % against 5.00 % for the control A (-10.0 %)."
    )


def test_a_loss_that_has_gone_since_is_in_the_past_tense(history: Make, judged: All) -> None:
    arms = {"A": [(2000, 140), (8000, 400)], "B": [(2000, 90), (8000, 440)]}
    kept, today = verdict_rows(judged(history(arms, registry=PLAN % (4000, TWO))))
    assert (kept.decision, today.decision) == ("keep_control", "keep_control")
    assert f"as decided on {kept.day}, when a loss of at least 1.0" in today.explanation
    assert "today B converts 5.50 % against 5.00 %" in today.explanation


def test_futility_gives_the_interval_of_the_looks_and_todays_rates(history: Make, judged: All) -> None:
    arms = {"A": [(2000, 100), (8000, 400)], "B": [(2000, 101), (8000, 640)]}
    ended, today = verdict_rows(judged(history(arms, registry=PLAN % (4000, TWO))))
    assert ended.decision == today.decision == "keep_control"
    left = ended.explanation.partition("; the true")[2].rstrip(".")
    assert left
    assert today.explanation == (
        f"Keep the control A, as decided on {ended.day}: the planned end was reached and no arm was proven better; "
        f"the true{left}; today B converts 8.00 % against 5.00 % for the control A (+60.0 %)."
    )
    assert "drifted" in today.reasons


def test_a_period_for_which_an_invalid_one_left_no_level_proves_nothing(history: Make, judged: All) -> None:
    ramp = (
        "experiments: {NAME: {control: A, planned_users: 20000, "
        "allocation: [{arms: {A: .9, B: .1}}, {from: 2021-08-02, arms: {A: .5, B: .5}}]}}"
    )
    arms = {
        "A": [(17_000, 850), (5000, 250), (15_000, 750)],
        "B": [(3000, 150), (5000, 450), (15_000, 1350)],
    }
    first, second, third = verdict_rows(judged(history(arms, registry=ramp, period_starts=(0, 1))))
    assert first.decision == "invalid"
    for verdict in (second, third):
        assert (verdict.decision, "futility" in verdict.reasons) == ("inconclusive", False)
        assert "level_spent" in verdict.reasons
        assert "too_early" not in verdict.reasons
        assert "true difference" not in verdict.explanation


def test_there_is_no_interval_before_the_first_look(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(500, 25)], "B": [(500, 40)]}, registry=PLAN % (1_000_000, TWO)))
    assert "too_early" in verdict.reasons
    assert "true difference" not in verdict.explanation
    assert "B converts 8.00 % against 5.00 %" in verdict.explanation


def test_the_arm_that_is_too_small_is_named(history: Make, last: Last) -> None:
    arms = {"A": [(20_000, 1000)], "B": [(20_000, 1000)], "C": [(10, 1)]}
    verdict = last(history(arms, registry=PLAN % (100_000, "A: .49975, B: .49975, C: .0005")))
    assert "too_few_conversions" in verdict.reasons
    assert verdict.explanation == (
        "No decision yet: 1 of 10 users of C and 1,000 of 20,000 of the control A converted, and a test expects 10 in "
        "the smaller arm who do, and 10 who do not."
    )


def test_cross_exposed_users_of_an_earlier_period_do_not_count_in_the_next(history: Make, judged: All) -> None:
    ramp = (
        "experiments: {NAME: {control: A, "
        "allocation: [{arms: {A: .5, B: .5}}, {from: 2021-08-02, arms: {A: .5, B: .5}}]}}"
    )
    arms = {"A": [(5000, 250), (5000, 250)], "B": [(5000, 250), (5000, 250)]}
    cross_exposed = {arm: [(1000, 50), (0, 0)] for arm in arms}
    first, second = verdict_rows(
        judged(history(arms, registry=ramp, period_starts=(0, 1), cross_exposed=cross_exposed))
    )
    assert first.reasons[0] == "cross_exposure_too_high"
    assert second.is_valid
    assert second.cross_exposed_share == 0.0


def test_users_of_a_fallback_variant_hide_no_cross_exposed_users(history: Make, last: Last) -> None:
    arms = {"A": [(1000, 50)], "B": [(1000, 50)], "DEFAULT": [(18_000, 900)]}
    verdict = last(history(arms, cross_exposed={"A": [(200, 10)], "B": [(200, 10)]}))
    assert verdict.cross_exposed_share == pytest.approx(0.2)
    assert verdict.reasons[0] == "cross_exposure_too_high"


def test_only_what_this_period_has_proven_is_called_proven(history: Make, last: Last) -> None:
    ramp = (
        "experiments: {NAME: {control: A, "
        "allocation: [{arms: {A: .9, B: .1}}, {from: 2021-08-03, arms: {A: .5, B: .5}}]}}"
    )
    worse = {
        "A": [(18_000, 1800), (36_000, 3600), (1000, 100)],
        "B": [(2000, 100), (4000, 200), (1000, 90)],
    }
    verdict = last(history(worse, registry=ramp, period_starts=(0, 2)))
    assert verdict.decision == "keep_control"
    assert "decided_in_earlier_period" in verdict.reasons
    assert "is proven" not in verdict.explanation
