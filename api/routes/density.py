"""The density of a posterior, for plotting."""

import math

import numpy as np

from abtest_lib.answers import Density, PosteriorVariant
from abtest_lib.contracts.enums import Window
from api.http.names import public_id
from api.routes.arms import estimate, interval, roles
from api.store.day_file import ExperimentDay

_REACH = 4.0  # standard deviations to either side


def beta_density(mean: float, sd: float, points: int) -> Density | None:
    """Return points of the Beta density with a given mean and standard deviation.

    The lake keeps the moments of a posterior, not its draws. With Binomial data a Beta with the same moments is close
    enough for a plot; it is exact for one arm with fixed hyperparameters.

    Args:
        mean: A proportion.
        sd: Its standard deviation.
        points: The number of points.

    Returns:
        `conversion` and `density`, each with that many numbers; None if no Beta has these moments.

    Examples:
        >>> beta_density(0.5, 12 ** -0.5, 4)["density"]
        [1.0, 1.0, 1.0, 1.0]
    """
    if not (0 < mean < 1 and 0 < sd * sd < mean * (1 - mean)):
        return None
    weight = mean * (1 - mean) / (sd * sd) - 1
    first, second = mean * weight, (1 - mean) * weight
    lower, upper = max(0.0, mean - _REACH * sd), min(1.0, mean + _REACH * sd)
    # Midpoints, because the density may be infinite at 0 and 1.
    x = lower + (upper - lower) * (np.arange(points) + 0.5) / points
    scale = math.lgamma(first + second) - math.lgamma(first) - math.lgamma(second)
    density = np.exp(scale + (first - 1) * np.log(x) + (second - 1) * np.log1p(-x))
    return Density(conversion=x.tolist(), density=np.round(density, 9).tolist())


def posterior_variant(found: ExperimentDay, arm: int, window: Window, points: int) -> PosteriorVariant:
    """Return the posterior of one arm in a window, with its density."""

    def number(column: str) -> float | None:
        return found.value(arm, f"posterior.{window}.{column}")

    def text(column: str) -> str | None:
        return found.text(arm, f"posterior.{window}.{column}")

    mean, sd = number("conversion_mean"), number("conversion_sd")
    return PosteriorVariant(
        **estimate(found, arm, window),
        id=public_id(found.names[arm]),
        role=roles(found)[arm],
        mean=mean,
        sd=sd,
        hdi=interval(number("hdi_lower"), number("hdi_upper")),
        density=None if mean is None or sd is None else beta_density(mean, sd, points),
        engine=text("engine"),
        status=text("status"),
        reason=text("reason"),
        prior=text("prior"),
        model_version=text("model_version"),
        r_hat=number("r_hat"),
        ess_bulk=number("ess_bulk"),
        ess_tail=number("ess_tail"),
        divergences=found.integer(arm, f"posterior.{window}.divergences"),
        seed=found.integer(arm, f"posterior.{window}.seed"),
    )
