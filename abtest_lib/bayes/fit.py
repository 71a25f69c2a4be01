"""Fit groups: validate, draw with the configured engine, check, refit failures with the other engine, summarise."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from abtest_lib.bayes.diagnostics import Diagnostics, diagnose
from abtest_lib.bayes.draws import ConversionDraws, draw_conversions
from abtest_lib.bayes.engines.engine import ENGINE_NAMES, Counts, Engine, HyperDraws, Nodes, other_engine
from abtest_lib.bayes.engines.exact import DRAWS, ExactEngine
from abtest_lib.bayes.engines.mcmc import McmcEngine
from abtest_lib.bayes.fit_config import FitConfig, GroupDraws, counts_of
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import FixedPrior
from abtest_lib.bayes.results import failed, posterior_of
from abtest_lib.errors import one_line

_GROUPS_AT_ONCE = 256
"""Limits memory to some 100 MB of hyperparameter draws, however many groups there are."""


def fit_groups(groups: Iterable[Group], config: FitConfig) -> Iterator[GroupPosterior]:
    """Fit any number of groups, some hundreds at a time.

    Args:
        groups: The groups; one that cannot be fitted is marked as failed and the others finish.
        config: How to fit.

    Yields:
        One result for each group, in the order of the groups. A result depends on the group, `config` and the model's
        version, not on the other groups.

    Examples:
        >>> from abtest_lib.bayes.groups import Arm
        >>> from abtest_lib.bayes.fit_config import FitConfig
        >>> from abtest_lib.bayes.priors import prior_by_name
        >>> arms = (Arm("A", users=1000, purchases=100), Arm("B", users=1000, purchases=150))
        >>> group = Group("to_date", "2021-08-01", "search/x", "purchase", arms, control_id="A")
        >>> (result,) = fit_groups([group], FitConfig("exact", prior_by_name("flat"), seed=1))
        >>> result.status, round(result.arms[1].numbers.conversion_mean, 6)
        ('ok', 0.150699)
    """
    pending = iter(groups)
    while chunk := list(islice(pending, _GROUPS_AT_ONCE)):
        yield from _fit_chunk(chunk, config)


def _fit_chunk(groups: list[Group], config: FitConfig) -> list[GroupPosterior]:
    results = {
        position: failed(group, config, reason) for position, group in enumerate(groups) if (reason := group.problem)
    }
    positions = [position for position in range(len(groups)) if position not in results]
    valid = [groups[position] for position in positions]
    results |= zip(positions, _fit_valid(valid, config), strict=True)
    return [results[position] for position in range(len(groups))]


def _fit_valid(groups: list[Group], config: FitConfig) -> list[GroupPosterior]:
    first = draw_groups(groups, config)
    again = [row for row, draws in enumerate(first) if problem_of(draws)]
    second = dict.fromkeys(again, "") | _refit(groups, again, config)
    return [
        _result(group, config, draws, second.get(row))
        for row, (group, draws) in enumerate(zip(groups, first, strict=True))
    ]


def _refit(groups: list[Group], rows: list[int], config: FitConfig) -> dict[int, GroupDraws | str]:
    if not rows or isinstance(config.prior, FixedPrior):
        return {}
    other = FitConfig(other_engine(config.engine), config.prior, config.seed)
    return dict(zip(rows, draw_groups([groups[row] for row in rows], other), strict=True))


def draw_groups(groups: list[Group], config: FitConfig) -> list[GroupDraws | str]:
    """Draw the posterior of valid groups with one engine.

    Args:
        groups: Groups without a `problem`.
        config: How to fit.

    Returns:
        The draws of every group, or the text of the error that it caused.
    """
    counts = [counts_of(group, config.seed) for group in groups]
    return [
        _draws(group, hyper, config.effective_engine)
        for group, hyper in zip(counts, _hyper(counts, config), strict=True)
    ]


def _hyper(counts: list[Counts], config: FitConfig) -> list[HyperDraws | str]:
    if isinstance(config.prior, FixedPrior):
        return [_fixed(config.prior)] * len(counts)
    engine: Engine = McmcEngine() if config.engine == "mcmc" else ExactEngine()
    try:
        return list(engine.draw(counts, config.prior))
    except Exception as error:  # noqa: BLE001  one group must not stop the others of its batch
        if len(counts) == 1:
            return [f"the engine failed with {one_line(error)}"]
        return [draws for group in counts for draws in _hyper([group], config)]


def _fixed(prior: FixedPrior) -> HyperDraws:
    node = Nodes(np.array([prior.alpha]), np.array([prior.beta]), np.ones(1))
    return HyperDraws(np.full((1, DRAWS), prior.alpha), np.full((1, DRAWS), prior.beta), None, nodes=node)


def _draws(counts: Counts, hyper: HyperDraws | str, engine: str) -> GroupDraws | str:
    if isinstance(hyper, str):
        return hyper
    # The engines use different random streams: with the same one they would seem to agree better than they do.
    generator = np.random.default_rng((counts.seed, 2 + ENGINE_NAMES.index(engine)))
    try:
        conversions = draw_conversions(
            hyper.alpha.ravel(), hyper.beta.ravel(), counts.purchases, counts.users, generator
        )
        return GroupDraws(hyper, conversions, _diagnose(hyper, conversions), engine)
    except (ArithmeticError, ValueError) as error:
        return f"drawing conversions failed with {one_line(error)}"


def _diagnose(hyper: HyperDraws, conversions: ConversionDraws) -> Diagnostics | None:
    if hyper.divergences is None:
        return None
    shape = hyper.alpha.shape
    log_odds = conversions.log_odds.reshape(-1, *shape)
    parameters = np.stack([np.log(hyper.alpha) - np.log(hyper.beta), np.log(hyper.alpha + hyper.beta)])
    return diagnose(np.concatenate([parameters, log_odds]), hyper.divergences)


class Draws(Protocol):
    """The draws of one group of any model."""

    @property
    def engine(self) -> str:
        """The engine that made them."""

    @property
    def problem(self) -> str | None:
        """Why they cannot be used, or None."""


D = TypeVar("D", bound=Draws)


def problem_of(draws: Draws | str) -> str | None:
    """Return why draws cannot be used, or the text of the error instead of draws; else None."""
    return draws if isinstance(draws, str) else draws.problem


def choose_draws(first: D | str, second: D | str | None, config: FitConfig) -> tuple[D | None, str | None]:
    """Choose between the draws of the configured engine and those of the other one.

    Args:
        first: The draws of the configured engine, or its error.
        second: The same of the other engine; None or empty if it was not asked.
        config: How to fit.

    Returns:
        Draws that can be used, or None; and why they are not the first.
    """
    problem = problem_of(first)
    if not isinstance(first, str) and problem is None:
        return first, None
    reason = f"{config.effective_engine}: {problem}"
    if second and not isinstance(second, str) and second.problem is None:
        return second, f"{reason}; fitted again by {second.engine}"
    other = f"; {other_engine(config.engine)}: {problem_of(second)}" if second else ""
    return None, reason + other


def _result(
    group: Group, config: FitConfig, first: GroupDraws | str, second: GroupDraws | str | None
) -> GroupPosterior:
    draws, reason = choose_draws(first, second, config)
    return failed(group, config, reason) if draws is None else posterior_of(group, config, draws, reason=reason)
