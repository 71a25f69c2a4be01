"""Boundaries: published tables, the joint law by simulation, and laws of the schedule."""

import math

import numpy as np
import pytest

from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.joint_law import crossing_probability
from abtest_lib.stats.spending import _CACHE, Looks, obrien_fleming_spending, plan_looks


def even_looks(number: int, alpha: float = 0.05, information: float = 1000.0) -> Looks:
    passed = np.arange(1, number + 1)[None, :] / number
    return plan_looks(information * passed, passed, np.array([[alpha]]), np.ones((1, number), dtype=bool))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [1.9600]),
        (2, [2.9626, 1.9686]),
        (5, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
    ],
)
def test_published_boundaries(number: int, expected: list[float]) -> None:
    """Lan-DeMets boundaries of the O'Brien-Fleming type at two-sided 5 %, as the reference software prints them."""
    np.testing.assert_allclose(even_looks(number).boundary[0], expected, atol=2e-4)


@pytest.mark.parametrize(("number", "alpha"), [(10, 0.05), (28, 0.025), (90, 0.0125)])
def test_the_looks_spend_exactly_alpha(number: int, alpha: float) -> None:
    looks = even_looks(number, alpha)
    steps = np.random.default_rng(5).standard_normal((200_000, number)).cumsum(axis=1)
    z = np.abs(steps / np.sqrt(np.arange(1, number + 1)))
    crossed = (z >= np.where(looks.is_look[0], looks.boundary[0], np.inf)).any(axis=1).mean()
    assert crossed == pytest.approx(alpha, abs=4 * math.sqrt(alpha / 200_000))


def test_uneven_information_spends_alpha_too() -> None:
    information = np.array([[120.0, 200.0, 900.0, 950.0, 1500.0]])
    fraction = np.array([[0.3, 0.4, 0.5, 0.9, 1.0]])
    looks = plan_looks(information, fraction, np.array([[0.05]]), np.ones((1, 5), dtype=bool))
    growth = np.diff(information[0], prepend=0.0)
    z = (np.random.default_rng(6).standard_normal((200_000, 5)) * np.sqrt(growth)).cumsum(axis=1) / np.sqrt(information)
    crossed = (np.abs(z) >= looks.boundary[0]).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.002)
    np.testing.assert_allclose(looks.spent[0], obrien_fleming_spending(fraction[0], 0.05))


def test_the_first_full_look_is_the_last_one() -> None:
    fraction = np.array([[0.5, 0.9, 1.0, 1.0, 1.0]])
    information = np.array([[50.0, 90.0, 100.0, 150.0, 200.0]])
    looks = plan_looks(information, fraction, np.array([[0.05]]), np.ones((1, 5), dtype=bool))
    assert looks.is_look.tolist() == [[True, True, True, False, False]]
    assert looks.has_ended.tolist() == [[False, False, True, True, True]]
    assert looks.spent[0, -1] == pytest.approx(0.05)


def test_a_plan_passed_before_the_first_testable_day_is_one_look() -> None:
    may_test = np.array([[False, False, True, True]])
    looks = plan_looks(np.full((1, 4), 80.0), np.ones((1, 4)), np.array([[0.05]]), may_test)
    assert looks.is_look.tolist() == [[False, False, True, False]]
    assert looks.boundary[0, 2] == pytest.approx(1.959964, abs=1e-5)


def test_no_look_without_new_information_or_level() -> None:
    fraction = np.array([[0.1, 0.5, 0.6, 0.7, 1.0]])
    information = np.array([[10.0, 100.0, 100.5, 90.0, 100.9]])
    looks = plan_looks(information, fraction, np.array([[0.05]]), np.ones((1, 5), dtype=bool))
    # 10 %: nothing to spend; 60 % and 70 %: less than 1 % more information; the last look is always made.
    assert looks.is_look.tolist() == [[False, True, False, False, True]]


