"""Prior distributions of conversion, by name.

A hierarchical prior lets the arms of an experiment inform each other: their conversions come from one Beta
distribution whose parameters are unknown. A fixed prior gives every arm the same known Beta distribution, so that
the arms are independent; it is for comparison with published results and for prior knowledge.
"""

import re
from dataclasses import dataclass

from abtest_lib.errors import ConfigError, one_line

_NUMBER = r"\s*([0-9.eE+-]+)\s*"
_EXPONENTIAL = re.compile(rf"exponential\({_NUMBER}\)")
_BETA = re.compile(rf"beta\({_NUMBER},{_NUMBER}\)")

# Beyond these a prior is a point or improper, and arithmetic fails.
_SMALLEST, _LARGEST = 1e-6, 1e9


@dataclass(frozen=True, slots=True)
class ExponentialPrior:
    """θ_v ~ Beta(α, β) with α, β ~ Exponential(rate), independent.

    Mean α / (α + β) and concentration α + β are then independent: uniform and Gamma(2, rate).

    Attributes:
        rate: The rate of both exponentials; 1/3 is a mean of 3 imagined users for each of α and β.
        name: The name of the prior in settings and results.
    """

    rate: float = 1.0 / 3.0
    name: str = "exponential"


@dataclass(frozen=True, slots=True)
class FixedPrior:
    """θ_v ~ Beta(alpha, beta), the same for every arm, nothing shared.

    Attributes:
        alpha: Imagined purchases; positive.
        beta: Imagined users without a purchase; positive.
        name: The name of the prior in settings and results.
    """

    alpha: float
    beta: float
    name: str


Prior = ExponentialPrior | FixedPrior

DEFAULT_PRIOR = ExponentialPrior()
NAMED_PRIORS: tuple[Prior, ...] = (DEFAULT_PRIOR, FixedPrior(1.0, 1.0, "flat"), FixedPrior(0.5, 0.5, "jeffreys"))


def prior_by_name(name: str) -> Prior:
    """Find a prior.

    Args:
        name: `exponential` (rate 1/3), `exponential(rate)`, `flat` (Beta(1, 1)), `jeffreys` (Beta(1/2, 1/2)) or
            `beta(a, b)`.

    Returns:
        The prior.

    Raises:
        ConfigError: There is no such prior, or a parameter of it is not a positive number.

    Examples:
        >>> prior_by_name("beta(1, 2)")
        FixedPrior(alpha=1.0, beta=2.0, name='beta(1.0, 2.0)')
        >>> prior_by_name("exponential").rate
        0.3333333333333333
    """
    folded = name.strip().lower()
    for prior in NAMED_PRIORS:
        if prior.name == folded:
            return prior
    if match := _EXPONENTIAL.fullmatch(folded):
        (rate,) = _positive(name, *match.groups())
        return ExponentialPrior(rate, f"exponential({rate!r})")
    if match := _BETA.fullmatch(folded):
        alpha, beta = _positive(name, *match.groups())
        return FixedPrior(alpha, beta, f"beta({alpha!r}, {beta!r})")
    raise _unknown(name)


def _positive(name: str, *texts: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(text) for text in texts)
    except ValueError:
        raise _unknown(name) from None
    if not all(_SMALLEST <= number <= _LARGEST for number in numbers):
        raise ConfigError(
            f"prior '{one_line(name, 60)}': its parameters must lie between {_SMALLEST:g} and {_LARGEST:g}"
        )
    return numbers


def _unknown(name: str) -> ConfigError:
    names = ", ".join(prior.name for prior in NAMED_PRIORS)
    return ConfigError(f"unknown prior '{one_line(name, 60)}': the priors are {names}, exponential(rate), beta(a, b)")
