"""A/A tests of means that are looked at every day are rarely decided."""

import numpy as np
import pytest

from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.arrays import Floats
from abtest_lib.stats.information import look_information, mixture_information
from abtest_lib.stats.means import MeanDifference, compare_means, may_test
from abtest_lib.stats.spending import plan_looks
from abtest_lib.stats.sums import Sums

EXPERIMENTS, DAYS, END, DAILY = 1_000, 28, 20, 300
LARGEST_SHARE = 0.05 + 3 * (0.05 * 0.95 / EXPERIMENTS) ** 0.5


@pytest.fixture(scope="module")
def pair() -> tuple[Sums, Sums]:
    """Draw log-normal revenue with 95 % zeros, and a covariate that correlates with it."""
    rng = np.random.default_rng(20_261_126)
    new = np.full((EXPERIMENTS, 2, DAYS), DAILY)
    cell = np.repeat(np.arange(new.size), rng.binomial(new, 0.05).ravel())
    noise, other = rng.standard_normal((2, cell.size))
    x, c = np.exp(noise), np.exp(0.8 * noise + 0.6 * other)

    def to_date(values: Floats) -> Floats:
        return np.cumsum(np.bincount(cell, values, new.size).reshape(new.shape), axis=-1)

    nothing = np.full(new.shape, np.nan)
    sums = Sums(
        np.cumsum(new, axis=-1).astype(np.float64), to_date(x), to_date(x * x), nothing, nothing, nothing,
        to_date(c), to_date(c * c), to_date(x * c), nothing,
    )  # fmt: skip
    return sums.select(np.s_[:, 1]), sums.select(np.s_[:, 0])


@pytest.fixture(scope="module")
def found(pair: tuple[Sums, Sums]) -> MeanDifference:
    return compare_means(*pair)


def test_planned_looks(pair: tuple[Sums, Sums], found: MeanDifference) -> None:
    may = may_test(*pair)
    fraction = np.broadcast_to(np.minimum(np.arange(1, DAYS + 1) / END, 1.0), may.shape)
    information = look_information(found, *pair)
    boundary = plan_looks(information, fraction, np.full(may.shape, 0.05), may).boundary
    share = (np.abs(found.difference / found.standard_error) >= np.nan_to_num(boundary, nan=np.inf)).any(axis=1).mean()
    assert 0 < share <= LARGEST_SHARE


def test_unplanned_looks(pair: tuple[Sums, Sums], found: MeanDifference) -> None:
    events = np.maximum.accumulate(mixture_information(found, *pair), axis=1)
    reached = np.abs(found.difference / found.standard_error) >= mixture_boundary(events, 0.05)
    assert (reached & may_test(*pair)).any(axis=1).mean() <= LARGEST_SHARE


def test_coverage_and_the_gain_of_the_covariate(found: MeanDifference) -> None:
    covered = (np.abs(found.difference) < 1.959964 * found.standard_error)[:, -1].mean()
    assert covered == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / EXPERIMENTS) ** 0.5)
    # The spread of the estimates is what the errors say.
    last = found.difference[:, -1]
    assert last.std() == pytest.approx(found.standard_error[:, -1].mean(), rel=0.1)
    assert last.std() < found.unadjusted_difference[:, -1].std()
