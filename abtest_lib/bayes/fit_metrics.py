"""Fit metrics of the catalogue: validate, draw with the configured engine, check, refit failures, summarise."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.arm_values import arm_values
from abtest_lib.bayes.diagnostics import Diagnostics, diagnose
from abtest_lib.bayes.engines.engine import ENGINE_NAMES, other_engine
from abtest_lib.bayes.engines.exact_normal import draw_exactly
from abtest_lib.bayes.engines.mcmc_normal import draw_by_chains
from abtest_lib.bayes.fit import choose_draws, problem_of
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.metric_groups import MetricGroup
from abtest_lib.bayes.normal_points import NormalDraws, Standardised, ValueDraws, conditional_moments, draw_values
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import ExponentialPrior, FixedPrior
from abtest_lib.bayes.results import failed_metric, metric_posterior
from abtest_lib.bayes.summaries import Moments
from abtest_lib.errors import one_line

Floats = NDArray[np.float64]
Draw = Callable[[Sequence[Standardised], ExponentialPrior | FixedPrior], list[NormalDraws]]

_ENGINES: dict[str, Draw] = {"mcmc": draw_by_chains, "exact": draw_exactly}
_GROUPS_AT_ONCE = 256


def fit_metric_groups(groups: Iterable[MetricGroup], config: FitConfig) -> Iterator[GroupPosterior]:
    """Fit any number of groups, some hundreds at a time; see `fit.fit_groups`.

    Examples:
        >>> from abtest_lib.bayes.metric_groups import ArmSums, MetricArm
        >>> from abtest_lib.bayes.priors import prior_by_name
        >>> sums = ArmSums(sum_x=500.0, sum_xx=2500.0), ArmSums(sum_x=600.0, sum_xx=3000.0)
        >>> arms = MetricArm("A", 1000, sums[0]), MetricArm("B", 1000, sums[1])
        >>> group = MetricGroup("to_date", "2021-08-01", "search/x", "revenue", arms, control_id="A", seed=1)
        >>> (result,) = fit_metric_groups([group], FitConfig("exact", prior_by_name("exponential"), seed=1))
        >>> result.status, round(result.arms[1].numbers.conversion_mean, 2)
        ('ok', 0.6)
    """
    pending = iter(groups)
    while chunk := list(islice(pending, _GROUPS_AT_ONCE)):
        yield from _fit_chunk(chunk, config)


def _fit_chunk(groups: list[MetricGroup], config: FitConfig) -> list[GroupPosterior]:
    valid = [group for group in groups if group.problem is None]
    fitted = iter(_fit_valid(valid, config))
    return [next(fitted) if group.problem is None else failed_metric(group, config, group.problem) for group in groups]


def _fit_valid(groups: list[MetricGroup], config: FitConfig) -> list[GroupPosterior]:
    first = draw_metric_groups(groups, config.effective_engine, config.prior)
    again = [row for row, draws in enumerate(first) if problem_of(draws)]
    other = other_engine(config.effective_engine)
    is_sampled = isinstance(config.prior, ExponentialPrior)
    second = draw_metric_groups([groups[row] for row in again], other, config.prior) if again and is_sampled else []
    by_row = dict(zip(again, second, strict=False))
    return [
        _result(group, config, draws, by_row.get(row))
        for row, (group, draws) in enumerate(zip(groups, first, strict=True))
    ]


def draw_metric_groups(
    groups: list[MetricGroup], engine: str, prior: ExponentialPrior | FixedPrior
) -> list[ValueDraws | str]:
    """Draw the posterior of groups without a `problem` with one engine, or say which error each caused."""
    try:
        standard = [_standardise(group) for group in groups]
        drawn = _ENGINES[engine](standard, prior)
        return [_values(*each, engine) for each in zip(groups, standard, drawn, strict=True)]
    except Exception as error:  # noqa: BLE001  one group must not stop the others of its batch
        if len(groups) == 1:
            return [f"the engine failed with {one_line(error)}"]
        return [draws for group in groups for draws in draw_metric_groups([group], engine, prior)]


def _standardise(group: MetricGroup) -> Standardised:
    found = arm_values(group.fitted_arms)
    return Standardised((found.value - found.centre) / found.scale, np.square(found.scale / found.error), group.seed)


def _values(group: MetricGroup, arms: Standardised, draws: NormalDraws, engine: str) -> ValueDraws:
    found = arm_values(group.fitted_arms)
    # The engines use different random streams: with the same one they would seem to agree better than they do.
    generator = np.random.default_rng((group.seed, 2 + ENGINE_NAMES.index(engine)))
    standard, moments = draw_values(draws, arms, generator), conditional_moments(draws.points, arms)
    in_unit = Moments(found.centre + found.scale * moments.mean, found.scale * moments.sd)
    return ValueDraws(found.centre + found.scale * standard, in_unit, _diagnose(draws, standard), engine)


def _diagnose(draws: NormalDraws, values: Floats) -> Diagnostics | None:
    if draws.divergences is None:
        return None
    shape = draws.location.shape
    parameters = np.stack([draws.location, np.log(draws.concentration)])
    return diagnose(np.concatenate([parameters, values.reshape(-1, *shape)]), draws.divergences)


def _result(
    group: MetricGroup, config: FitConfig, first: ValueDraws | str, second: ValueDraws | str | None
) -> GroupPosterior:
    draws, reason = choose_draws(first, second, config)
    return (
        failed_metric(group, config, reason) if draws is None else metric_posterior(group, config, draws, reason=reason)
    )
