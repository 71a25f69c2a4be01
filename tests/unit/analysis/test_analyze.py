"""Counts at hand: every number against SciPy, statsmodels, numerical integration or a formula worked out by hand."""

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from abtest_lib import analyze
from abtest_lib.analysis.arms import Interval
from abtest_lib.bayes.engines import exact
from abtest_lib.contracts.enums import Decision, SrmStatus
from abtest_lib.errors import ConfigError, StatisticsError, UsageError

PAIR = {"A": (1000, 50), "B": (1000, 70)}
THREE = {"A": (1000, 50), "B": (1100, 70), "C": (900, 61)}
NAN = float("nan")


def ends_of(interval: Interval | None, arm: tuple[int, int], control: tuple[int, int]) -> tuple[float, float]:
    """The score z of both ends of an interval of the difference, with the likelihood maximised by SciPy."""
    assert interval is not None
    (x, n), (x0, n0) = arm, control

    def z(delta: float) -> float:
        def slope(q: float) -> float:
            return x / q - (n - x) / (1 - q) + x0 / (q - delta) - (n0 - x0) / (1 - q + delta)

        q = optimize.brentq(slope, max(delta, 0) + 1e-12, 1 + min(delta, 0) - 1e-12, xtol=1e-15)
        return float((x / n - x0 / n0 - delta) / math.sqrt(q * (1 - q) / n + (q - delta) * (1 - q + delta) / n0))

    return z(interval.lower), z(interval.upper)


def test_chi_square_over_all_arms_is_scipys() -> None:
    for counts in (PAIR, THREE):
        table = [[x, n - x] for n, x in counts.values()]
        wanted = stats.chi2_contingency(table, correction=False)
        found = analyze(counts, "A").chi_square
        assert found is not None
        assert (found.statistic, found.p_value) == pytest.approx((wanted.statistic, wanted.pvalue))
        assert found.dof == wanted.dof == len(counts) - 1


@pytest.mark.parametrize("counts", [PAIR, THREE])
def test_comparisons_are_statsmodels_score_intervals_at_bonferronis_level(counts: dict[str, tuple[int, int]]) -> None:
    analysis, pairs = analyze(counts, "A"), len(counts) - 1
    n0, x0 = counts["A"]
    assert analysis["A"].comparison is None
    for arm in list(counts)[1:]:
        n, x = counts[arm]
        found = analysis[arm].comparison
        assert found is not None
        z, p = proportions_ztest([x, x0], [n, n0])
        assert (found.statistic, found.p_value) == pytest.approx((z, p))
        assert found.p_adjusted == pytest.approx(min(1.0, pairs * p))
        critical = stats.norm.isf(0.025 / pairs)
        assert ends_of(found.difference_interval, (x, n), (x0, n0)) == pytest.approx((critical, -critical), abs=1e-5)
        low, high = confint_proportions_2indep(
            x, n, x0, n0, method="score", compare="ratio", alpha=0.05 / pairs, correction=False
        )
        assert found.lift_interval is not None
        assert (found.lift_interval.lower + 1, found.lift_interval.upper + 1) == pytest.approx((low, high), rel=1e-6)
        assert found.difference == pytest.approx(x / n - x0 / n0)
        assert found.lift == pytest.approx(x / n / (x0 / n0) - 1)


def test_posterior_with_a_flat_prior_is_the_beta_distribution() -> None:
    analysis = analyze(PAIR, "A", prior="flat")
    # A grid of both conversions, by which P(B > A) and the losses are sums.
    theta = (np.arange(4_000) + 0.5) / 4_000 * 0.15
    a, b = (stats.beta(x + 1, n - x + 1) for n, x in PAIR.values())
    weight = a.pdf(theta)[:, None] * b.pdf(theta)[None, :]
    weight /= weight.sum()
    b_is_better = (weight * (theta[None, :] > theta[:, None])).sum()
    loss = {
        "A": (weight * np.maximum(theta[None, :] - theta[:, None], 0)).sum(),
        "B": (weight * np.maximum(theta[:, None] - theta[None, :], 0)).sum(),
    }
    for arm, believed in (("A", a), ("B", b)):
        found = analysis[arm].posterior
        assert found is not None
        assert (found.mean, found.sd) == pytest.approx((believed.mean(), believed.std()))
        assert (found.interval.lower, found.interval.upper) == pytest.approx(believed.ppf([0.025, 0.975]), rel=0.02)
        assert found.expected_loss == pytest.approx(loss[arm], abs=3e-4)
    found = analysis["B"].posterior
    assert found is not None
    assert found.probability_beats_control == found.probability_best == pytest.approx(b_is_better, abs=0.012)
    assert analysis["A"].posterior is not None
    assert analysis["A"].posterior.probability_beats_control is None


