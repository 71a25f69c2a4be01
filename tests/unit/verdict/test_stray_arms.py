"""A stray arm changes nothing for the others: the same numbers as if it had never been there."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.registry import Allocation, Experiment, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import Verdict, verdict_rows

Make = Callable[..., Any]
Last = Callable[[Any], Verdict]
All = Callable[[Any], Judgement]

DAY = date(2024, 3, 8)
COUNTS = {"A": (4_000, 400), "B": (4_000, 480), "old": (8, 5)}
SPLIT = (Allocation(None, (("A", 0.5), ("B", 0.5))),)


def columns(arms: dict[str, tuple[int, int]]) -> dict[str, Any]:
    number = len(arms)
    return {
        "experiment_name": np.array(["x"] * number, dtype=object),
        "variant_id": np.array(list(arms), dtype=object),
        "day": np.array([DAY] * number, dtype="datetime64[D]"),
        "period_start": np.array([date(2024, 3, 1)] * number, dtype="datetime64[D]"),
        "users": np.array([users for users, _ in arms.values()], dtype=float),
        "purchases": np.array([bought for _, bought in arms.values()], dtype=float),
        "day_users": np.array([users for users, _ in arms.values()], dtype=float),
        "day_purchases": np.array([bought for _, bought in arms.values()], dtype=float),
    }


def comparisons(arms: dict[str, tuple[int, int]], control: str | None = "A") -> list[dict[str, Any]]:
    context = Context(Registry({"x": Experiment("x", control=control, allocations=SPLIT)}))
    (panel,) = build_panels(columns(arms), context)
    made = comparison_columns(judge(panel))
    return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]


def test_comparisons_are_those_without_the_stray_arm() -> None:
    assert comparisons(COUNTS) == comparisons({"A": COUNTS["A"], "B": COUNTS["B"]})


def test_the_numbers_agree_with_scipy() -> None:
    (to_date, that_day) = comparisons(COUNTS)
    chi_square, p_value, dof, _ = chi2_contingency([[400, 3_600], [480, 3_520]], correction=False)
    for row in (to_date, that_day):
        assert (row["variant_id"], row["chi_square_dof"]) == ("B", dof == 1)
        assert row["chi_square"] == pytest.approx(chi_square)
        assert row["p_adjusted"] == row["p_value"] == pytest.approx(p_value)


def test_a_stray_arm_with_the_lowest_id_is_no_control() -> None:
    """Without a registered control the lowest id is taken, among the arms that have a share."""
    rows = comparisons({"0": (8, 5), "A": COUNTS["A"], "B": COUNTS["B"]}, control=None)
    assert {(row["control_id"], row["variant_id"]) for row in rows} == {("A", "B")}


THIRDS = "experiments: {NAME: {control: A, allocation: [{arms: {A: 0.495, B: 0.495, C: 0.01}}]}}"
HALVES = "experiments: {NAME: {control: A, allocation: [{arms: {A: 0.5, B: 0.5}}]}}"
DAILY = [(1000 * day, 50 * day) for day in range(1, 9)]


@pytest.mark.parametrize(
    ("policy", "counted"),
    [(CrossExposed.FIRST, 8), (CrossExposed.INCLUDE, 8), (CrossExposed.EXCLUDE, 8), (CrossExposed.EXCLUDE, 0)],
)
def test_a_stray_arm_does_not_switch_off_the_test_of_cross_exposed_users(
    history: Make, last: Last, policy: CrossExposed, counted: int
) -> None:
    """4 % against 6 % of 10,000 users: p = 9e-11. Under `exclude` all users of the stray arm can be excluded."""
    arms = {"A": [(10_000, 500)], "B": [(10_000, 500)], "old": [(counted, 0)]}
    cross_exposed = {"A": [(400, 40)], "B": [(600, 60)], "old": [(8, 0)]}
    alone = last(history({"A": arms["A"], "B": arms["B"]}, cross_exposed=cross_exposed, registry=HALVES, policy=policy))
    verdict = last(history(arms, cross_exposed=cross_exposed, registry=HALVES, policy=policy))
    assert "cross_exposure_imbalanced" in verdict.reasons
    assert without_stray_users(verdict) == alone.reasons
    assert verdict.cross_exposed_share == alone.cross_exposed_share


@pytest.mark.parametrize("first_day", [1000, 40])
def test_a_stray_arm_does_not_change_the_split_over_time(history: Make, judged: All, first_day: int) -> None:
    """All eight testers come on the first day, when eight users can be too many for a stray arm."""
    steady = [(first_day, first_day // 20), *DAILY[1:]]
    arms = {"A": steady, "B": steady}
    alone = verdict_rows(judged(history(arms, registry=HALVES)))
    verdicts = verdict_rows(judged(history({**arms, "old": [(8, 0)] * 8}, registry=HALVES)))
    assert ("undeclared_arm" in verdicts[0].reasons) is (first_day == 40)
    assert "stray_users" in verdicts[-1].reasons
    assert [without_stray_users(verdict) for verdict in verdicts[1:]] == [verdict.reasons for verdict in alone[1:]]


def test_stray_users_do_not_make_an_arm_late(history: Make, last: Last) -> None:
    """687 users came before the first of C: 0.99^687 = 0.001003; with six stray users it would be 0.000944."""
    arms = {"A": [(344, 17), (344, 17)], "B": [(343, 17), (343, 17)], "C": [(5, 0)]}
    assert "arm_started_late" not in last(history(arms, registry=THIRDS)).reasons
    verdict = last(history({**arms, "old": [(6, 0), (6, 0)]}, registry=THIRDS))
    assert "stray_users" in verdict.reasons
    assert "arm_started_late" not in verdict.reasons
    one_more = {**arms, "A": [(346, 17), (346, 17)]}  # 689 others: 0.000983
    assert "arm_started_late" in last(history(one_more, registry=THIRDS)).reasons


def test_a_stray_arm_does_not_change_the_sample_ratio(history: Make, last: Last) -> None:
    arms = {"A": [(5200, 260)], "B": [(4800, 240)]}
    alone, verdict = (last(history(one, registry=HALVES)) for one in (arms, {**arms, "old": [(8, 0)]}))
    assert alone.srm_p_value == pytest.approx(6.334e-5, rel=1e-3)  # z = 4
    assert (verdict.srm_p_value, verdict.srm_status) == (alone.srm_p_value, alone.srm_status)


def without_stray_users(verdict: Verdict) -> tuple[str, ...]:
    return tuple(code for code in verdict.reasons if code != "stray_users")
