"""R-hat and effective sample sizes against ArviZ."""

import warnings

import numpy as np
import pytest

from abtest_lib.bayes.diagnostics import Diagnostics, diagnose

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0.23 announces 1.0 on import
    import arviz


def chains(rng: np.random.Generator, correlation: float, draws: int = 500) -> np.ndarray:
    x = rng.normal(size=(4, draws))
    for i in range(1, draws):
        x[:, i] += correlation * x[:, i - 1]
    return x


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_quantity_agrees_with_arviz(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slow, negative, shifted = chains(rng, 0.95), chains(rng, -0.6), chains(rng, 0.2) + np.arange(4)[:, None] * 0.1
    repeated = np.repeat(np.round(1000 * chains(rng, 0.0, 250)), 2, axis=1)
    tied = np.round(10 * chains(rng, 0.5))
    for quantity in (slow, negative, shifted, repeated, tied, np.exp(slow)):
        found = diagnose(quantity[None], 0)
        assert found.r_hat == pytest.approx(float(arviz.rhat(quantity)), rel=1e-9)
        assert found.ess_bulk == pytest.approx(float(arviz.ess(quantity)), rel=1e-9)
        assert found.ess_tail == pytest.approx(float(arviz.ess(quantity, method="tail")), rel=1e-9)
    together = diagnose(np.stack([slow, negative, shifted]), 0)
    assert together.r_hat == max(diagnose(x[None], 0).r_hat for x in (slow, negative, shifted))
    assert together.ess_bulk == min(diagnose(x[None], 0).ess_bulk for x in (slow, negative, shifted))


@pytest.mark.parametrize(
    ("r_hat", "bulk", "tail", "divergences", "problem"),
    [
        (1.0, 400.0, 400.0, 0, None),
        (1.02, 900.0, 900.0, 0, "R-hat 1.020 above 1.01"),
        (float("nan"), 900.0, 900.0, 0, "R-hat nan above 1.01"),
        (1.0, 399.0, 900.0, 0, "effective sample size 399 below 400"),
        (1.0, 900.0, 399.0, 0, "effective sample size 399 below 400"),
        (1.0, 900.0, 900.0, 2, "2 divergent transitions"),
    ],
)
def test_draws_that_cannot_be_used(
    r_hat: float, bulk: float, tail: float, divergences: int, problem: str | None
) -> None:
    assert Diagnostics(r_hat, bulk, tail, divergences, chains=4).problem == problem
