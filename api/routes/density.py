"""The density of a posterior, for plotting."""

import math

import numpy as np

from api.http.names import public_id
from api.routes.serializers import Json, belief, interval, roles
from api.store.day_file import ExperimentDay

_REACH = 4.0  # standard deviations to either side


def beta_density(mean: float, sd: float, points: int) -> Json | None:
    """Points of the Beta density with a given mean and standard deviation.

    The lake keeps a posterior's moments, not its draws. With Binomial data a Beta of the same moments is close
    enough to draw; it is exact for one arm with fixed hyperparameters.

    Args:
        mean: A proportion.
        sd: Its standard deviation.
        points: How many points.

    Returns:
        `conversion` and `density`, each with so many numbers; None when no Beta has these moments.

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
    return {"conversion": x.tolist(), "density": np.round(density, 9).tolist()}


def posterior_variant(found: ExperimentDay, arm: int, window: str, points: int) -> Json:
    """What the model believes of one arm in a window, with its density."""
    prefix = f"posterior.{window}"
    mean, sd = found.value(arm, prefix + ".conversion_mean"), found.value(arm, prefix + ".conversion_sd")
    texts = ("engine", "status", "reason", "prior", "model_version")
    numbers = ("r_hat", "ess_bulk", "ess_tail")
    return belief(found, arm, window) | {
        "id": public_id(found.names[arm]),
        "role": roles(found)[arm],
        "mean": mean,
        "sd": sd,
        "hdi": interval(found, arm, prefix + ".hdi_lower", prefix + ".hdi_upper"),
        "density": None if mean is None or sd is None else beta_density(mean, sd, points),
        **{name: found.text(arm, f"{prefix}.{name}") for name in texts},
        **{name: found.value(arm, f"{prefix}.{name}") for name in numbers},
        "divergences": found.integer(arm, prefix + ".divergences"),
        "seed": found.integer(arm, prefix + ".seed"),
    }
