"""Priors and engines by name."""

import pytest

from abtest_lib.bayes.engines.engine import other_engine
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.priors import ExponentialPrior, FixedPrior, prior_by_name
from abtest_lib.errors import ConfigError


def test_names() -> None:
    assert prior_by_name("exponential") == ExponentialPrior(1 / 3, "exponential")
    assert prior_by_name("Exponential( 0.1 )") == ExponentialPrior(0.1, "exponential(0.1)")
    assert prior_by_name("flat") == FixedPrior(1.0, 1.0, "flat")
    assert prior_by_name("beta(1,2)") == FixedPrior(1.0, 2.0, "beta(1.0, 2.0)")
    assert prior_by_name(prior_by_name("beta(1,2)").name) == prior_by_name("beta(1, 2)")


@pytest.mark.parametrize(
    "name", ["", "flatt", "beta(1)", "beta(a, b)", "beta(1,2,3)", "exponential()", "e\nvil", "beta(-,e)"]
)
def test_a_wrong_prior_is_one_line_that_lists_the_right_ones(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        prior_by_name(name)
    assert "exponential, flat, jeffreys, exponential(rate), beta(a, b)" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["beta(0, 1)", "beta(1, -2)", "exponential(0)", "beta(1e300, 1)"])
def test_parameters_out_of_range_are_named(name: str) -> None:
    with pytest.raises(ConfigError, match="between 1e-06 and 1e"):
        prior_by_name(name)


def test_a_wrong_engine_is_one_line_that_lists_the_right_ones() -> None:
    with pytest.raises(ConfigError, match="unknown engine 'nuts': the engines are mcmc, exact"):
        FitConfig("nuts", prior_by_name("flat"), 1)
    assert other_engine("exact") == "mcmc"
