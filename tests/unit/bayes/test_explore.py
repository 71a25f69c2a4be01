"""Draws, figures and exports."""

import warnings

import numpy as np
import pytest

from abtest_lib.bayes.export import conversion_draws, draw_group, to_inference_data
from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.plots import lift_figure, posterior_figure
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.errors import StatisticsError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0.23 announces 1.0 on import
    import arviz as az

GROUP = Group("day", "2021-08-01", "x", "purchase", (Arm("B", 900, 99), Arm("A", 1000, 90), Arm("C", 0, 0)), "A")
CONFIG = FitConfig("exact", DEFAULT_PRIOR, 5)


def test_the_draws_are_those_behind_the_published_numbers() -> None:
    draws = conversion_draws(GROUP, CONFIG)
    assert list(draws) == ["B", "A"]
    (result,) = fit_groups([GROUP], CONFIG)
    for arm in result.arms[:2]:
        assert arm.numbers.interval_lower == pytest.approx(np.quantile(draws[arm.arm.variant_id], 0.025))
    assert result.arms[0].numbers.probability_best == (draws["B"] > draws["A"]).mean()


def test_a_group_that_cannot_be_fitted_is_an_error() -> None:
    with pytest.raises(StatisticsError, match="'y' on 2021-08-01: only one arm with users"):
        draw_group(Group("day", "2021-08-01", "y", "purchase", (Arm("A", 5, 1),)), CONFIG)


def test_the_export_is_what_arviz_works_with() -> None:
    data = to_inference_data(GROUP, CONFIG)
    assert dict(data.posterior.sizes) == {"chain": 1, "draw": 3000, "variant": 2}
    assert data.posterior["variant"].to_numpy().tolist() == ["B", "A"]
    assert data.observed_data["users"].to_numpy().tolist() == [900, 1000]
    summary = az.summary(data, var_names=["conversion"], kind="stats")
    assert summary["mean"].to_numpy() == pytest.approx([0.11, 0.09], abs=0.005)
    # Draws of the quadrature's nodes are ordered; the export shuffles them like draws of a sampler.
    assert float(az.ess(data, var_names=["mean"])["mean"]) > 2400
    theta, alpha, beta = (data.posterior[name].to_numpy() for name in ("conversion", "alpha", "beta"))
    assert theta.shape == (1, 3000, 2)
    np.testing.assert_allclose(data.posterior["concentration"], alpha + beta)


def test_figures_show_every_arm() -> None:
    draws = conversion_draws(GROUP, CONFIG)
    figure = posterior_figure(draws)
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["B", "A"]
    densities = [trace for trace in figure.data if trace.fill == "tozeroy"]
    for trace, arm in zip(densities, ("B", "A"), strict=True):
        assert float(np.trapezoid(trace.y, trace.x)) == pytest.approx(1.0, abs=0.01)
        assert trace.x[np.argmax(trace.y)] == pytest.approx(draws[arm].mean(), abs=0.005)
    lift = lift_figure(draws, control="A")
    assert [trace.name for trace in lift.data if trace.showlegend is not False] == ["B"]
    assert lift.data[0].x[np.argmax(lift.data[0].y)] == pytest.approx(0.11 / 0.09 - 1, abs=0.06)
    with pytest.raises(StatisticsError, match="control 'Z' is not among the arms: B, A"):
        lift_figure(draws, control="Z")
    with pytest.raises(StatisticsError, match="at least one is needed"):
        posterior_figure({})
