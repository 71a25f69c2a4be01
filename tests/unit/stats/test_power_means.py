"""Users that means need: against the textbook formula, and against simulated Z statistics."""

import numpy as np
import pytest

from abtest_lib.errors import StatisticsError
from abtest_lib.stats.power import Design, Rule, users_per_arm
from abtest_lib.stats.power_means import Test as MeanTest
from abtest_lib.stats.power_means import UserValues, guardrail_test, measure_values, users_for_lift
from abtest_lib.stats.sums import Sums

REVENUE = UserValues(mean=10.0, sd=20.0)


def test_one_look_needs_the_textbook_number() -> None:
    # 2·(1.959964 + 0.841621)²·20²/0.5² = 25,116.4
    assert users_for_lift(REVENUE, MeanTest(), 0.05) == 25_117
    assert users_for_lift(REVENUE, MeanTest(), -0.05) == 25_117


def test_a_covariate_saves_its_squared_correlation() -> None:
    adjusted = users_for_lift(UserValues(10.0, 20.0, 0.7), MeanTest(), 0.05)
    assert adjusted == pytest.approx(25_116.4 * 0.51, abs=1)


@pytest.mark.parametrize("rule", list(Rule))
def test_a_rare_conversion_needs_about_what_conversions_need(rule: Rule) -> None:
    p = 0.02
    mean = users_for_lift(UserValues(p, float(np.sqrt(p * (1 - p)))), MeanTest(rule=rule), 0.01)
    assert mean == pytest.approx(users_per_arm(Design(p, rule=rule), 0.01), rel=0.01)


def test_more_looks_and_more_arms_need_more_users() -> None:
    fixed, planned, unplanned = (users_for_lift(REVENUE, MeanTest(rule=rule), 0.05) for rule in Rule)
    assert fixed < planned < unplanned
    assert users_for_lift(REVENUE, MeanTest(arms=3), 0.05) > fixed


def test_guardrails_share_the_false_negatives_only() -> None:
    shared = guardrail_test(MeanTest(power=0.8, alpha=0.05), 4)
    assert (shared.power, shared.alpha) == (pytest.approx(0.95), 0.05)
    assert guardrail_test(MeanTest(), 0) == MeanTest()


def test_values_are_measured_from_sums() -> None:
    rng = np.random.default_rng(1)
    c = rng.normal(5, 1, 1000)
    x = 2 * c + rng.normal(0, 1, 1000)
    parts = (x, x * x, *[np.full(1000, np.nan)] * 3, c, c * c, x * c, np.full(1000, np.nan))
    found = measure_values(Sums(np.array(1000.0), *(np.array(part.sum()) for part in parts)))
    assert (found.mean, found.sd) == (pytest.approx(x.mean()), pytest.approx(x.std(ddof=1)))
    assert found.correlation == pytest.approx(np.corrcoef(x, c)[0, 1], abs=1e-6)


@pytest.mark.parametrize(
    ("values", "message"), [((0.0, 1.0), "mean is 0"), ((1.0, 0.0), "sd is 0"), ((1.0, 1.0, 1.0), "correlation is 1")]
)
def test_impossible_values_are_refused(values: tuple[float, ...], message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        UserValues(*values)


@pytest.mark.parametrize("lift", [0.0, float("nan"), 1e-9])
def test_impossible_effects_are_refused(lift: float) -> None:
    with pytest.raises(StatisticsError):
        users_for_lift(REVENUE, MeanTest(), lift)
