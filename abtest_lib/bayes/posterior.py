"""The result of a fit: one group, one row per arm, ready for the table `gold/posteriors`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.metric_groups import MetricArm, MetricGroup
from abtest_lib.bayes.version import MODEL_VERSION

Status = Literal["ok", "refitted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmNumbers:
    """The posterior of one arm in numbers; None where there is no number.

    A value is the arm's conversion, a proportion, or that of another metric in its unit.

    Attributes:
        conversion_mean: Posterior mean of the value.
        conversion_sd: Posterior standard deviation.
        interval_lower: 2.5 % quantile.
        interval_upper: 97.5 % quantile.
        hdi_lower: Lower end of the narrowest interval with 95 % of the mass.
        hdi_upper: Its upper end.
        probability_best: P(the arm has the best value); the arms' sum to one.
        probability_beats_control: P(the arm's value is better than the control's); None for the control.
        expected_loss: Expected loss of value when the arm is chosen.
        lift_median: Posterior median of the value over control's minus one, a ratio: 0.02 is 2 %.
        lift_lower: Its 2.5 % quantile.
        lift_upper: Its 97.5 % quantile.
    """

    conversion_mean: float | None = None
    conversion_sd: float | None = None
    interval_lower: float | None = None
    interval_upper: float | None = None
    hdi_lower: float | None = None
    hdi_upper: float | None = None
    probability_best: float | None = None
    probability_beats_control: float | None = None
    expected_loss: float | None = None
    lift_median: float | None = None
    lift_lower: float | None = None
    lift_upper: float | None = None


@dataclass(frozen=True, slots=True)
class ArmPosterior:
    """One arm: its counts, its numbers, and why there are none if so."""

    arm: Arm | MetricArm
    numbers: ArmNumbers = field(default_factory=ArmNumbers)
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPosterior:
    """The posterior of one group.

    Attributes:
        group: What was fitted.
        arms: One entry for each arm, in the order of `group.arms`.
        status: `ok`; `refitted` when only the other engine's diagnostics passed;
            `failed` when there are no numbers.
        reason: Why the status is not `ok`.
        engine: The engine that produced the numbers; the configured one for a failed group.
        r_hat: Largest rank-normalised split R-hat over the shared parameters and the arms' values; None where draws
            are independent.
        ess_bulk: Smallest bulk effective sample size, in draws; None where draws are independent.
        ess_tail: Smallest tail effective sample size, in draws; None where draws are independent.
        divergences: Divergent transitions; None where draws are independent.
        prior: The prior's name.
        seed: The seed of the group's draws.
        model_version: The version of model and engines.
    """

    group: Group | MetricGroup
    arms: tuple[ArmPosterior, ...]
    status: Status
    reason: str | None
    engine: str
    prior: str
    seed: int
    r_hat: float | None = None
    ess_bulk: float | None = None
    ess_tail: float | None = None
    divergences: int | None = None
    model_version: str = MODEL_VERSION

    def rows(self) -> Iterator[dict[str, object]]:
        """Make one mapping per arm with the columns of `gold/posteriors`; `day` is ISO 8601 text."""
        for arm in self.arms:
            yield {
                "window": self.group.window,
                "metric": self.group.metric,
                "day": self.group.day,
                "experiment_name": self.group.experiment_name,
                "variant_id": arm.arm.variant_id,
                "is_control": arm.arm.variant_id == self.group.control_id,
                "users": arm.arm.users,
                "purchases": arm.arm.purchases,
                **asdict(arm.numbers),
                "engine": self.engine,
                "r_hat": self.r_hat,
                "ess_bulk": self.ess_bulk,
                "ess_tail": self.ess_tail,
                "divergences": self.divergences,
                "status": self.status if arm.problem is None else "failed",
                "reason": self.reason if arm.problem is None else arm.problem,
                "prior": self.prior,
                "model_version": self.model_version,
                "seed": self.seed,
            }
