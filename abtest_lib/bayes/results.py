"""From draws to results: the numbers of every arm, or why there are none."""

import numpy as np

from abtest_lib.bayes.engines.engine import Floats
from abtest_lib.bayes.fit_config import FitConfig, GroupDraws, counts_of
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.posterior import ArmNumbers, ArmPosterior, GroupPosterior
from abtest_lib.bayes.summaries import Summary, conditional_moments, summarise


def posterior_of(group: Group, config: FitConfig, draws: GroupDraws, *, reason: str | None = None) -> GroupPosterior:
    """Make the result of a group with usable draws; `reason` says why they come from the other engine."""
    diagnostics = draws.diagnostics
    return GroupPosterior(
        group=group,
        arms=_arms(group, _summary(group, draws)),
        status="ok" if reason is None else "refitted",
        reason=reason,
        engine=draws.engine,
        prior=config.prior.name,
        seed=group.seed(config.seed),
        r_hat=diagnostics.r_hat if diagnostics else None,
        ess_bulk=diagnostics.ess_bulk if diagnostics else None,
        ess_tail=diagnostics.ess_tail if diagnostics else None,
        divergences=diagnostics.divergences if diagnostics else None,
    )


def failed(group: Group, config: FitConfig, reason: str) -> GroupPosterior:
    """Make the result of a group that cannot be fitted: its counts, and why there are no numbers."""
    return GroupPosterior(
        group=group,
        arms=tuple(ArmPosterior(arm) for arm in group.arms),
        status="failed",
        reason=reason,
        engine=config.effective_engine,
        prior=config.prior.name,
        seed=group.seed(config.seed),
    )


def _summary(group: Group, draws: GroupDraws) -> Summary:
    counts = counts_of(group, 0)
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
    if summary.comparison is not None:
        for name in ("probability_beats_control", "lift_median", "lift_lower", "lift_upper"):
            columns[name] = getattr(summary.comparison, name)
    return columns


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
