"""Tests of validity: each reason has a history with it and one without it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.registry import parse_registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.reason import Effect
from abtest_lib.verdict.reasons import REASONS, codes_of
from abtest_lib.verdict.rows import Verdict, absent_verdicts, verdict_columns, verdict_rows

Make = Callable[..., Any]
Last = Callable[[Any], Verdict]
All = Callable[[Any], Judgement]

HALVES = "experiments: {NAME: {allocation: [{arms: {A: 0.5, B: 0.5}}]}}"
STEADY = [(500 * day, 25 * day) for day in range(1, 9)]


def test_a_healthy_experiment_has_no_reason_but_the_open_decision(history: Make, last: Last) -> None:
    registry = "experiments: {NAME: {control: A, allocation: [{arms: {A: 0.5, B: 0.5}}]}}"
    verdict = last(history({"A": STEADY, "B": STEADY}, registry=registry))
    assert verdict.is_valid
    assert verdict.reasons == ("not_proven",)
    assert (verdict.srm_status, verdict.srm_p_value, verdict.cross_exposed_share) == ("ok", 1.0, 0.0)


@pytest.mark.parametrize(
    "arms", [{"A": [(500, 20)]}, {"A": [(500, 20)], "B": [(0, 0)]}, {"A": [(0, 0)], "B": [(0, 0)]}]
)
def test_fewer_than_two_arms_with_users(arms: dict[str, Any], history: Make, last: Last) -> None:
    verdict = last(history(arms))
    assert (verdict.decision, verdict.is_valid) == ("invalid", False)
    assert verdict.reasons[0] == "too_few_arms"
    assert "nothing to compare" in verdict.explanation


def test_a_registered_control_without_users_is_missing_and_never_replaced(history: Make, judged: All) -> None:
    registry = "experiments: {NAME: {control: C}}"
    result = judged(history({"A": [(500, 20)], "B": [(500, 25)]}, registry=registry))
    verdict = verdict_rows(result)[0]
    assert (verdict.decision, verdict.control_id) == ("invalid", "C")
    assert "control_missing" in verdict.reasons
    assert all(len(values) == 0 for values in comparison_columns(result).values())


def test_zero_users_and_zero_conversions(history: Make, judged: All) -> None:
    result = judged(history({"A": [(500, 0)], "B": [(500, 0)]}))
    verdict, rows = verdict_rows(result)[0], comparison_columns(result)
    assert verdict.decision == "inconclusive"
    assert {"too_few_conversions", "lift_undefined", "chi_square_skipped"} <= set(verdict.reasons)
    assert (rows["lift"], rows["p_value"], rows["chi_square"]) == ([None] * 2, [None] * 2, [None] * 2)
    assert rows["difference_lower"][0] == pytest.approx(-(1.959964**2) / (500 + 1.959964**2), abs=1e-6)


def test_a_mismatch_with_the_declared_split_is_invalid(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(5200, 260)], "B": [(4800, 240)]}, registry=HALVES))  # z = 4: p = 6e-5
    assert (verdict.decision, verdict.srm_status) == ("invalid", "mismatch")
    assert verdict.reasons[0] == "sample_ratio_mismatch"
    assert verdict.srm_p_value == pytest.approx(6.334e-5, rel=1e-3)
    assert "users by arm: A: 5,200 (expected 5,000), B: 4,800 (expected 5,000); p < 0.0001" in verdict.explanation
    assert (
        last(history({"A": [(5150, 260)], "B": [(4850, 240)]}, registry=HALVES)).srm_status == "ok"
    )  # z = 3: p = 0.0027


def test_a_mismatch_with_an_assumed_split_withholds(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(9000, 450)], "B": [(1000, 150)]}))
    assert (verdict.decision, verdict.is_valid, verdict.srm_status) == ("inconclusive", True, "mismatch")
    assert "allocation_undeclared" in verdict.reasons
    assert "no split is registered" in verdict.explanation


def test_few_users_are_not_tested_for_their_ratio(history: Make, last: Last) -> None:
    verdict = last(history({"A": [(15, 1)], "B": [(4, 1)]}, registry=HALVES))
    assert (verdict.srm_status, verdict.srm_p_value) == ("not_tested", None)
    assert "few_users" in verdict.reasons


def test_the_ratio_is_tested_before_exclusion_too(history: Make, last: Last) -> None:
    made = history(
        {"A": [(4800, 240)], "B": [(4800, 240)]},
        cross_exposed={"A": [(400, 20)], "B": [(0, 0)]},
        registry=HALVES,
        policy=CrossExposed.EXCLUDE,
    )
    assert "sample_ratio_mismatch_before_exclusion" in last(made).reasons


def test_an_arm_without_a_share_and_a_share_without_users(history: Make, last: Last) -> None:
    surplus = last(history({"A": [(500, 20)], "B": [(500, 20)], "C": [(500, 20)]}, registry=HALVES))
    assert surplus.reasons[0] == "undeclared_arm"
    assert surplus.decision == "invalid"
    thirds = "experiments: {NAME: {allocation: [{arms: {A: 0.4, B: 0.4, C: 0.2}}]}}"
    absent = last(history({"A": [(500, 20)], "B": [(500, 20)]}, registry=thirds))
    assert {"arm_without_users", "sample_ratio_mismatch"} <= set(absent.reasons)


@pytest.mark.parametrize(
    ("users", "strays", "is_stray"),
    [(10_000, 20, True), (10_000, 21, False), (1000, 10, True), (1000, 11, False), (50, 1, True), (50, 2, False)],
)
def test_a_few_users_of_an_undeclared_arm_are_left_out(
    history: Make,
    last: Last,
    users: int,
    strays: int,
    is_stray: bool,  # noqa: FBT001  a table of cases
) -> None:
    """Up to 0.1 % of the users, or ten if they are no more than 1 %."""
    arms = {"A": [(users, users // 20)], "B": [(users, users // 20)]}
    both = (arms, {**arms, "C": [(strays, strays)]})
    alone, with_strays = (last(history(one, registry=HALVES)) for one in both)
    assert ("stray_users" in with_strays.reasons) is is_stray
    assert ("undeclared_arm" in with_strays.reasons) is not is_stray
    if is_stray:
        assert (with_strays.decision, with_strays.winner, with_strays.explanation) == (
            alone.decision,
            alone.winner,
            alone.explanation,
        )


def test_unevenly_spread_cross_exposed_users_are_invalid(history: Make, last: Last) -> None:
    arms = {"A": [(10_000, 500)], "B": [(10_000, 500)]}
    verdict = last(history(arms, cross_exposed={"A": [(400, 40)], "B": [(600, 60)]}))
    assert verdict.reasons[0] == "cross_exposure_imbalanced"
    assert "5.00 % of the users saw several" in verdict.explanation
    even = last(history(arms, cross_exposed={"A": [(490, 40)], "B": [(510, 60)]}))
    assert even.is_valid
    assert "cross_exposed_users" in even.reasons


@pytest.mark.parametrize(
    ("cross_exposed", "code", "valid"),
    [(5, None, True), (20, "cross_exposed_users", True), (101, "cross_exposure_too_high", False)],
)
def test_the_share_of_cross_exposed_users(
    cross_exposed: int,
    code: str | None,
    valid: bool,  # noqa: FBT001  a table of cases
    history: Make,
    last: Last,
) -> None:
    verdict = last(
        history({"A": [(1000, 50)], "B": [(1000, 50)]}, cross_exposed={arm: [(cross_exposed, 5)] for arm in "AB"})
    )
    assert verdict.is_valid is valid
    assert verdict.cross_exposed_share == pytest.approx(cross_exposed / 1000)
    assert {c for c in verdict.reasons if c.startswith("cross")} == ({code} if code else set())


def test_an_undeclared_ramp_withholds(history: Make, judged: All) -> None:
    arms = {"A": [(900, 54), (1800, 108), (2300, 133)], "B": [(100, 6), (200, 12), (700, 37)]}
    verdicts = verdict_rows(judged(history(arms)))
    assert "allocation_changed" not in verdicts[1].reasons
    assert "allocation_changed" in verdicts[2].reasons
    assert verdicts[2].decision == "inconclusive"


def test_an_arm_that_starts_late_withholds(history: Make, judged: All) -> None:
    arms = {"A": [(50 * d, 5 * d) for d in range(1, 9)], "B": [(50 * d, 5 * d) for d in range(1, 9)], "C": [(50, 4)]}
    verdicts = verdict_rows(judged(history(arms)))
    assert "arm_started_late" in verdicts[-1].reasons
    assert "arm_started_late" not in verdicts[-2].reasons
    assert verdicts[-1].decision == "inconclusive"


def test_an_arm_that_chance_kept_away_is_not_late(history: Make, last: Last) -> None:
    arms = {"A": [(2, 0), (40, 3)], "B": [(1, 0), (42, 3)], "C": [(39, 2)]}  # three users came before C's first
    assert "arm_started_late" not in last(history(arms)).reasons


def test_fallback_variants_are_no_arms(history: Make, judged: All) -> None:
    result = judged(history({"A": [(500, 20)], "B": [(510, 20)], "DEFAULT": [(3000, 100)]}))
    verdict = verdict_rows(result)[0]
    assert result.panel.arms == (("A", "B"),)
    assert verdict.srm_status == "ok"
    assert "fallback_share_high" in verdict.reasons
    own = "experiments: {NAME: {fallback_variants: [Z]}}"
    assert judged(history({"A": [(5, 2)], "B": [(5, 2)], "Z": [(5, 2)]}, registry=own)).panel.arms == (("A", "B"),)


def test_days_before_the_start_are_withheld(history: Make, judged: All) -> None:
    registry = "experiments: {NAME: {start: 2021-08-03}}"
    arms = {"A": STEADY[:4], "B": STEADY[:4]}
    verdicts = verdict_rows(judged(history(arms, registry=registry, period_starts=(0, 2))))
    assert ["not_started" in v.reasons for v in verdicts] == [True, True, False, False]


def test_missing_days_a_short_run_and_rejected_rows(history: Make, judged: All) -> None:
    extra = {"quarantined_share": [0.02, 0.0]}
    verdicts = verdict_rows(judged(history({"A": STEADY[:2], "B": STEADY[:2]}, skipped_days=[1, 2], extra=extra)))
    assert {"quarantined_rows", "less_than_a_week"} <= set(verdicts[0].reasons)
    assert "days_missing" not in verdicts[0].reasons
    assert "days_missing" in verdicts[1].reasons
    assert "quarantined_rows" not in verdicts[1].reasons
    week = verdict_rows(judged(history({"A": STEADY, "B": STEADY})))
    assert ["less_than_a_week" in v.reasons for v in week] == [True] * 6 + [False] * 2


def test_too_good_to_be_true(history: Make, last: Last) -> None:
    assert "too_good_to_be_true" in last(history({"A": [(5000, 250)], "B": [(5000, 400)]})).reasons
    assert "too_good_to_be_true" not in last(history({"A": [(5000, 250)], "B": [(5000, 350)]})).reasons


def test_a_hundred_arms(history: Make, judged: All) -> None:
    arms = {f"{index}": [(400, 40 + index % 3)] for index in range(100)}
    result = judged(history(arms))
    verdict = verdict_rows(result)[0]
    assert verdict.control_id == "0"
    assert "many_arms" in verdict.reasons
    assert len(comparison_columns(result)["day"]) == 2 * 99
    assert result.evidence.boundary[0, 0, 1] > 5  # 5 % over 99 comparisons


def test_an_assumed_control_is_a_warning_and_stays(history: Make, judged: All) -> None:
    arms = {"B": [(500, 20), (1000, 50)], "C": [(500, 20), (1000, 50)], "A": [(5, 1)]}
    verdicts = verdict_rows(judged(history(arms)))
    assert [v.control_id for v in verdicts] == ["B", "B"]
    assert "control_assumed" in verdicts[0].reasons
    named = verdict_rows(judged(history({"A": [(500, 20)], "control": [(500, 20)]})))[0]
    assert named.control_id == "control"
    assert "control_assumed" not in named.reasons


def test_registered_and_not_and_without_data(history: Make, last: Last) -> None:
    made = {"A": [(500, 20)], "B": [(500, 20)]}
    assert "not_registered" in last(history(made)).reasons
    assert "not_registered" not in last(history(made, registry=HALVES)).reasons
    text = """
    experiments:
      silent: {start: 2021-08-02, control: A}
      over: {start: 2021-07-01, end: 2021-07-31}
      late: {start: 2021-08-01}
      dateless: {control: A}
    """
    days = [date(2021, 8, day) for day in (1, 2, 3)]
    verdicts = absent_verdicts(parse_registry(text), {"late": days[2]}, days)
    assert [(v.experiment_name, v.day) for v in verdicts] == [
        ("late", days[0]),
        ("silent", days[1]),
        ("late", days[1]),
        ("silent", days[2]),
    ]
    assert all(v.reasons == ("no_data",) and v.decision == "invalid" and not v.is_valid for v in verdicts)
    assert verdicts[0].explanation.endswith("nobody has been exposed to it since 2021-08-01.")


def test_reasons_are_in_the_order_of_their_effect(history: Make, last: Last) -> None:
    effects = [reason.effect for reason in REASONS.values()]
    assert effects == sorted(effects)
    assert all(reason.sentence.endswith(".") and reason.code == code for code, reason in REASONS.items())
    assert set().union(*(codes_of(effect) for effect in Effect)) == set(REASONS)
    verdict = last(history({"A": [(5, 1)]}))
    order = list(REASONS)
    assert list(verdict.reasons) == sorted(verdict.reasons, key=order.index)


def test_no_number_in_a_table_is_infinite_or_nan(history: Make, judged: All) -> None:
    histories = [
        history({"A": [(0, 0)], "B": [(0, 0)], "C": [(10, 10)]}),
        history({"A": [(10, 10)], "B": [(10, 10)]}),
        history({"A": [(10, 0)], "B": [(20_000_000, 1)], "C": [(3, 3)]}),
    ]
    checked = 0
    for one in histories:
        result = judged(one)
        for columns in (verdict_columns(result), comparison_columns(result)):
            numbers = [value for values in columns.values() for value in values if isinstance(value, float)]
            assert np.isfinite(numbers).all()
            checked += len(numbers)
    assert checked > 30
