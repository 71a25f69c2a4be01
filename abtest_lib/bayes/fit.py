"""Fit groups: validate, draw with the configured engine, check, refit what failed with the other one, summarise."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from abtest_lib.bayes.diagnostics import Diagnostics, diagnose
from abtest_lib.bayes.draws import ConversionDraws, draw_conversions
from abtest_lib.bayes.engine import ENGINE_NAMES, Counts, Engine, Floats, HyperDraws, Nodes, other_engine
from abtest_lib.bayes.exact import DRAWS, ExactEngine
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.mcmc import McmcEngine
from abtest_lib.bayes.posterior import ArmNumbers, ArmPosterior, GroupPosterior
from abtest_lib.bayes.priors import FixedPrior, Prior
from abtest_lib.bayes.summaries import Summary, conditional_moments, summarise
from abtest_lib.errors import one_line

_GROUPS_AT_ONCE = 256
"""Bounds memory: some 100 MB of draws of the hyperparameters are held at a time, however many groups there are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fit.

    Attributes:
        engine: `mcmc` or `exact`; ignored by a fixed prior, which leaves nothing to integrate.
        prior: The prior.
        seed: The configured seed; every group's own is derived from it.
    """

    engine: str
    prior: Prior
    seed: int

    def __post_init__(self) -> None:
        """Reject an unknown engine."""
        other_engine(self.engine)

    @property
    def effective_engine(self) -> str:
        """The engine that will be named in results: with a fixed prior every posterior is exact."""
        return "exact" if isinstance(self.prior, FixedPrior) else self.engine


@dataclass(frozen=True, slots=True)
class GroupDraws:
    """Everything that was drawn for one group, arms in the order of `Group.fitted_arms`.

    Attributes:
        hyper: Draws of (α, β).
        conversions: Draws of θ, one for each of (α, β).
        diagnostics: How the chains mixed; None where draws are independent.
        engine: The engine that drew.
    """

    hyper: HyperDraws
    conversions: ConversionDraws
    diagnostics: Diagnostics | None
    engine: str

    @property
    def problem(self) -> str | None:
        """Why the draws must not be believed, or None."""
        if self.hyper.problem is not None:
            return self.hyper.problem
        if not np.isfinite(self.conversions.log_odds).all():
            return "draws of the conversion are not finite"
        return self.diagnostics.problem if self.diagnostics is not None else None


def fit_groups(groups: Iterable[Group], plan: Plan) -> Iterator[GroupPosterior]:
    """Fit any number of groups, some hundreds at a time.

    Args:
        groups: What to fit; one that cannot be fitted is marked and the others finish.
        plan: How.

    Yields:
        One result for each group, in the order of the groups. A result depends on the group, the plan and the model's
        version, not on the other groups.

    Examples:
        >>> from abtest_lib.bayes.groups import Arm
        >>> from abtest_lib.bayes.priors import prior_by_name
        >>> arms = (Arm("A", users=1000, purchases=100), Arm("B", users=1000, purchases=150))
        >>> group = Group("to_date", "2021-08-01", "search/x", "purchase", arms, control_id="A")
        >>> (result,) = fit_groups([group], Plan("exact", prior_by_name("flat"), seed=1))
        >>> result.status, round(result.arms[1].numbers.conversion_mean, 6)
        ('ok', 0.150699)
    """
    pending = iter(groups)
    while chunk := list(islice(pending, _GROUPS_AT_ONCE)):
        yield from _fit_chunk(chunk, plan)


def _fit_chunk(groups: list[Group], plan: Plan) -> list[GroupPosterior]:
    results = {position: _failed(group, plan, group.problem) for position, group in enumerate(groups) if group.problem}
    positions = [position for position in range(len(groups)) if position not in results]
    valid = [groups[position] for position in positions]
    results |= zip(positions, _fit_valid(valid, plan), strict=True)
    return [results[position] for position in range(len(groups))]


def _fit_valid(groups: list[Group], plan: Plan) -> list[GroupPosterior]:
    first = draw_groups(groups, plan)
    again = [row for row, draws in enumerate(first) if _problem(draws)]
    second = dict.fromkeys(again, "") | _refit(groups, again, plan)
    return [_result(group, plan, draws, second.get(row)) for row, (group, draws) in enumerate(zip(groups, first, strict=True))]


def _refit(groups: list[Group], rows: list[int], plan: Plan) -> dict[int, GroupDraws | str]:
    if not rows or isinstance(plan.prior, FixedPrior):
        return {}
    other = Plan(other_engine(plan.engine), plan.prior, plan.seed)
    return dict(zip(rows, draw_groups([groups[row] for row in rows], other), strict=True))


def draw_groups(groups: list[Group], plan: Plan) -> list[GroupDraws | str]:
    """Draw the posterior of valid groups with one engine.

    Args:
        groups: Groups without a `problem`.
        plan: How.

    Returns:
        The draws of every group, or the text of the error that it caused.
    """
    counts = [_counts(group, plan.seed) for group in groups]
    return [_draws(group, hyper, plan.effective_engine) for group, hyper in zip(counts, _hyper(counts, plan), strict=True)]


def _counts(group: Group, seed: int) -> Counts:
    arms = group.fitted_arms
    purchases, users = ([getattr(arm, name) for arm in arms] for name in ("purchases", "users"))
    return Counts(np.array(purchases, dtype=np.float64), np.array(users, dtype=np.float64), group.seed(seed))


def _hyper(counts: list[Counts], plan: Plan) -> list[HyperDraws | str]:
    if isinstance(plan.prior, FixedPrior):
        return [_fixed(plan.prior)] * len(counts)
    engine: Engine = McmcEngine() if plan.engine == "mcmc" else ExactEngine()
    try:
        return list(engine.draw(counts, plan.prior))
    except Exception as error:  # noqa: BLE001  whatever one group does to its batch, the others must finish
        if len(counts) == 1:
            return [f"{plan.engine} failed: {one_line(error)}"]
        return [draws for group in counts for draws in _hyper([group], plan)]


def _fixed(prior: FixedPrior) -> HyperDraws:
    node = Nodes(np.array([prior.alpha]), np.array([prior.beta]), np.ones(1))
    return HyperDraws(np.full((1, DRAWS), prior.alpha), np.full((1, DRAWS), prior.beta), None, nodes=node)


def _draws(counts: Counts, hyper: HyperDraws | str, engine: str) -> GroupDraws | str:
    if isinstance(hyper, str):
        return hyper
    # Engines get different streams: with the same one they would seem to agree better than they do.
    generator = np.random.default_rng((counts.seed, 2 + ENGINE_NAMES.index(engine)))
    try:
        conversions = draw_conversions(hyper.alpha.ravel(), hyper.beta.ravel(), counts.purchases, counts.users, generator)
        return GroupDraws(hyper, conversions, _diagnose(hyper, conversions), engine)
    except (ArithmeticError, ValueError) as error:
        return f"{engine} failed: {one_line(error)}"


def _diagnose(hyper: HyperDraws, conversions: ConversionDraws) -> Diagnostics | None:
    if hyper.divergences is None:
        return None
    shape = hyper.alpha.shape
    log_odds = conversions.log_odds.reshape(-1, *shape)
    parameters = np.stack([np.log(hyper.alpha) - np.log(hyper.beta), np.log(hyper.alpha + hyper.beta)])
    return diagnose(np.concatenate([parameters, log_odds]), hyper.divergences)


def _problem(draws: GroupDraws | str) -> str | None:
    return draws if isinstance(draws, str) else draws.problem


def _result(group: Group, plan: Plan, first: GroupDraws | str, second: GroupDraws | str | None) -> GroupPosterior:
    reason = _problem(first)
    if not isinstance(first, str) and reason is None:
        return _posterior(group, plan, first, None)
    if isinstance(second, GroupDraws) and second.problem is None:
        return _posterior(group, plan, second, f"{plan.engine}: {reason}; fitted again by {second.engine}")
    other = f"; {other_engine(plan.engine)}: {_problem(second)}" if second else ""
    return _failed(group, plan, f"{plan.engine}: {reason}{other}")


def _posterior(group: Group, plan: Plan, draws: GroupDraws, reason: str | None) -> GroupPosterior:
    diagnostics = draws.diagnostics
    return GroupPosterior(
        group=group,
        arms=_arms(group, _summary(group, draws)),
        status="ok" if reason is None else "refitted",
        reason=reason,
        engine=draws.engine,
        prior=plan.prior.name,
        seed=group.seed(plan.seed),
        r_hat=diagnostics.r_hat if diagnostics else None,
        ess_bulk=diagnostics.ess_bulk if diagnostics else None,
        ess_tail=diagnostics.ess_tail if diagnostics else None,
        divergences=diagnostics.divergences if diagnostics else None,
    )


def _failed(group: Group, plan: Plan, reason: str | None) -> GroupPosterior:
    return GroupPosterior(
        group=group,
        arms=tuple(ArmPosterior(arm) for arm in group.arms),
        status="failed",
        reason=reason,
        engine=plan.effective_engine,
        prior=plan.prior.name,
        seed=group.seed(plan.seed),
    )


def _summary(group: Group, draws: GroupDraws) -> Summary:
    counts = _counts(group, 0)
    names = [arm.variant_id for arm in group.fitted_arms]
    control = names.index(group.control_id) if group.control_id in names else None
    moments = conditional_moments(draws.hyper.support, counts.purchases, counts.users)
    return summarise(draws.conversions, moments, counts.purchases, control)


def _arms(group: Group, summary: Summary) -> tuple[ArmPosterior, ...]:
    columns = _columns(summary)
    numbers = {
        arm.variant_id: ArmNumbers(**{name: _number(values[row]) for name, values in columns.items()})
        for row, arm in enumerate(group.fitted_arms)
    }
    no_users = "no users in this arm"
    return tuple(
        ArmPosterior(arm, numbers[arm.variant_id]) if arm.variant_id in numbers else ArmPosterior(arm, problem=no_users)
        for arm in group.arms
    )


def _columns(summary: Summary) -> dict[str, Floats]:
    columns = {
        "conversion_mean": summary.moments.mean,
        "conversion_sd": summary.moments.sd,
        "interval_lower": summary.interval_lower,
        "interval_upper": summary.interval_upper,
        "hdi_lower": summary.hdi_lower,
        "hdi_upper": summary.hdi_upper,
        "probability_best": summary.probability_best,
        "expected_loss": summary.expected_loss,
    }
    if summary.against is not None:
        for name in ("probability_beats_control", "lift_median", "lift_lower", "lift_upper"):
            columns[name] = getattr(summary.against, name)
    return columns


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
