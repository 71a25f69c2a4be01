"""Every clause of the rule of goals and guardrails, on moments with an answer computed by hand.

10,000 users an arm with a standard deviation of 10 give a difference the standard error 10·√(2/10,000) = 0.1414.
With one look at the planned end, a goal is proven at |z| ≥ 1.960, one of two goals at 2.241.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from abtest_lib.metrics import PURCHASE
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import Verdict, verdict_rows
from tests.unit.verdict.metric_worlds import Arm, Entry, declare, entry, judge_days, metric, with_covariate

N = 10_000
REVENUE, REFUNDS, VISITS = metric("revenue"), metric("refunds", direction="down"), metric("visits")
ALL = (REVENUE, REFUNDS, VISITS)
BASE = {"revenue": 20.0, "refunds": 20.0, "visits": 20.0}


def arm(likely: float | None = 0.999, purchases: int = 500, **means: float) -> Arm:
    entries = [entry(name, N, mean, likely=likely) for name, mean in (BASE | means).items()]
    return Arm(N, purchases, entries, likely or 0.0)


def judged(arms: Mapping[str, Arm], **declared: Any) -> Judgement:
    item = declare(arms=tuple(arms), planned=len(arms) * N, **declared)
    return judge_days([arms], item, ALL)


def verdict(arms: Mapping[str, Arm], **declared: Any) -> Verdict:
    (found,) = verdict_rows(judged(arms, **declared))
    return found


def rows_of(judgement: Judgement) -> list[dict[str, Any]]:
    columns = comparison_columns(judgement)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def row_of(judgement: Judgement, name: str, variant: str = "B") -> dict[str, Any]:
    (found,) = (
        row
        for row in rows_of(judgement)
        if (row["metric"], row["variant_id"], row["window"]) == (name, variant, "to_date") and row["segment"] == "all"
    )
    return found


def test_one_goal_is_proven_at_the_whole_level() -> None:
    shipped = verdict({"A": arm(), "B": arm(revenue=20.28)}, goals=["revenue"])  # z = 1.980
    assert (shipped.decision, shipped.metric, shipped.reasons[0]) == ("ship", "revenue", "proven_gain")
    kept = verdict({"A": arm(), "B": arm(revenue=20.27)}, goals=["revenue"])  # z = 1.909
    assert (kept.decision, kept.reasons[0]) == ("keep_control", "futility")


def test_two_goals_share_the_level() -> None:
    goals = ["visits", "revenue"]
    assert verdict({"A": arm(), "B": arm(revenue=20.31)}, goals=goals).decision == "keep_control"  # z = 2.192
    shipped = verdict({"A": arm(), "B": arm(revenue=20.33)}, goals=goals)  # z = 2.333
    assert (shipped.decision, shipped.metric) == ("ship", "revenue")
    assert shipped.explanation == (
        "Ship B: it has revenue at 20.33 USD against 20.00 USD for the control A (+1.6 %), and a gain of at least "
        "0.01300 USD is proven."
    )


def test_the_first_of_two_proven_goals_is_named() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=21.0)}
    assert verdict(arms, goals=["visits", "revenue"]).metric == "visits"
    assert verdict(arms, goals=["revenue", "visits"]).metric == "revenue"


def test_of_a_metric_with_direction_down_less_is_better() -> None:
    shipped = verdict({"A": arm(), "B": arm(refunds=19.0)}, goals=["refunds"])
    assert (shipped.decision, shipped.metric) == ("ship", "refunds")
    assert "a gain of at least 0.7228 USD is proven" in shipped.explanation
    kept = verdict({"A": arm(), "B": arm(refunds=21.0)}, goals=["refunds"])
    assert (kept.decision, kept.reasons[0]) == ("keep_control", "proven_loss")
    assert "a loss of at least 0.7228 USD is proven" in kept.explanation


def test_a_guardrail_within_its_margin_lets_ship() -> None:
    # The lower end is -0.12 - 0.277 = -0.397: above a margin of 2 % of 20, below one of 1.9 %.
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=19.88)}
    judgement = judged(arms, goals=["revenue"], guardrails={"visits": 0.02})
    assert verdict_rows(judgement)[0].decision == "ship"
    found = row_of(judgement, "visits")
    assert (found["role"], found["status"], found["margin"]) == ("guardrail", "not_worse", 0.4)
    held = verdict(arms, goals=["revenue"], guardrails={"visits": 0.019})
    assert (held.decision, held.reasons[0]) == ("inconclusive", "guardrail_unproven")
    assert "no worse than its margin (visits)" in held.explanation


def test_an_absolute_margin_is_in_the_unit_of_the_metric() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=19.88)}
    for margin, decision in ((0.40, "ship"), (0.39, "inconclusive")):
        found = verdict(arms, goals=["revenue"], guardrails={"visits": margin}, is_relative=False)
        assert found.decision == decision


def test_a_guardrail_with_direction_down() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, refunds=20.12)}
    assert verdict(arms, goals=["revenue"], guardrails={"refunds": 0.02}).decision == "ship"
    assert verdict(arms, goals=["revenue"], guardrails={"refunds": 0.019}).decision == "inconclusive"


def test_a_violated_guardrail_keeps_the_control() -> None:
    found = verdict({"A": arm(), "B": arm(revenue=21.0, refunds=21.0)}, goals=["revenue"], guardrails={"refunds": 0.02})
    assert (found.decision, found.reasons[0]) == ("keep_control", "guardrail_violated")
    assert "proven_loss" not in found.reasons
    assert found.explanation == (
        "Keep the control A: B has revenue at 21.00 USD against 20.00 USD for the control A (+5.0 %), but is proven "
        "worse by refunds."
    )


def test_a_small_loss_that_is_proven_violates_a_guardrail_even_within_its_margin() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=19.7)}  # -0.3 ± 0.277, margin 2
    found = verdict(arms, goals=["revenue"], guardrails={"visits": 0.1})
    assert (found.decision, found.reasons[0]) == ("keep_control", "guardrail_violated")


def test_guardrails_do_not_share_the_level() -> None:
    # Each at 1.960: the lower end is -0.120 - 0.277 = -0.397 however many guardrails there are.
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=19.88, refunds=20.12)}
    assert verdict(arms, goals=["revenue"], guardrails={"visits": 0.02, "refunds": 0.02}).decision == "ship"


def test_a_goal_better_and_another_worse_is_not_shipped() -> None:
    found = verdict({"A": arm(), "B": arm(revenue=21.0, visits=19.0)}, goals=["revenue", "visits"])
    assert (found.decision, found.reasons[0]) == ("keep_control", "goal_worse")
    assert "but is proven worse by visits" in found.explanation


def test_a_harmful_gain_of_one_of_two_arms_is_explained() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, visits=19.0), "C": arm()}
    found = judge_days([arms], declare(arms=tuple(arms), goals=["revenue", "visits"]), ALL)  # no plan, so no end
    (row,) = verdict_rows(found)
    assert (row.decision, row.reasons[0]) == ("inconclusive", "gain_does_harm")


def test_an_observed_metric_decides_nothing() -> None:
    judgement = judged({"A": arm(), "B": arm(revenue=21.0, refunds=25.0)}, goals=["revenue"])
    assert verdict_rows(judgement)[0].decision == "ship"
    found = row_of(judgement, "refunds")
    assert (found["role"], found["status"]) == ("observed", "worse")


def test_the_posterior_of_the_goal_must_agree() -> None:
    found = verdict({"A": arm(), "B": arm(likely=0.94, revenue=21.0)}, goals=["revenue"])
    assert (found.decision, found.reasons[0]) == ("inconclusive", "posterior_disagrees")
    without = verdict({"A": arm(likely=None), "B": arm(likely=None, revenue=21.0)}, goals=["revenue"])
    assert (without.decision, "posterior_missing" in without.reasons) == ("inconclusive", True)


def test_among_arms_that_pass_the_largest_gain_is_shipped() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0), "C": arm(revenue=22.0)}
    assert verdict(arms, goals=["revenue"]).explanation.startswith("Ship C")


def test_an_arm_that_a_guardrail_holds_back_leaves_the_next_best() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0), "C": arm(revenue=22.0, visits=19.7)}
    found = verdict(arms, goals=["revenue"], guardrails={"visits": 0.02})
    assert found.decision == "ship"
    assert found.explanation.startswith("Ship B")


def test_a_better_looking_arm_without_proof_holds_back_the_next_best() -> None:
    wide = Arm(N, 500, [entry(name, N, mean, sd=200.0) for name, mean in (BASE | {"revenue": 24.0}).items()])
    found = judge_days(
        [{"A": arm(), "B": arm(revenue=21.0), "C": wide}], declare(arms=("A", "B", "C"), goals=["revenue"]), ALL
    )
    (row,) = verdict_rows(found)
    assert (row.decision, row.reasons[0]) == ("inconclusive", "best_arm_unproven")


def test_the_arms_share_the_level_of_a_goal() -> None:
    # Two arms against the control: |z| ≥ 2.241.
    arms = {"A": arm(), "B": arm(revenue=20.31), "C": arm()}
    assert verdict(arms, goals=["revenue"]).decision == "keep_control"
    assert verdict(arms | {"B": arm(revenue=20.33)}, goals=["revenue"]).decision == "ship"


def test_purchase_can_be_a_guardrail() -> None:
    arms = {"A": arm(), "B": arm(revenue=21.0, purchases=500)}
    # The score interval of 5 % against 5 % with 10,000 users reaches ±0.604 points.
    assert verdict(arms, goals=["revenue"], guardrails={PURCHASE: 0.13}).decision == "ship"
    held = verdict(arms, goals=["revenue"], guardrails={PURCHASE: 0.12})
    assert (held.decision, held.reasons[0]) == ("inconclusive", "guardrail_unproven")


@pytest.mark.parametrize("role", ["goal", "guardrail"])
def test_a_declared_metric_without_data_withholds(role: str) -> None:
    entries: list[Entry] = [one for one in arm().entries if one["metric"] != "visits"]
    arms = {"A": Arm(N, 500, entries), "B": Arm(N, 800, entries, 0.999)}
    goals = [PURCHASE, "visits"] if role == "goal" else [PURCHASE]
    found = verdict(arms, goals=goals, guardrails={"visits": 0.02} if role == "guardrail" else None)
    assert (found.decision, found.reasons[0]) == ("inconclusive", "metric_missing")
    assert "has no data (visits)" in found.explanation
    assert found.is_valid


def test_too_few_values_are_not_tested() -> None:
    few = [entry("revenue", N, 0.01, sd=1.0), entry("visits", N, 20.0), entry("refunds", N, 20.0)]
    arms = {"A": Arm(N, 500, few), "B": Arm(N, 500, few, 0.999)}
    judgement = judged(arms, goals=["revenue"])
    (found,) = verdict_rows(judgement)
    assert (found.decision, found.reasons[0]) == ("inconclusive", "too_few_values")
    assert "(revenue)" in found.explanation
    assert row_of(judgement, "revenue")["status"] == "not_tested"


def test_too_few_conversions_do_not_matter_where_purchase_decides_nothing() -> None:
    found = verdict({"A": arm(purchases=1), "B": arm(purchases=0, revenue=21.0)}, goals=["revenue"])
    assert found.decision == "ship"
    assert "too_few_conversions" not in found.reasons


def days(revenues: Sequence[float], **more: Any) -> list[dict[str, Arm]]:
    return [{"A": arm(), "B": arm(revenue=value, **more)} for value in revenues]


def test_a_decision_is_carried_and_contradicted_by_a_guardrail() -> None:
    item = declare(goals=["revenue"], guardrails={"visits": 0.05})
    history = [*days([22.0, 22.0]), *days([22.0], visits=10.0)]
    first, second, third = verdict_rows(judge_days(history, item, ALL))
    assert (first.decision, second.decision) == ("ship", "ship")
    assert second.decided_on == first.day
    assert second.metric == "revenue"
    assert (third.decision, third.reasons[0]) == ("inconclusive", "effect_unstable")


def test_totals_that_grow_do_not_contradict_each_other() -> None:
    """The same relative gain of 20 % while the totals per user become ten times as large."""
    item = declare(goals=["revenue"])

    def one(mean: float) -> Arm:
        return Arm(N, 500, [entry(name, N, mean, sd=mean) for name in BASE], 0.999)

    history = [{"A": one(scale), "B": one(1.2 * scale)} for scale in (1.0, 3.0, 10.0)]
    judgement = judge_days(history, item, ALL)
    assert [found.decision for found in verdict_rows(judgement)] == ["ship"] * 3
    last = rows_of(judgement)
    (row,) = (r for r in last if r["metric"] == "revenue" and str(r["day"]) == "2021-08-03")
    assert 0 < row["decision_lower"] < row["difference"] < row["decision_upper"]


def test_the_covariate_narrows_the_interval() -> None:
    metrics = [metric("revenue", lookback=True)]
    means = {"A": 20.0, "B": 20.25}
    arms = {
        name: Arm(N, 500, [with_covariate(entry("revenue", N, mean), 5.0, 3.0, 0.7)], 0.999)
        for name, mean in means.items()
    }
    judgement = judge_days([arms], declare(planned=2 * N, goals=["revenue"]), metrics)
    row = row_of(judgement, "revenue")
    assert row["variance_reduction"] == pytest.approx(0.49, abs=0.001)
    assert row["unadjusted_lower"] < 0 < row["difference_lower"]
    assert row["status"] == "better"
    assert verdict_rows(judgement)[0].decision == "ship"


def test_a_covariate_that_changes_the_sign_is_warned_about() -> None:
    metrics = [metric("revenue", lookback=True)]
    arms = {
        "A": Arm(N, 500, [with_covariate(entry("revenue", N, 20.0), 5.0, 3.0, 0.9)]),
        "B": Arm(N, 500, [with_covariate(entry("revenue", N, 20.1), 5.1, 3.0, 0.9)]),
    }
    found = verdict_rows(judge_days([arms], declare(goals=["revenue"]), metrics))[0]
    assert "covariate_changes_sign" in found.reasons
    assert "covariate_imbalanced" not in found.reasons


def test_users_who_differed_before_their_exposure_withhold() -> None:
    metrics = [metric("revenue", lookback=True), metric("visits")]
    change = 0.0424 * 3.5  # 3.5 standard errors of 3·√(2/10,000), p = .00047
    arms = {
        name: Arm(N, 500, [with_covariate(entry("revenue", N, 22.0), mean, 3.0, 0.5), entry("visits", N, 20.0)], 0.999)
        for name, mean in (("A", 5.0), ("B", 5.0 + change))
    }
    found = verdict_rows(judge_days([arms], declare(goals=["revenue"]), metrics))[0]
    assert (found.decision, found.reasons[0]) == ("inconclusive", "covariate_imbalanced")
    assert "(revenue)" in found.explanation


def test_a_surprising_lift_of_a_goal_is_warned_about() -> None:
    arms = {"A": arm(), "B": arm(revenue=31.0)}
    assert "too_good_to_be_true" in verdict(arms, goals=["revenue"]).reasons
    assert "too_good_to_be_true" not in verdict(arms, goals=["visits"]).reasons


@pytest.mark.parametrize("name", ["revenue", "refunds"])
def test_the_minimum_effect_is_that_of_the_goal_that_shipped(name: str) -> None:
    """A gain of 5 % ± 1.4 %."""
    better = {"revenue": 21.0, "refunds": 19.0}
    arms = {"A": arm(), "B": arm(**{name: better[name]})}
    for minimum, is_below in ((0.08, True), (0.05, False)):
        item = replace(declare(planned=2 * N, goals=[name]), minimum_effect=minimum)
        (found,) = verdict_rows(judge_days([arms], item, ALL))
        assert found.decision == "ship"
        assert ("below_minimum_effect" in found.reasons) == is_below


def test_the_looks_at_a_ratio_are_those_of_its_numerator_where_all_denominators_are_equal() -> None:
    """The ratio is smaller, and its denominators grow from 1 to 3; the looks are as alike as those at the numerator."""
    metrics = [metric("revenue"), metric("per_visit", type_="ratio")]
    history = []
    for day, visits in enumerate((1.0, 2.0, 3.0), start=1):
        users = 4_000 * day
        pair = {}
        for name, mean in (("A", 20.0 * visits), ("B", 20.2 * visits)):
            of_sum, ratio = (entry(one, users, mean, sd=10.0 * visits) for one in ("revenue", "per_visit"))
            of_y = {"sum_y": users * visits, "sum_yy": users * visits**2, "sum_xy": users * mean * visits}
            pair[name] = Arm(users, users // 20, [of_sum, ratio | of_y], 0.5)
        history.append(pair)
    for planned in (24_000, None):
        judgement = judge_days(history, declare(planned=planned, goals=["revenue", "per_visit"]), metrics)
        _, revenue, per_visit = judgement.scorecard.findings
        assert np.isfinite(revenue.evidence.boundary[0, -1, 1])
        np.testing.assert_allclose(per_visit.evidence.boundary, revenue.evidence.boundary)
        assert per_visit.difference[0, -1, 1] == pytest.approx(0.2)
        assert revenue.difference[0, -1, 1] == pytest.approx(0.6)
