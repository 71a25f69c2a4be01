"""The decision rules of the design one by one, on counts with an answer computed by hand."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import Verdict, verdict_rows

Make = Callable[..., Any]
Last = Callable[[Any], Verdict]
All = Callable[[Any], Judgement]

PLAN = "experiments: {NAME: {control: A, planned_users: %d, allocation: [{arms: {A: 0.5, B: 0.5}}]}}"
LONG = [(1000 * day, 50 * day) for day in range(1, 11)]
BETTER = [(1000 * day, 70 * day) for day in range(1, 11)]
WORSE = [(1000 * day, 32 * day) for day in range(1, 11)]
EQUAL = [(1000 * day, 51 * day) for day in range(1, 11)]


def test_a_clear_gain_is_shipped_and_the_first_decision_is_kept(history: Make, judged: All) -> None:
    verdicts = verdict_rows(judged(history({"A": LONG, "B": BETTER})))
    first = next(v for v in verdicts if v.decision == "ship")
    assert first.decided_on == first.day
    later = [v for v in verdicts if v.day > first.day]
    assert later
    assert {(v.decision, v.decided_on) for v in later} == {("ship", first.day)}
    assert "proven_gain" in later[-1].reasons
    assert later[-1].winner == "B"
    assert later[-1].explanation.startswith(f"Ship B, as decided on {first.day}, when a gain of at least ")
    assert "was proven; today it converts 7.00 % against 5.00 %" in later[-1].explanation


def test_the_unplanned_boundary_decides_to_the_event(history: Make, last: Last) -> None:
    # 1,000 users an arm, x against 50; I = 500·p/(1-p), boundary √((I+75)/I·ln((I+75)/(75·0.0025))).
    # x = 101: p = 0.0755, I = 40.83, boundary 4.274, z = 4.317; x = 100: I = 40.54, boundary 4.284, z = 4.243.
    assert last(history({"A": [(1000, 50)], "B": [(1000, 101)]})).decision == "ship"
    assert last(history({"A": [(1000, 50)], "B": [(1000, 100)]})).decision == "inconclusive"


def test_the_planned_last_look_decides_to_the_event(history: Make, last: Last) -> None:
    # One look at the planned size: |z| ≥ 1.95996. 121 of 2,000 against 90: z = 2.1930; 118: 1.9934; 117: 1.9265.
    registry = PLAN % 4000
    assert last(history({"A": [(2000, 90)], "B": [(2000, 118)]}, registry=registry)).decision == "ship"
    verdict = last(history({"A": [(2000, 90)], "B": [(2000, 117)]}, registry=registry))
    assert (verdict.decision, verdict.information_fraction) == ("keep_control", 1.0)
    assert "futility" in verdict.reasons
    assert "the planned end was reached" in verdict.explanation


def test_every_arm_worse_keeps_the_control(history: Make, last: Last) -> None:
    verdict = last(history({"A": LONG, "B": WORSE, "C": WORSE}))
    assert (verdict.decision, verdict.winner) == ("keep_control", "A")
    assert "proven_loss" in verdict.reasons
    assert "every other arm was proven worse" in verdict.explanation
    one_open = last(history({"A": LONG, "B": WORSE, "C": EQUAL}))
    assert one_open.decision == "inconclusive"


def test_a_verdict_without_proof_gives_the_interval(history: Make, last: Last) -> None:
    verdict = last(history({"A": LONG, "B": EQUAL}))
    assert (verdict.decision, verdict.decided_on) == ("inconclusive", None)
    assert "not_proven" in verdict.reasons
    assert verdict.explanation.startswith(
        "No decision yet: B converts 5.10 % against 5.00 % for the control A (+2.0 %)"
    )
    assert "may lie anywhere between -" in verdict.explanation


def test_too_few_conversions_are_not_tested(history: Make, judged: All) -> None:
    result = judged(history({"A": [(1000, 0)], "B": [(1000, 18)]}))  # pooled 0.9 %: 9 expected
    assert result.evidence.may_test.sum() == 0
    verdict = verdict_rows(result)[0]
    assert verdict.decision == "inconclusive"
    assert "too_few_conversions" in verdict.reasons
    assert "18 of 1,000 users of B and 0 of 1,000 of the control A converted" in verdict.explanation


def test_shipping_needs_the_posterior(history: Make, last: Last) -> None:
    missing = last(history({"A": LONG, "B": BETTER}, posterior=False))
    assert (missing.decision, missing.winner) == ("inconclusive", None)
    assert "posterior_missing" in missing.reasons
    unsure = last(history({"A": LONG, "B": BETTER}, posterior=0.94))
    assert unsure.decision == "inconclusive"
    assert "posterior_disagrees" in unsure.reasons
    assert last(history({"A": LONG, "B": BETTER}, posterior=0.95)).decision == "ship"


def test_keeping_the_control_does_not_need_the_posterior(history: Make, last: Last) -> None:
    assert last(history({"A": LONG, "B": WORSE}, posterior=False)).decision == "keep_control"


def test_both_policies_must_agree(history: Make, last: Last) -> None:
    # Without its 600 cross-exposed users, of whom 250 converted, B converts 4.79 %: the gain is theirs.
    cross_exposed = {"B": [(60 * d, 25 * d) for d in range(1, 11)], "A": [(60 * d, 3 * d) for d in range(1, 11)]}
    verdict = last(history({"A": LONG, "B": BETTER}, cross_exposed=cross_exposed))
    assert verdict.decision == "inconclusive"
    assert "policy_sensitive" in verdict.reasons
    excluded = history(
        {"A": [(940 * d, 47 * d) for d in range(1, 11)], "B": [(940 * d, 67 * d) for d in range(1, 11)]},
        cross_exposed={"A": [(60 * d, 24 * d) for d in range(1, 11)], "B": [(60 * d, d) for d in range(1, 11)]},
        policy=CrossExposed.EXCLUDE,
    )
    assert "policy_sensitive" in last(excluded).reasons


def test_a_better_looking_arm_that_is_not_proven_stops_shipping(history: Make, last: Last) -> None:
    registry = "experiments: {NAME: {allocation: [{arms: {A: 0.47, B: 0.47, C: 0.06}}]}}"
    arms = {"A": [(9000, 450)], "B": [(9000, 640)], "C": [(1150, 85)]}
    verdict = last(history(arms, registry=registry))
    assert verdict.decision == "inconclusive"
    assert "best_arm_unproven" in verdict.reasons


def test_a_proven_gain_that_cannot_be_shipped_is_not_futile(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(2000, 90)], "B": [(2000, 140)]}, registry=PLAN % 4000, posterior=False))
    assert verdict.decision == "inconclusive"
    assert "futility" not in verdict.reasons


def test_looks_that_contradict_each_other_are_unstable(history: Make, last: Last) -> None:
    turning = [(1000, 120), (2000, 130), (20_000, 700), (40_000, 1200)]
    steady = [(1000, 50), (2000, 100), (20_000, 1000), (40_000, 2000)]
    verdict = last(history({"A": steady, "B": turning}))
    assert verdict.decision == "inconclusive"
    assert "effect_unstable" in verdict.reasons


def test_later_days_repeat_the_planned_end(history: Make, judged: All) -> None:
    arms = {"A": [(1000, 50), (2000, 90), (20_000, 900)], "B": [(1000, 55), (2000, 100), (20_000, 1500)]}
    result = judged(history(arms, registry=PLAN % 4000))
    end, after = verdict_rows(result)[1:]
    assert end.decision == after.decision == "keep_control"
    assert after.decided_on == end.day
    assert "after_planned_end" in after.reasons
    assert "after_planned_end" not in end.reasons
    assert result.evidence.lower[0, 2, 1] == result.evidence.lower[0, 1, 1]
    assert "winner_differs" not in after.reasons


def test_a_planned_size_already_passed_is_one_last_look(history: Make, judged: All) -> None:
    result = judged(history({"A": [(9000, 450)], "B": [(9000, 560)]}, registry=PLAN % 4000))
    assert result.evidence.boundary[0, 0, 1] == pytest.approx(1.959964, abs=1e-5)
    assert verdict_rows(result)[0].decision == "ship"


def test_an_end_date_is_a_plan(history: Make, judged: All) -> None:
    registry = "experiments: {NAME: {start: 2021-08-01, end: 2021-08-04}}"
    result = judged(history({"A": LONG[:5], "B": EQUAL[:5]}, registry=registry))
    assert result.evidence.fraction[0].tolist() == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert [v.decision for v in verdict_rows(result)][2:] == ["inconclusive", "keep_control", "keep_control"]


def test_with_both_the_end_closes_an_experiment_that_stays_small(history: Make, judged: All) -> None:
    registry = "experiments: {NAME: {start: 2021-08-01, end: 2021-08-03, planned_users: 100000}}"
    result = judged(history({"A": LONG[:4], "B": EQUAL[:4]}, registry=registry))
    assert result.evidence.fraction[0].tolist() == [0.02, 0.04, 1.0, 1.0]


def test_early_looks_of_a_plan_are_not_made(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(2000, 100)], "B": [(2000, 130)]}, registry=PLAN % 400_000))
    assert verdict.decision == "inconclusive"
    assert "too_early" in verdict.reasons


def test_the_level_is_divided_among_the_arms(history: Make, judged: All) -> None:
    arms = {name: [(2000, 100)] for name in "ABCDE"}
    registry = "experiments: {NAME: {planned_users: 10000, allocation: [{arms: {A: .2, B: .2, C: .2, D: .2, E: .2}}]}}"
    result = judged(history(arms, registry=registry))
    assert result.evidence.boundary[0, 0, 1] == pytest.approx(2.497705, abs=1e-5)  # 5 % over four comparisons


def test_a_decision_is_dropped_when_the_experiment_turns_invalid(history: Make, judged: All) -> None:
    registry = "experiments: {NAME: {allocation: [{arms: {A: 0.5, B: 0.5}}]}}"
    arms = {
        "A": [(10_000, 500), (11_000, 550), (22_000, 1100)],
        "B": [(10_000, 700), (13_000, 900), (22_100, 1540)],
    }
    verdicts = verdict_rows(judged(history(arms, registry=registry)))
    assert [v.decision for v in verdicts] == ["ship", "invalid", "inconclusive"]
    assert verdicts[1].decided_on is None
    assert verdicts[1].winner is None
    # The split changed from day to day, which withholds a decision.
    assert "allocation_changed" in verdicts[2].reasons


def test_a_winner_that_differs_is_a_warning(history: Make, last: Last) -> None:
    late = [*BETTER[:8], (9000, 575), (10_000, 610)]
    verdict = last(history({"A": LONG, "B": late, "C": [*EQUAL[:8], (9000, 620), (10_000, 660)]}))
    assert verdict.decision == "ship"
    assert verdict.winner == "C"
    assert "winner_differs" in verdict.reasons


def test_a_declared_ramp_starts_a_period_and_keeps_its_decision(history: Make, judged: All) -> None:
    registry = (
        "experiments: {NAME: {allocation: [{arms: {A: 0.9, B: 0.1}}, {from: 2021-08-03, arms: {A: 0.5, B: 0.5}}]}}"
    )
    arms = {
        "A": [(9000, 450), (18_000, 900), (1000, 50), (2000, 100)],
        "B": [(1000, 80), (2000, 160), (1000, 55), (2000, 105)],
    }
    result = judged(history(arms, registry=registry, period_starts=(0, 2)))
    verdicts = verdict_rows(result)
    assert [v.decision for v in verdicts] == ["inconclusive", "ship", "ship", "ship"]
    assert verdicts[3].decided_on == date(2021, 8, 2)
    assert verdicts[3].period_start == date(2021, 8, 3)
    assert "decided_in_earlier_period" in verdicts[3].reasons
    assert result.evidence.lower[0, 3, 1] < 0


def test_periods_share_the_level(history: Make, judged: All) -> None:
    ramp = "experiments: {NAME: {allocation: [{arms: {A: 0.9, B: 0.1}}, {from: 2021-08-03, arms: {A: 0.5, B: 0.5}}]}}"
    alone = judged(history({"A": LONG[:1], "B": EQUAL[:1]})).evidence.boundary[0, 0, 1]
    shared = judged(history({"A": LONG[:1], "B": EQUAL[:1]}, registry=ramp)).evidence.boundary[0, 0, 1]
    information = 500 * 0.0505 / 0.9495
    assert alone**2 - shared**2 == pytest.approx(-(information + 75) / information * 2 * 0.6931472, rel=1e-4)


def test_a_new_period_that_proves_the_opposite_is_unstable(history: Make, last: Last) -> None:
    registry = "experiments: {NAME: {allocation: [{arms: {A: .9, B: .1}}, {from: 2021-08-02, arms: {A: .5, B: .5}}]}}"
    arms = {"A": [(18_000, 900), (9000, 450)], "B": [(2000, 170), (9000, 250)]}
    verdict = last(history(arms, registry=registry, period_starts=(0, 1)))
    assert verdict.decision == "inconclusive"
    assert "effect_unstable" in verdict.reasons


def test_what_happens_later_does_not_change_a_day(history: Make, judged: All) -> None:
    whole = verdict_rows(judged(history({"A": LONG, "B": BETTER}, registry=PLAN % 16_000)))
    for days in (1, 4, 7):
        part = verdict_rows(judged(history({"A": LONG[:days], "B": BETTER[:days]}, registry=PLAN % 16_000)))
        assert part == whole[:days]


def test_a_small_proven_gain_is_below_the_minimum_effect(history: Make, last: Last) -> None:
    registry = "experiments: {NAME: {minimum_effect: 0.7}}"
    assert "below_minimum_effect" in last(history({"A": LONG, "B": BETTER}, registry=registry)).reasons
    small = "experiments: {NAME: {minimum_effect: 0.05}}"
    assert "below_minimum_effect" not in last(history({"A": LONG, "B": BETTER}, registry=small)).reasons


SPLIT = "experiments: {NAME: {%s allocation: [{arms: {A: .5, B: .25, C: .25}}, {from: 2021-08-03, arms: {%s}}]}}"


@pytest.mark.parametrize(
    ("shares", "users", "decision"),
    [("B: .5, C: .5", 3000, "invalid"), ("A: .02, B: .49, C: .49", 6, "inconclusive")],
    ids=["over", "none yet"],
)
def test_a_control_without_users_is_no_decision_and_no_error(
    history: Make, last: Last, shares: str, users: int, decision: str
) -> None:
    arms = {
        "A": [(10_000, 1000), (20_000, 2000), (0, 0)],
        "B": [(5000, 300), (10_000, 600), (users, 1)],
        "C": [(5000, 300), (10_000, 600), (users, 1)],
    }
    verdict = last(history(arms, registry=SPLIT % ("", shares), period_starts=(0, 2)))
    assert verdict.decision == decision
    assert ("control_missing" in verdict.reasons) is (decision == "invalid")
    assert verdict.decided_on is None


def test_days_before_the_start_spend_nothing(history: Make, judged: All) -> None:
    registry = (
        "experiments: {NAME: {control: A, start: 2021-08-%s, planned_users: 20000, "
        "allocation: [{arms: {A: .5, B: .5}}]}}"
    )
    early = {"A": [(6000, 300), (12_000, 600)], "B": [(6000, 300), (12_000, 600)]}
    counted = {"A": [(5000, 250), (10_000, 500)], "B": [(5000, 350), (10_000, 700)]}
    both = {arm: early[arm] + counted[arm] for arm in early}
    with_early = judged(history(both, registry=registry % "03", period_starts=(0, 2))).evidence.boundary[0]
    alone = judged(history(counted, registry=registry % "01")).evidence.boundary[0]
    assert np.isnan(with_early[:2]).all()
    np.testing.assert_allclose(with_early[2:, 1], alone[:, 1])


def test_an_arm_of_a_later_period_has_the_level_that_the_others_left(history: Make, judged: All) -> None:
    """All of the level is spent on B at the planned end; C, in the next period, has none."""
    registry = (
        "experiments: {NAME: {control: A, planned_users: 4000, "
        "allocation: [{arms: {A: .5, B: .5}}, {from: 2021-08-02, arms: {A: .5, C: .5}}]}}"
    )
    arms = {"A": [(2000, 90), (2000, 90)], "B": [(2000, 95), (0, 0)], "C": [(0, 0), (2000, 130)]}
    evidence = judged(history(arms, registry=registry, period_starts=(0, 1))).evidence
    assert evidence.boundary[0, 0, 1] == pytest.approx(1.95996, abs=1e-4)
    assert np.isnan(evidence.boundary[0, 1, 2])
