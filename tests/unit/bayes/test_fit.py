"""Fitting: published cases, laws, bad groups, and independence of batches."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abtest_lib.bayes import fit
from abtest_lib.bayes.engines.engine import Counts, HyperDraws
from abtest_lib.bayes.engines.exact import ExactEngine
from abtest_lib.bayes.engines.mcmc import McmcEngine
from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.posterior import ArmPosterior, GroupPosterior
from abtest_lib.bayes.priors import DEFAULT_PRIOR, ExponentialPrior, prior_by_name
from abtest_lib.bayes.version import MODEL_VERSION

EXACT = FitConfig("exact", DEFAULT_PRIOR, 20)
MCMC = FitConfig("mcmc", DEFAULT_PRIOR, 20)


def group(*counts: tuple[str, int, int], name: str = "x", control: str | None = None) -> Group:
    return Group("day", "2021-08-01", name, "purchase", tuple(Arm(*arm) for arm in counts), control)


def fit_one(one: Group, config: FitConfig) -> GroupPosterior:
    (result,) = fit_groups([one], config)
    return result


def probabilities(result: GroupPosterior) -> list[float]:
    found = [arm.numbers.probability_best for arm in result.arms]
    assert all(value is not None for value in found)
    return [value for value in found if value is not None]


def test_a_published_case_of_three_arms() -> None:
    """3/10, 2/10 and 2/11 with Beta(1, 2) priors: exact values by quadrature of ∫ f_v ∏ F_w dθ."""
    published = group(("A", 10, 3), ("B", 10, 2), ("C", 11, 2))
    found = probabilities(fit_one(published, FitConfig("exact", prior_by_name("beta(1, 2)"), 3)))
    exact = np.array([0.5711, 0.2371, 0.1917])
    errors = np.sqrt(exact * (1 - exact) / 3000)
    np.testing.assert_array_less(np.abs(np.array(found) - exact), 4 * errors)


@pytest.mark.parametrize("config", [EXACT, MCMC], ids=["exact", "mcmc"])
def test_relabelling_arms_relabels_the_result(config: FitConfig) -> None:
    plain = fit_one(group(("A", 500, 40), ("B", 700, 30), ("C", 20, 1), control="A"), config)
    moved = fit_one(group(("a", 20, 1), ("k", 700, 30), ("z", 500, 40), control="z"), config)
    assert [arm.numbers for arm in plain.arms] == [arm.numbers for arm in reversed(moved.arms)]


def width(arm: ArmPosterior, name: str) -> float:
    return float(getattr(arm.numbers, f"{name}_upper") - getattr(arm.numbers, f"{name}_lower"))


@given(
    users=st.integers(20, 500),
    share=st.floats(0.05, 0.95),
    factor=st.integers(20, 50),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_more_users_at_the_same_rate_narrow_every_interval(users: int, share: float, factor: int) -> None:
    purchases = round(users * share)
    few = fit_one(group(("A", users, purchases), ("B", users, users - purchases), control="A"), EXACT)
    many = fit_one(
        group(
            ("A", users * factor, purchases * factor), ("B", users * factor, (users - purchases) * factor), control="A"
        ),
        EXACT,
    )
    for before, after in zip(few.arms, many.arms, strict=True):
        assert width(after, "interval") < width(before, "interval")
        assert width(after, "hdi") < width(before, "hdi")
    assert width(many.arms[1], "lift") < width(few.arms[1], "lift")


def test_bad_groups_are_marked_and_the_others_finish() -> None:
    good = group(("A", 10, 1), ("B", 10, 2), name="good\n|'; DROP")
    bad = [
        group(("A", 10, 11), ("B", 10, 2)),
        group(("A", 10, 1)),
        group(("A", 0, 0), ("B", 0, 0)),
        group(*((str(i), 5, 1) for i in range(1000))),
    ]
    results = list(fit_groups([*bad[:2], good, *bad[2:]], EXACT))
    assert [result.status for result in results] == ["failed", "failed", "ok", "failed", "failed"]
    for result in results:
        assert (result.reason is None) == (result.status == "ok")
        rows = list(result.rows())
        assert len(rows) == len(result.group.arms)
        assert all(row["model_version"] == MODEL_VERSION for row in rows)
        assert all((row["conversion_mean"] is None) == (result.status == "failed") for row in rows)


def test_an_arm_without_users_is_marked_alone() -> None:
    result = fit_one(group(("A", 100, 10), ("B", 0, 0), ("C", 100, 12), control="B"), EXACT)
    rows = {row["variant_id"]: row for row in result.rows()}
    assert (rows["B"]["status"], rows["B"]["reason"]) == ("failed", "no users in this arm")
    assert rows["B"]["probability_best"] is None
    assert (rows["A"]["status"], rows["A"]["probability_beats_control"]) == ("ok", None)
    assert rows["A"]["probability_best"] + rows["C"]["probability_best"] == pytest.approx(1.0)


def test_no_conversion_anywhere_among_millions_is_no_tie() -> None:
    result = fit_one(group(("A", 20_000_000, 0), ("B", 20_000_000, 0), control="A"), EXACT)
    assert result.status == "ok"
    assert probabilities(result) == pytest.approx([0.5, 0.5], abs=0.04)
    assert result.arms[1].numbers.lift_median is None
    assert result.arms[1].numbers.probability_beats_control == pytest.approx(0.5, abs=0.04)


class RejectingEngine(ExactEngine):
    """An engine that rejects its draws of one group and fails on another."""

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        if any(counts.users[0] == 66 for counts in groups):
            raise FloatingPointError("broken\nat 66")
        draws = super().draw(groups, prior)
        return [
            replace(drawn, problem="distrusted") if counts.users[0] == 55 else drawn
            for counts, drawn in zip(groups, draws, strict=True)
        ]


def test_the_other_engine_refits_a_failure_and_marks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [group((name, users, 5), ("B", 90, 9)) for name, users in (("A", 44), ("A", 55), ("A", 66))]
    monkeypatch.setattr(fit, "McmcEngine", RejectingEngine)
    results = list(fit_groups(groups, MCMC))
    assert [result.status for result in results] == ["ok", "refitted", "refitted"]
    assert [result.engine for result in results] == ["mcmc", "exact", "exact"]
    assert results[1].reason == "mcmc: distrusted; fitted again by exact"
    assert results[2].reason == "mcmc: the engine failed with broken at 66; fitted again by exact"

    monkeypatch.setattr(fit, "ExactEngine", RejectingEngine)
    results = list(fit_groups(groups, MCMC))
    assert [result.status for result in results] == ["ok", "failed", "failed"]
    assert results[1].reason == "mcmc: distrusted; exact: distrusted"
    assert all(arm.numbers.conversion_mean is None for arm in results[1].arms)


def random_counts(number: int, arms: int) -> Counts:
    rng = np.random.default_rng(number)
    users = np.exp(rng.uniform(1, 15, arms)).astype(int)
    return Counts(
        rng.binomial(users, rng.choice([0.0, 0.02, 0.4])).astype(float), users.astype(float), int(rng.integers(2**60))
    )


@pytest.mark.parametrize("engine", [ExactEngine(), McmcEngine()], ids=["exact", "mcmc"])
def test_a_group_has_the_same_bits_in_every_batch(engine: ExactEngine | McmcEngine) -> None:
    groups = [random_counts(number, arms) for number, arms in enumerate([2] * 40 + [3, 4, 4, 3])]
    together = engine.draw(groups, DEFAULT_PRIOR)
    rng = np.random.default_rng(5)
    for order in (rng.permutation(len(groups)), rng.permutation(len(groups))[:17], [7], [41]):
        for place, drawn in zip(order, engine.draw([groups[i] for i in order], DEFAULT_PRIOR), strict=True):
            np.testing.assert_array_equal(drawn.alpha, together[place].alpha)
            np.testing.assert_array_equal(drawn.beta, together[place].beta)


def test_the_seed_decides_and_nothing_else() -> None:
    one = group(("A", 100, 10), ("B", 100, 12))
    first, again, other = (fit_one(one, FitConfig("exact", DEFAULT_PRIOR, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.arms != other.arms
    assert first.arms[0].numbers.conversion_mean == pytest.approx(other.arms[0].numbers.conversion_mean, rel=1e-9)


def test_every_number_of_arms_fits_some_shape() -> None:
    groups = [group(*((str(i), 50, i % 7) for i in range(arms)), name=str(arms)) for arms in (2, 5, 33, 128)]
    results = list(fit_groups(groups, EXACT))
    assert [result.status for result in results] == ["ok"] * 4
    assert all(sum(probabilities(result)) == pytest.approx(1.0) for result in results)