def test_posterior_with_the_default_prior_is_that_of_a_plain_grid() -> None:
    # α and β on a fine grid in their logarithms; the mean of θ_B is a weighted sum of (α + x)/(α + β + n).
    log_a, log_b = (np.linspace(-7, 5, 700) for _ in range(2))
    alpha, beta = np.exp(log_a)[:, None], np.exp(log_b)[None, :]
    log_weight = np.log(alpha) + np.log(beta) - (alpha + beta) / 3
    for n, x in PAIR.values():
        log_weight = log_weight + stats.betabinom.logpmf(x, n, alpha, beta)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    for arm, (n, x) in PAIR.items():
        wanted = (weight * (alpha + x) / (alpha + beta + n)).sum()
        found = analyze(PAIR, "A")[arm].posterior
        assert found is not None
        assert found.mean == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("split", "shares"), [(None, (0.5, 0.5)), ([0.48, 0.52], (0.48, 0.52))])
def test_sample_ratio_is_scipys_test_against_the_split(split: list[float] | None, shares: tuple[float, float]) -> None:
    counts = {"A": (1000, 50), "B": (1040, 70)}
    found = analyze(counts, "A", split).sample_ratio
    wanted = stats.chisquare([1000, 1040], [2040 * share for share in shares]).pvalue
    assert found.p_value == pytest.approx(wanted)
    assert found.status is SrmStatus.OK
    assert tuple(found.shares.values()) == pytest.approx(shares)
    assert found.is_planned is (split is not None)


def test_a_plans_only_look_has_the_boundary_of_a_single_test() -> None:
    assert analyze(PAIR, "A").planned.looks["B"].boundary == pytest.approx(stats.norm.isf(0.025))
    looks = analyze(THREE, "A").planned.looks
    assert [look.boundary for look in looks.values()] == pytest.approx([stats.norm.isf(0.0125)] * 2, rel=1e-6)
    assert list(looks) == ["B", "C"]


def test_without_a_plan_the_boundary_is_the_normal_mixtures() -> None:
    # By hand: both arms convert 6 %, the harmonic number of users is 500, so I = 500·0.06/0.94.
    information, tau = 500 * 0.06 / 0.94, 75
    wanted = math.sqrt((information + tau) / information * math.log((information + tau) / (tau * 0.05**2)))
    look = analyze(PAIR, "A").unplanned.looks["B"]
    assert look.boundary == pytest.approx(wanted)
    assert ends_of(look.interval, (70, 1000), (50, 1000)) == pytest.approx((wanted, -wanted), abs=1e-5)


def test_a_gain_is_shipped_by_the_plan_and_open_without_one() -> None:
    # z = 0.009/√(0.0545·0.9455/5,000) = 2.80: beyond 1.96, and within the 3.09 of the mixture at I = 288.
    analysis = analyze({"old": (10_000, 500), "new": (10_000, 590)}, control="old")
    assert (analysis.planned.decision, analysis.unplanned.decision) == (Decision.SHIP, Decision.INCONCLUSIVE)
    assert analysis.planned.reasons == ("proven_gain",)
    assert "Ship new" in analysis.planned.explanation
    swapped = analyze({"old": (10_000, 500), "new": (10_000, 590)}, control="new")
    assert swapped.planned.decision is Decision.KEEP_CONTROL
    assert "proven_loss" in swapped.planned.reasons


def test_users_in_other_shares_than_planned_make_every_verdict_invalid() -> None:
    analysis = analyze({"A": (1000, 50), "B": (1200, 90)}, "A", {"B": 0.5, "A": 0.5})
    assert analysis.sample_ratio.status is SrmStatus.MISMATCH
    assert analysis.planned.decision is analysis.unplanned.decision is Decision.INVALID
    assumed = analyze({"A": (1000, 50), "B": (1200, 90)}, "A")
    assert assumed.planned.decision is Decision.INCONCLUSIVE
    assert "allocation_undeclared" in assumed.planned.reasons


def test_few_conversions_are_not_tested() -> None:
    analysis = analyze({"A": (100, 5), "B": (100, 9)}, "A")
    assert analysis.planned.decision is analysis.unplanned.decision is Decision.INCONCLUSIVE
    assert "too_few_conversions" in analysis.planned.reasons
    assert analysis.planned.looks["B"].boundary is None
    assert analysis.planned.looks["B"].interval is None


