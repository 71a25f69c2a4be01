"""Laws: labels, the order of rows and other experiments change nothing, and no two results contradict."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from abtest_lib.contracts.enums import CrossExposed, Decision
from abtest_lib.registry import Allocation, Experiment, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import Verdict, verdict_rows

ARMS = ("A", "B", "C")
START = np.datetime64("2021-08-01")
Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]


def history(
    seed: int, name: str, days: int, rates: Sequence[float], daily: int, labels: Sequence[str] = ARMS
) -> Columns:
    """Draw counts of one experiment, with a posterior by normal approximation."""
    rng = np.random.default_rng(seed)
    shape = (days, len(rates))
    entered = rng.poisson(daily, shape)
    bought = rng.binomial(entered, rates)
    switched = rng.binomial(entered, 0.02)
    users, purchases, cross = entered.cumsum(axis=0), bought.cumsum(axis=0), switched.cumsum(axis=0)
    p = (purchases + 1) / (users + 2)
    error = np.sqrt(p * (1 - p) / (users + 3))
    belief = ndtr((p - p[:, :1]) / np.hypot(error, error[:, :1]))
    # In the order of the rates: where two arms surely beat the control, one of them is still better.
    best = np.exp((p - p.max(axis=1, keepdims=True)) / error.max(axis=1, keepdims=True))
    day, arm = np.indices(shape).reshape(2, -1)
    return {
        "experiment_name": np.array([name] * day.size),
        "variant_id": np.array(labels)[arm],
        "day": START + day,
        "period_start": np.full(day.size, START),
        "users": users.ravel(),
        "purchases": purchases.ravel(),
        "cross_exposed_users": cross.ravel(),
        "cross_exposed_purchases": np.minimum(rng.binomial(cross, p), purchases).ravel(),
        "probability_beats_control": belief.ravel(),
        "probability_best": (best / best.sum(axis=1, keepdims=True)).ravel(),
        "day_users": entered.ravel(),
        "day_purchases": bought.ravel(),
    }


def declare(name: str, labels: Sequence[str], planned: int | None) -> Experiment:
    shares = tuple((label, 1 / len(labels)) for label in labels)
    return Experiment(name, control=labels[0], planned_users=planned, allocations=(Allocation(None, shares),))


def judge_all(
    columns: Columns, experiments: Sequence[Experiment], policy: CrossExposed = CrossExposed.FIRST
) -> list[Judgement]:
    context = Context(Registry({item.name: item for item in experiments}), policy=policy)
    return [judge(panel) for panel in build_panels(columns, context)]


def verdicts_by_day(judgements: Sequence[Judgement], name: str) -> dict[date, Verdict]:
    return {v.day: v for j in judgements for v in verdict_rows(j) if v.experiment_name == name}


experiments = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "days": st.integers(1, 8),
        "rates": st.tuples(*[st.sampled_from([0.02, 0.05, 0.06, 0.08])] * 3),
        "daily": st.sampled_from([40, 400, 2000]),
    }
)
plans = st.sampled_from([None, 3000, 12_000, 30_000])


@settings(max_examples=15, deadline=None)
@given(experiments, plans, st.permutations(["9", "10", "x"]))
@example({"seed": 0, "days": 4, "rates": (0.02, 0.05, 0.05), "daily": 2000}, None, ["9", "x", "10"])
def test_relabelling_the_arms_relabels_the_verdict(
    drawn: dict[str, Any], planned: int | None, labels: list[str]
) -> None:
    renamed = dict(zip(ARMS, labels, strict=True))
    ours = judge_all(history(**drawn, name="e"), [declare("e", ARMS, planned)])
    theirs = judge_all(history(**drawn, name="e", labels=labels), [declare("e", labels, planned)])
    assume(_has_one_winner_a_day(ours[0]))  # of two arms with equal counts the lower id is named
    mine, other = verdicts_by_day(ours, "e"), verdicts_by_day(theirs, "e")
    assert mine.keys() == other.keys()
    for day, verdict in mine.items():
        assert other[day].decision == verdict.decision
        assert other[day].reasons == verdict.reasons
        assert other[day].decided_on == verdict.decided_on
        assert other[day].control_id == renamed[str(verdict.control_id)]
        assert other[day].winner == (renamed[verdict.winner] if verdict.winner else None)
    rows, others = _comparisons(ours[0]), _comparisons(theirs[0])
    assert {(w, d, renamed[v]) for w, d, v in rows} == set(others)
    for (window, day_, variant), values in rows.items():
        for value, same in zip(values, others[window, day_, renamed[variant]], strict=True):
            if isinstance(value, str):
                assert same == value
                continue
            assert (value is None) == (same is None)
            assert value is None or abs(value - same) < 1e-9 * max(abs(value), 1)


def _has_one_winner_a_day(judgement: Judgement) -> bool:
    rows = judgement.panel.probability_best[0]
    return bool(((rows == rows.max(axis=1, keepdims=True)).sum(axis=1) == 1).all())


def _comparisons(judgement: Judgement) -> Mapping[tuple[str, date, str], tuple[float | None, ...]]:
    columns = comparison_columns(judgement)
    numbers = [
        name
        for name in columns
        if name not in {"window", "metric", "day", "experiment_name", "variant_id", "control_id"}
    ]
    keys = zip(columns["window"], columns["day"], columns["variant_id"], strict=True)
    return dict(zip(keys, zip(*(columns[name] for name in numbers), strict=True), strict=True))


@settings(max_examples=10, deadline=None)
@given(st.lists(experiments, min_size=1, max_size=5), plans, st.randoms(use_true_random=False))
def test_order_and_other_experiments_do_not_matter(
    drawn: list[dict[str, Any]], planned: int | None, random: Any
) -> None:
    names = [f"e{index}" for index in range(len(drawn))]
    parts = [history(**one, name=name) for one, name in zip(drawn, names, strict=True)]
    declared = [declare(name, ARMS, planned) for name in names]
    together = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    order = list(range(len(together["day"])))
    random.shuffle(order)
    shuffled = judge_all({key: values[order] for key, values in together.items()}, declared)
    for name, part in zip(names, parts, strict=True):
        alone = verdicts_by_day(judge_all(part, declared), name)
        assert verdicts_by_day(shuffled, name) == alone
        assert len(alone) > 0


@settings(max_examples=30, deadline=None)
@given(experiments, plans, st.sampled_from(list(CrossExposed)))
def test_verdict_interval_and_posterior_never_contradict(
    drawn: dict[str, Any], planned: int | None, policy: CrossExposed
) -> None:
    (result,) = judge_all(history(**drawn, name="e"), [declare("e", ARMS, planned)], policy)
    panel, lower, upper = result.panel, result.evidence.lower[0], result.evidence.upper[0]
    for t, verdict in enumerate(verdict_rows(result)):
        decided = 0 if verdict.decided_on is None else (verdict.decided_on - date(2021, 8, 1)).days
        arm = ARMS.index("B") if "Ship B" in verdict.explanation else ARMS.index("C")
        belief = panel.probability_beats_control[0]
        pairs = result.evidence.is_compared[0, t]
        if verdict.decision == Decision.SHIP:
            assert lower[t, arm] > 0
            assert not lower[t, arm] > upper[t, arm]
            assert belief[decided, arm] >= 0.95
        elif "proven_loss" in verdict.reasons:
            assert (upper[t, pairs] < 0).all()
            assert (belief[decided, pairs] < 0.5).all()
        elif "futility" in verdict.reasons:
            assert not (lower[t, pairs] > 0).any()
        assert (verdict.decision == Decision.INVALID) == (not verdict.is_valid)
        assert (verdict.decided_on is None) == (verdict.decision in {Decision.INCONCLUSIVE, Decision.INVALID})
        assert verdict.explanation.endswith(".")
    for values in _comparisons(result).values():
        _check_comparison(values)


def _check_comparison(values: Sequence[float | None]) -> None:
    """Check that simultaneous intervals and Bonferroni p-values agree."""
    difference, low, high, _, lift_low, lift_high, statistic, _, p_adjusted = values[:9]
    if difference is None or low is None or high is None:
        return
    assert low <= difference <= high
    if p_adjusted is not None and abs(p_adjusted - 0.05) > 1e-9:
        excludes = low > 0 or high < 0
        assert excludes == (p_adjusted < 0.05)
        if lift_low is not None and lift_high is not None:
            assert (lift_low > 0 or lift_high < 0) == excludes
        assert statistic is not None
        assert (statistic > 0) == (difference > 0)


@settings(max_examples=40, deadline=None)
@given(experiments, plans, st.tuples(*[st.integers(0, 4)] * 3), st.integers(1, 8), st.booleans())
def test_a_day_uses_nothing_that_came_later(
    drawn: dict[str, Any],
    planned: int | None,
    starts: tuple[int, ...],
    until: int,
    is_registered: bool,  # noqa: FBT001
) -> None:
    columns = history(**drawn, name="e")
    offset = (columns["day"] - START).astype(int)
    begun = offset >= np.array(starts)[np.searchsorted(np.array(ARMS), columns["variant_id"])]
    if not begun.any():
        return
    whole = {key: values[begun] for key, values in columns.items()}
    early = {key: values[offset[begun] < until] for key, values in whole.items()}
    declared = [declare("e", ARMS, planned)] if is_registered else []
    (result,) = judge_all(whole, declared)
    expected = [v for v in verdict_rows(result) if v.day < date(2021, 8, 1) + timedelta(days=until)]
    judgements = judge_all(early, declared)
    assert [v for j in judgements for v in verdict_rows(j)] == expected
    rows = _comparisons(result)
    for judgement in judgements:
        for key, values in _comparisons(judgement).items():
            assert rows[key] == values