def test_schedules_do_not_influence_each_other() -> None:
    rng = np.random.default_rng(8)
    information = rng.gamma(20, 5, (7, 12)).cumsum(axis=1)
    fraction = np.tile(np.arange(1, 13) / 12, (7, 1))
    may_test = rng.random((7, 12)) < 0.8
    alpha = np.full((7, 1), 0.025)
    together = plan_looks(information, fraction, alpha, may_test)
    for row in range(7):
        part = slice(row, row + 1)
        _CACHE.known.clear()
        alone = plan_looks(information[part], fraction[part], alpha[part], may_test[part])
        np.testing.assert_array_equal(together.boundary[part], alone.boundary)


@pytest.mark.parametrize("seed", range(4))
def test_later_looks_change_no_boundary(seed: int) -> None:
    """Also where a later step is the narrowest of all."""
    rng = np.random.default_rng(seed)
    growth = rng.uniform(0.2, 1.0, 90) * np.where(rng.random(90) < 0.3, 0.1, 1.0)
    information = 40 * growth.cumsum()[None, :]
    fraction, may_test = information / information[0, -1], np.ones((1, 90), dtype=bool)
    whole = plan_looks(information, fraction, np.array([[0.05]]), may_test)
    for days in (5, 20, 45, 80):
        part = plan_looks(information[:, :days], fraction[:, :days], np.array([[0.05]]), may_test[:, :days])
        np.testing.assert_array_equal(part.boundary, whole.boundary[:, :days])


@pytest.mark.parametrize("number", [240, 365])
def test_many_close_looks_spend_alpha(number: int) -> None:
    """Against an integration with more nodes: the narrowest steps are the hardest."""
    looks = even_looks(number)
    kept = looks.is_look[0]
    information = (np.arange(1, number + 1) / number)[kept]
    assert 2 * crossing_probability(information, looks.boundary[0, kept], 0.0) == pytest.approx(0.05, abs=4e-4)


def test_spending_is_nothing_at_first_and_all_at_the_end() -> None:
    spent = obrien_fleming_spending(np.linspace(0, 1, 50), 0.05)
    assert spent[0] == 0
    assert spent[-1] == 0.05
    assert (np.diff(spent) >= 0).all()


def test_crossing_probability_by_simulation() -> None:
    looks = even_looks(10)
    passed = np.arange(1, 11) / 10
    drift = 3.0
    steps = np.random.default_rng(9).standard_normal((200_000, 10)).cumsum(axis=1) / np.sqrt(np.arange(1, 11))
    z = steps + drift * np.sqrt(passed)
    bound = np.where(looks.is_look[0], looks.boundary[0], np.inf)
    first_up = np.where((z >= bound).any(axis=1), np.argmax(z >= bound, axis=1), 99)
    first_down = np.where((z <= -bound).any(axis=1), np.argmax(z <= -bound, axis=1), 99)
    simulated = ((first_up < first_down) & (first_up < 99)).mean()
    kept = looks.is_look[0]
    computed = crossing_probability(passed[kept], looks.boundary[0][kept], drift)
    assert computed == pytest.approx(simulated, abs=0.003)


def test_mixture_boundary_by_hand() -> None:
    # I = τ = 75: √(2·ln(2/0.05²))
    assert float(mixture_boundary(75, 0.05)) == pytest.approx(math.sqrt(2 * math.log(2 / 0.0025)))
    assert mixture_boundary([0.0, np.inf], 0.05).tolist() == [np.inf, np.inf]


def test_the_mixture_keeps_its_level_over_many_looks() -> None:
    growth = 5.0
    information = growth * np.arange(1, 401)
    z = (np.random.default_rng(10).standard_normal((20_000, 400)) * math.sqrt(growth)).cumsum(axis=1) / np.sqrt(
        information
    )
    ever = (np.abs(z) >= mixture_boundary(information, 0.05)).any(axis=1).mean()
    assert 0.005 < ever < 0.05
