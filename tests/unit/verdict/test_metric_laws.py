"""The rule of goals and guardrails against a slow re-implementation, and that metrics change nothing unasked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from abtest_lib.metrics import PURCHASE
from abtest_lib.registry import Experiment
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import verdict_columns, verdict_rows
from tests.unit.verdict.metric_worlds import Arm, declare, entry, judge_days, metric

N, SD, BASE = 5_000, 10.0, 20.0
NAMES = ("m0", "m1", "m2", "m3")
DIRECTIONS = {"m0": "up", "m1": "down", "m2": "up", "m3": "down"}
METRICS = [metric(name, direction=DIRECTIONS[name]) for name in NAMES]
MEANS = st.sampled_from([19.0, 19.5, 19.8, 20.0, 20.2, 20.5, 21.0, 22.0])
LIKELY = st.sampled_from([0.5, 0.94, 0.96, 0.99])
Values = Mapping[str, Mapping[str, tuple[float, float]]]
"""Arm to metric to its mean and the probability that it is better than the control."""


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Values, Experiment]:
    arms = ("A", "B", "C", "D")[: draw(st.integers(2, 4))]
    names = draw(st.permutations(NAMES))
    goals = draw(st.integers(1, 3))
    rails = names[goals : goals + draw(st.integers(0, 4 - goals))]
    margins = {name: draw(st.sampled_from([0.01, 0.02, 0.05])) for name in rails}
    values = {arm: {name: (draw(MEANS), draw(LIKELY)) for name in NAMES} for arm in arms}
    values["A"] = dict.fromkeys(NAMES, (BASE, 0.5))
    planned = len(arms) * N
    return values, declare(arms=arms, planned=planned, goals=names[:goals], guardrails=margins)


def slow_decision(values: Values, item: Experiment) -> tuple[str, str | None, str]:
    """Return decision, shipped arm, and metric, straight from the text of the rule."""
    others = [arm for arm in values if arm != "A"]
    error = SD * sqrt(2 / (N - 1))

    def ends(arm: str, name: str) -> tuple[float, float]:
        level = 0.05 / (len(item.goals) if name in item.goals else 1) / len(others)
        gain = (values[arm][name][0] - BASE) * (1 if DIRECTIONS[name] == "up" else -1)
        return gain - norm.isf(level / 2) * error, gain + norm.isf(level / 2) * error

    decisive = [*item.goals, *(guardrail.metric for guardrail in item.guardrails)]
    worse = {arm: {name for name in decisive if ends(arm, name)[1] < 0} for arm in others}
    cleared = {arm: all(ends(arm, rail.metric)[0] > -rail.margin * BASE for rail in item.guardrails) for arm in others}
    for goal in item.goals:
        eligible = [arm for arm in others if cleared[arm] and not worse[arm] - {goal}]
        if not eligible:
            continue
        best = max(eligible, key=lambda arm: sum(ends(arm, goal)))
        if ends(best, goal)[0] > 0 and values[best][goal][1] >= 0.95:
            return "ship", best, goal
    if all(worse.values()):
        return "keep_control", None, item.goals[0]
    gains = [arm for arm, goal in product(others, item.goals) if ends(arm, goal)[0] > 0 and not worse[arm]]
    return ("inconclusive" if gains else "keep_control"), None, item.goals[0]


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_one_day_is_judged_as_the_rule_says(world: tuple[Values, Experiment]) -> None:
    values, item = world
    arms = {
        arm: Arm(N, 250, [entry(name, N, mean, SD, likely=likely) for name, (mean, likely) in found.items()])
        for arm, found in values.items()
    }
    judgement = judge_days([arms], item, METRICS)
    (verdict,) = verdict_rows(judgement)
    decision, shipped, name = slow_decision(values, item)
    assert (verdict.decision, verdict.metric) == (decision, name)
    found = judgement.decisions.arm[0, 0]
    tied = shipped is not None and len({values[arm][name][0] for arm in values}) < len(values)
    assert tied or (None if found < 0 else judgement.panel.arms[0][found]) == shipped
    assert verdict.explanation.endswith(".")


def history(days: int, seed: int) -> list[dict[str, Arm]]:
    rng = np.random.default_rng(seed)
    users = rng.poisson(800, (days, 3)).cumsum(axis=0)
    bought = rng.binomial(rng.poisson(800, (days, 3)), [0.05, 0.07, 0.04]).cumsum(axis=0)
    means = rng.normal(20, 0.5, (days, 3, 4))
    return [
        {
            arm: Arm(
                int(users[t, k]),
                int(bought[t, k]),
                [entry(name, int(users[t, k]), means[t, k, m]) for m, name in enumerate(NAMES)],
                0.99 if arm == "B" else 0.2,
            )
            for k, arm in enumerate("ABC")
        }
        for t in range(days)
    ]


@pytest.mark.parametrize(("planned", "periods"), [(None, (0,)), (20_000, (0,)), (20_000, (0, 4)), (None, (0, 4))])
def test_metrics_that_nobody_declared_change_nothing(planned: int | None, periods: Sequence[int]) -> None:
    """Verdicts and conversion's comparisons are equal to the last bit with and without a catalogue."""
    item = declare(arms="ABC", planned=planned)
    for seed in range(10):
        days = history(10, seed)
        plain = [{name: replace(arm, entries=()) for name, arm in day.items()} for day in days]
        without = judge_days(plain, item, has_column=False, period_starts=periods)
        with_metrics = judge_days(days, item, METRICS, period_starts=periods)
        assert verdict_columns(without) == verdict_columns(with_metrics)
        assert conversion(without) == conversion(with_metrics)


def conversion(judgement: Judgement) -> list[tuple[Any, ...]]:
    columns = comparison_columns(judgement)
    rows = [
        row for row in zip(*columns.values(), strict=True) if row[0:2] in {("to_date", PURCHASE), ("day", PURCHASE)}
    ]
    assert rows
    return rows


@pytest.mark.parametrize("planned", [None, 20_000])
def test_a_day_uses_nothing_that_came_later(planned: int | None) -> None:
    item = declare(arms="ABC", planned=planned, goals=["m0", "m2"], guardrails={"m1": 0.05})
    for seed in range(5):
        days = history(8, seed)
        whole = verdict_rows(judge_days(days, item, METRICS))
        for until in (1, 4, 7):
            assert verdict_rows(judge_days(days[:until], item, METRICS)) == whole[:until]
