"""Comparisons by segment: numbers, corrections, and that they decide nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm
from statsmodels.stats.multitest import multipletests

from abtest_lib.metrics import PURCHASE
from abtest_lib.verdict.compare import compare_arms
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import verdict_rows
from tests.unit.verdict.metric_worlds import Arm, Entry, declare, entry, judge_days, metric

N = 4_000
SITES = {"site=MLA": 2_000, "site=MLB": 1_200, "site=MLM": 800}
EFFECT = {"site=MLA": 2.0, "site=MLB": 0.1, "site=MLM": -1.5}


def conversions(users: int, purchases: int, segment: str) -> Entry:
    return entry(PURCHASE, users, 0.0, segment=segment) | {"sum_x": float(purchases), "sum_xx": float(purchases)}


def arm(effects: Mapping[str, float], extra: float = 0.0) -> Arm:
    rows = [entry("revenue", users, 20.0 + effects.get(name, 0.0), segment=name) for name, users in SITES.items()]
    bought = [conversions(users, users // 20 + int(20 * effects.get(name, 0)), name) for name, users in SITES.items()]
    return Arm(N, 200, [entry("revenue", N, 20.0 + extra), *rows, *bought])


def judged(item: Any = None, **arms: Arm) -> Judgement:
    arms = arms or {"A": arm({}), "B": arm(EFFECT)}
    return judge_days([arms], item or declare(arms=tuple(arms), goals=["revenue"]), [metric("revenue")])


def rows_of(judgement: Judgement, name: str, variant: str = "B") -> dict[str, dict[str, Any]]:
    columns = comparison_columns(judgement)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = {
        row["segment"]: row
        for row in rows
        if (row["metric"], row["variant_id"]) == (name, variant) and row["segment"] != "all"
    }
    assert set(found) == set(SITES)
    return found


def test_means_by_segment() -> None:
    rows = rows_of(judged(), "revenue")
    p_values, errors = [], []
    for name, users in SITES.items():
        row, error = rows[name], 10 * np.sqrt(2 / (users - 1))
        assert row["difference"] == pytest.approx(EFFECT[name])
        assert (row["difference_lower"], row["difference_upper"]) == pytest.approx(
            (EFFECT[name] - norm.isf(0.025) * error, EFFECT[name] + norm.isf(0.025) * error)
        )
        assert (row["users"], row["control_users"], row["value"], row["control_value"]) == pytest.approx(
            (users, users, 20 + EFFECT[name], 20)
        )
        p_values.append(2 * norm.sf(abs(EFFECT[name]) / error))
        errors.append(error)
        assert row["p_value"] == pytest.approx(p_values[-1])
    by_holm = multipletests(p_values, method="holm")[1]
    assert [rows[name]["p_holm"] for name in SITES] == pytest.approx(list(by_holm))
    assert [rows[name]["status"] for name in SITES] == ["better", "unproven", "worse"]
    weights, effects = 1 / np.square(errors), np.array([EFFECT[name] for name in SITES])
    q = float((weights * (effects - np.average(effects, weights=weights)) ** 2).sum())
    assert [rows[name]["interaction_p_value"] for name in SITES] == pytest.approx([chi2.sf(q, 2)] * 3, rel=1e-6)


def test_purchases_by_segment_are_compared_by_the_score_test() -> None:
    rows = rows_of(judged(), PURCHASE)
    for name, users in SITES.items():
        before, after = users // 20, users // 20 + int(20 * EFFECT[name])
        expected = compare_arms(np.array([[users, users]]) * 1.0, np.array([[before, after]]) * 1.0, np.array([0]))
        row = rows[name]
        assert row["p_value"] == pytest.approx(expected.p_value[0, 1], abs=1e-12)
        assert row["difference_lower"] == pytest.approx(expected.difference_lower[0, 1])
        assert row["role"] == "observed"


def test_segments_of_several_arms_divide_the_level_and_holm_goes_over_segments() -> None:
    rows = rows_of(judged(A=arm({}), B=arm(EFFECT), C=arm({})), "revenue")
    for name in SITES:
        assert rows[name]["p_adjusted"] == pytest.approx(min(2 * rows[name]["p_value"], 1))
    by_holm = multipletests([rows[name]["p_adjusted"] for name in SITES], method="holm")[1]
    assert [rows[name]["p_holm"] for name in SITES] == pytest.approx(list(by_holm))


def test_segments_never_ship_and_look_at_nothing() -> None:
    judgement = judged(A=arm({}), B=arm(dict.fromkeys(SITES, 5.0)))  # the whole shows no difference
    (verdict,) = verdict_rows(judgement)
    assert verdict.decision == "inconclusive"
    rows = rows_of(judgement, "revenue")
    assert {row["status"] for row in rows.values()} == {"better"}
    assert {row["decision_lower"] for row in rows.values()} == {None}


def test_a_segment_without_control_has_no_comparison() -> None:
    control = arm({})
    only = [one for one in control.entries if one["segment"] != "site=MLM"]
    rows = rows_of(judged(A=Arm(N, 200, only), B=arm(EFFECT)), "revenue")
    row = rows["site=MLM"]
    assert (row["difference"], row["status"], row["control_users"], row["users"]) == (None, "not_tested", 0, 800)
    assert rows["site=MLA"]["p_holm"] == pytest.approx(min(2 * rows["site=MLA"]["p_adjusted"], 1))


def test_a_metric_without_segments_has_no_rows_of_segments() -> None:
    one = Arm(N, 200, [entry("revenue", N, 20.0)])
    columns = comparison_columns(judged(A=one, B=one))
    assert set(columns["segment"]) == {"all"}