def test_an_arm_without_users_is_shown_and_not_judged() -> None:
    analysis = analyze({"A": (1000, 50), "B": (1000, 70), "C": (0, 0)}, "A")
    assert [arm.id for arm in analysis.arms] == ["A", "B", "C"]
    assert (analysis["C"].posterior, analysis["C"].comparison, analysis["C"].conversion) == (None, None, None)
    assert analysis["B"].comparison == analyze(PAIR, "A")["B"].comparison
    assert list(analysis.planned.looks) == ["B"]


@pytest.mark.parametrize(
    ("arms", "control"), [(("10", "9"), "9"), (("a", "control"), "control"), (("B", "A", "C"), "A")]
)
def test_the_control_that_nobody_names(arms: tuple[str, ...], control: str) -> None:
    analysis = analyze(dict.fromkeys(arms, (1000, 50)))
    assert analysis.control == control
    assert [arm.id for arm in analysis.arms if arm.is_control] == [control]
    assert ("control_assumed" in analysis.planned.reasons) is (control != "control")


def test_the_order_of_the_arms_changes_no_number() -> None:
    one, other = analyze(THREE, "A"), analyze(dict(reversed(THREE.items())), "A")
    assert [one[arm] for arm in THREE] == [other[arm] for arm in THREE]
    assert [arm.id for arm in other.arms] == ["C", "B", "A"]
    assert one.planned.decision == other.planned.decision


def test_the_seed_makes_the_numbers() -> None:
    assert analyze(PAIR, "A").to_dict() == analyze(PAIR, "A").to_dict()
    assert analyze(PAIR, "A", seed=1)["B"].interval != analyze(PAIR, "A", seed=2)["B"].interval


def test_results_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        analyze(PAIR).control = "B"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("counts", "more", "message"),
    [
        (
            {"A": (1000, -1), "B": (1000, 70)},
            {},
            "arm 'A' has -1 conversions: conversions must be a whole number from 0",
        ),
        ({"A": (-5, 0), "B": (1000, 70)}, {}, "arm 'A' has -5 users: users must be a whole number from 0"),
        (
            {"A": (50, 51), "B": (9, 7)},
            {},
            "arm 'A' has 51 conversions by 50 users: conversions must lie between 0 and",
        ),
        ({"A": (1000, 50)}, {}, "counts of 1 arm: there must be 2 to 50"),
        ({}, {}, "counts of 0 arms: there must be 2 to 50"),
        ({str(arm): (9, 1) for arm in range(51)}, {}, "counts of 51 arms: there must be 2 to 50"),
        ({"A": (1000, NAN), "B": (1000, 70)}, {}, "arm 'A' has nan conversions: conversions must be a whole number"),
        ({"A": (math.inf, 1), "B": (1000, 70)}, {}, "arm 'A' has inf users: users must be a whole number"),
        ({"A": (1000, 50.5), "B": (1000, 70)}, {}, "arm 'A' has 50.5 conversions: conversions must be a whole number"),
        ({"A": (1000, True), "B": (1000, 70)}, {}, "arm 'A' has True conversions"),
        ({"A": (1000, "50"), "B": (1000, 70)}, {}, "arm 'A' has '50' conversions"),
        ({"A": (1000, None), "B": (1000, 70)}, {}, "arm 'A' has None conversions"),
        ({"A": 1000, "B": (1000, 70)}, {}, "arm 'A' has 1000: must be (users, conversions)"),
        ({"A": (1, 2, 3), "B": (1000, 70)}, {}, "arm 'A' has (1, 2, 3): must be (users, conversions)"),
        ({"A": (10**10 + 1, 2), "B": (9, 7)}, {}, "arm 'A' has 10000000001 users: at most 10,000,000,000 are allowed"),
        ({1: (1000, 50), "B": (1000, 70)}, {}, "arm 1: the name of an arm must be a text, such as 'A'"),
        ([(1000, 50), (1000, 70)], {}, "counts is [(1000, 50), (1000, 70)]: must be a mapping of arm to"),
        ({"A": (0, 0), "B": (9, 7)}, {}, "only arm 'B' has users: a comparison needs two arms with users"),
        ({"A": (0, 0), "B": (0, 0)}, {}, "no arm has users: a comparison needs two arms with users"),
        (PAIR | {"C": (0, 0)}, {"control": "C"}, "control 'C' has 0 users: the control must have users"),
        (PAIR, {"control": "Z"}, "control 'Z' is no arm: the arms are A, B"),
        (PAIR, {"split": [0.5, 0.6]}, "split: the shares sum to 1.1: they must sum to 1"),
        (PAIR, {"split": [0.5]}, "split of 1 shares: there must be one for each of the 2 arms"),
        (PAIR, {"split": [NAN, 0.5]}, "split: the share of arm 'A' is nan: must lie between 0 and 1"),
        (PAIR, {"split": [0.0, 1.0]}, "split: the share of arm 'A' is 0.0: must lie between 0 and 1"),
        (PAIR, {"split": ["half", 0.5]}, "split: the share of arm 'A' is 'half': must lie between 0 and 1"),
        (PAIR, {"split": {"A": 0.5, "C": 0.5}}, "split of the arms A, C: must name exactly A, B"),
        (PAIR, {"split": 0.5}, "split is 0.5: must be shares by arm, or in the order of the counts"),
    ],
)
def test_impossible_counts_are_one_line_with_value_place_and_what_is_allowed(
    counts: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(StatisticsError) as caught:
        analyze(counts, **more)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_of_other_types_are_counts() -> None:
    plain = analyze(PAIR, "A", [0.5, 0.5])
    for number in (np.int64, np.float64, float, Fraction):
        counts = {arm: tuple(map(number, pair)) for arm, pair in PAIR.items()}
        assert analyze(counts, "A", np.array([0.5, 0.5])).to_dict() == plain.to_dict()


def test_an_unknown_prior_and_an_unknown_arm() -> None:
    with pytest.raises(ConfigError, match="unknown prior 'cauchy'"):
        analyze(PAIR, prior="cauchy")
    with pytest.raises(UsageError, match="no arm 'Q': the arms are A, B"):
        analyze(PAIR)["Q"]


def test_a_posterior_that_fails_is_said_and_not_computed_by_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "COARSENING_LIMIT", -1.0)
    analysis = analyze(PAIR, "A")
    assert analysis["B"].posterior is None
    assert "quadrature changed" in str(analysis["B"].problem)
    assert "quadrature changed" in analysis.to_text(200)
    assert analysis["B"].comparison is not None
    assert analysis.engine == "exact"


