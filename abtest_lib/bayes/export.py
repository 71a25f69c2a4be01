"""The draws of one group, as arrays and as ArviZ's InferenceData."""

from typing import Any

import numpy as np

from abtest_lib.bayes.engines.engine import Floats
from abtest_lib.bayes.fit import draw_groups
from abtest_lib.bayes.fit_config import FitConfig, GroupDraws
from abtest_lib.bayes.groups import Group
from abtest_lib.errors import StatisticsError


def draw_group(group: Group, config: FitConfig) -> GroupDraws:
    """Draw the posterior of one group: the same draws that its published numbers come from.

    Args:
        group: The group.
        config: How it was fitted.

    Returns:
        The draws, arms in the order of `group.fitted_arms`.

    Raises:
        StatisticsError: The group cannot be fitted, or the engine failed.
    """
    if group.problem is not None:
        raise StatisticsError(f"experiment '{group.experiment_name}' on {group.day}: {group.problem}")
    (draws,) = draw_groups([group], config)
    if isinstance(draws, str):
        raise StatisticsError(f"experiment '{group.experiment_name}' on {group.day}: {draws}")
    return draws


def conversion_draws(group: Group, config: FitConfig) -> dict[str, Floats]:
    """Draw every arm's conversion jointly, a proportion, by variant; see `draw_group`.

    Examples:
        >>> from abtest_lib.bayes.groups import Arm
        >>> from abtest_lib.bayes.priors import prior_by_name
        >>> arms = (Arm("A", users=1000, purchases=100), Arm("B", users=1000, purchases=150))
        >>> group = Group("to_date", "2021-08-01", "x", "purchase", arms, control_id="A")
        >>> draws = conversion_draws(group, FitConfig("exact", prior_by_name("exponential"), seed=1))
        >>> draws["B"].shape, bool((draws["B"] > draws["A"]).mean() > 0.99)
        ((3000,), True)
    """
    conversion = draw_group(group, config).conversions.conversion
    return dict(zip((arm.variant_id for arm in group.fitted_arms), conversion, strict=True))


def to_inference_data(group: Group, config: FitConfig) -> Any:  # noqa: ANN401  ArviZ has no types
    """Draw one group as an ArviZ InferenceData with the dimensions chain, draw and variant.

    Args:
        group: The group.
        config: How it was fitted. The draws of `exact` are put in random order, as one chain.

    Returns:
        `posterior` (alpha, beta, mean, concentration, conversion), `observed_data` (users, purchases) and, for `mcmc`,
        attributes with the diagnostics.
    """
    import arviz as az  # noqa: PLC0415  only this export needs it

    draws = draw_group(group, config)
    chains, count = draws.hyper.alpha.shape
    order = np.arange(count) if chains > 1 else np.random.default_rng(group.seed(config.seed)).permutation(count)
    alpha, beta = draws.hyper.alpha[:, order], draws.hyper.beta[:, order]
    conversion = draws.conversions.conversion.reshape(-1, chains, count)[..., order]
    posterior = {
        "alpha": alpha,
        "beta": beta,
        "mean": alpha / (alpha + beta),
        "concentration": alpha + beta,
        "conversion": np.moveaxis(conversion, 0, -1),
    }
    arms = group.fitted_arms
    observed = {"users": np.array([arm.users for arm in arms]), "purchases": np.array([arm.purchases for arm in arms])}
    return az.from_dict(
        posterior=posterior,
        observed_data=observed,
        coords={"variant": [arm.variant_id for arm in arms]},
        dims={"conversion": ["variant"], "users": ["variant"], "purchases": ["variant"]},
        attrs={
            "experiment_name": group.experiment_name,
            "day": group.day,
            "prior": config.prior.name,
            "engine": draws.engine,
        },
    )
