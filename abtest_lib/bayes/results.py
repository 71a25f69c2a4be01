"""From draws to results: the numbers of every arm, or why there are none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from abtest_lib.bayes.diagnostics import Diagnostics
from abtest_lib.bayes.engines.engine import Floats
from abtest_lib.bayes.fit_config import FitConfig, GroupDraws, counts_of
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.metric_groups import MetricArm, MetricGroup
from abtest_lib.bayes.normal_points import ValueDraws
from abtest_lib.bayes.posterior import ArmNumbers, ArmPosterior, GroupPosterior, Status
from abtest_lib.bayes.summaries import Summary, conditional_moments, summarise
from abtest_lib.bayes.value_summaries import summarise_values
from abtest_lib.bayes.version import NORMAL_VERSION

_MEASURED = ("r_hat", "ess_bulk", "ess_tail", "divergences")


def posterior_of(group: Group, config: FitConfig, draws: GroupDraws, *, reason: str | None = None) -> GroupPosterior:
    """Make the result of a group with usable draws; `reason` says why they come from the other engine."""
    result = failed(group, config, reason)
    return succeeded(result, _summary(group, draws), draws.diagnostics, draws.engine)


def failed(group: Group, config: FitConfig, reason: str | None) -> GroupPosterior:
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


def metric_posterior(
    group: MetricGroup, config: FitConfig, draws: ValueDraws, *, reason: str | None = None
) -> GroupPosterior:
    """Make the result of a group of a catalogue's metric; see `posterior_of`."""
    control = _position(group.control_id, group)
    summary = summarise_values(draws.values, draws.moments, control, group.direction)
    return succeeded(failed_metric(group, config, reason), summary, draws.diagnostics, draws.engine)


def failed_metric(group: MetricGroup, config: FitConfig, reason: str | None) -> GroupPosterior:
    """Make the result of a group of a catalogue's metric that cannot be fitted."""
    return GroupPosterior(
        group=group,
        arms=tuple(ArmPosterior(arm) for arm in group.arms),
        status="failed",
        reason=reason,
        engine=config.effective_engine,
        prior=config.prior.name,
        seed=group.seed,
        model_version=NORMAL_VERSION,
    )


def succeeded(empty: GroupPosterior, summary: Summary, diagnostics: Diagnostics | None, engine: str) -> GroupPosterior:
    """Fill in the numbers of a group; its reason, if it has one, says why they come from the other engine."""
    measured = {name: getattr(diagnostics, name) for name in _MEASURED} if diagnostics else {}
    status: Status = "ok" if empty.reason is None else "refitted"
    return replace(empty, arms=_arms(empty.group, summary), status=status, engine=engine, **measured)


def _summary(group: Group, draws: GroupDraws) -> Summary:
    counts = counts_of(group, 0)
    control = _position(group.control_id, group)
    moments = conditional_moments(draws.hyper.support, counts.purchases, counts.users)
    return summarise(draws.conversions, moments, counts.purchases, control)


def _position(variant: str | None, group: Group | MetricGroup) -> int | None:
    names = _fitted_names(group)
    return names.index(variant) if variant in names else None


def _fitted_names(group: Group | MetricGroup) -> list[str]:
    arms: Sequence[Arm | MetricArm] = group.fitted_arms
    return [arm.variant_id for arm in arms]


def _arms(group: Group | MetricGroup, summary: Summary) -> tuple[ArmPosterior, ...]:
    columns = _columns(summary)
    numbers = {
        name: ArmNumbers(**{column: _number(values[row]) for column, values in columns.items()})
        for row, name in enumerate(_fitted_names(group))
    }
    return tuple(ArmPosterior(arm, numbers.get(arm.variant_id, ArmNumbers()), arm.gap) for arm in group.arms)


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