def test_it_prints_in_a_terminal_and_in_a_notebook() -> None:
    analysis = analyze({"A": (1000, 50), "<b>B[bold]": (1000, 70)}, "A")
    assert repr(analysis) == str(analysis)
    wide = analysis.to_text(160)
    assert "<b>B[bold]" in wide
    assert "├" in wide
    assert "chi-square 3.55 with 1 degree of freedom, p = 0.0597" in wide
    assert max(map(len, analysis.to_text(60).splitlines())) <= 60
    html = analysis._repr_html_()
    assert "&lt;b&gt;B[bold]" in html
    assert "<b>B" not in html
    assert html.count("<tr>") == 3


def test_a_frame_has_one_row_for_each_arm() -> None:
    frame = analyze(PAIR, "A").to_pandas()
    assert list(frame["variant_id"]) == ["A", "B"]
    assert frame.loc[1, "difference"] == pytest.approx(0.02)
    assert frame.loc[1, "observed_lift"] == pytest.approx(0.4)
    assert math.isnan(frame.loc[0, "p_value"])


def test_plots_have_a_curve_and_an_interval_for_each_arm() -> None:
    analysis = analyze(THREE, "A")
    assert len(analysis.plot().data) == 6
    assert len(analysis.plot("lift").data) == 4
    with pytest.raises(UsageError, match="unknown kind of plot 'pie': the kinds are conversion, lift"):
        analysis.plot("pie")


def loaded(program: str) -> set[str]:
    program = f"import sys\n{program}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    return set(run.stdout.split())


def test_imports_are_light() -> None:
    heavy = {"pyspark", "delta", "jax", "numpyro", "arviz", "plotly", "pandas", "scipy.stats", "scipy.fft", "streamlit"}
    analyzed = "from abtest_lib import analyze\nrepr(analyze({'A': (1000, 50), 'B': (1000, 70)}))"
    assert not loaded("import abtest_lib") & {*heavy, "numpy", "scipy", "rich", "pydantic", "deltalake"}
    assert not loaded("from abtest_lib import analyze, open_lake") & {*heavy, "deltalake"}
    assert not loaded(analyzed) & heavy
