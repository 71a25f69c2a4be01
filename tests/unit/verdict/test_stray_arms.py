"""A stray arm changes nothing for the others: the same numbers as if it had never been there."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from abtest_lib.registry import Allocation, Experiment, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels

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


def test_the_numbers_are_those_of_an_independent_program() -> None:
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
