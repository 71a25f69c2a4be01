"""An analysis as plain data: what the command line writes as JSON, and what the API answers."""

from typing import TYPE_CHECKING, Any

from abtest_lib import answers
from abtest_lib.analysis.arms import Arm, Comparison, Interval, Posterior
from abtest_lib.contracts.enums import Role

if TYPE_CHECKING:
    from abtest_lib.analysis.analysis import Analysis, ChiSquare, RuleVerdict


def analysis_dict(analysis: "Analysis") -> answers.Analysis:
    """Return the analysis as dictionaries, lists, texts and numbers; None where there is no number."""
    ratio = analysis.sample_ratio
    return answers.Analysis(
        control=analysis.control,
        arms=[_arm(arm, ratio.shares.get(arm.id)) for arm in analysis.arms],
        chi_square=_chi_square(analysis.chi_square),
        sample_ratio=answers.SampleRatio(status=str(ratio.status), p_value=ratio.p_value, is_planned=ratio.is_planned),
        planned=_verdict(analysis.planned),
        unplanned=_verdict(analysis.unplanned),
        engine=analysis.engine,
        prior=analysis.prior,
        seed=analysis.seed,
        model_version=analysis.model_version,
        rules_version=analysis.rules_version,
    )


def _arm(arm: Arm, share: float | None) -> answers.AnalyzedArm:
    believed, compared, lift = arm.posterior, arm.comparison, arm.lift_interval
    return answers.AnalyzedArm(
        id=arm.id,
        role=str(Role.CONTROL if arm.is_control else Role.TREATMENT),
        users=arm.users,
        purchases=arm.purchases,
        conversion_rate=arm.conversion,
        expected_share=share,
        mean=_field(believed, "mean"),
        interval=_ends(arm.interval),
        probability_best=_field(believed, "probability_best"),
        probability_beats_control=_field(believed, "probability_beats_control"),
        expected_loss=_field(believed, "expected_loss"),
        lift=None
        if arm.lift is None or lift is None
        else answers.Lift(median=arm.lift, lower=lift.lower, upper=lift.upper),
        difference=_field(compared, "difference"),
        difference_interval=_ends(_field(compared, "difference_interval")),
        observed_lift=_field(compared, "lift"),
        observed_lift_interval=_ends(_field(compared, "lift_interval")),
        statistic=_field(compared, "statistic"),
        p_value=_field(compared, "p_value"),
        p_adjusted=_field(compared, "p_adjusted"),
    )


def _field(found: Posterior | Comparison | None, name: str) -> Any:  # noqa: ANN401  fields of several types
    return None if found is None else getattr(found, name)


def _chi_square(test: "ChiSquare | None") -> answers.ChiSquare | None:
    return None if test is None else answers.ChiSquare(statistic=test.statistic, dof=test.dof, p_value=test.p_value)


def _verdict(found: "RuleVerdict") -> answers.RuleVerdict:
    looks = [
        answers.Look(id=arm, boundary=look.boundary, decision_interval=_ends(look.interval))
        for arm, look in found.looks.items()
    ]
    return answers.RuleVerdict(
        decision=str(found.decision), reasons=list(found.reasons), explanation=found.explanation, looks=looks
    )


def _ends(interval: Interval | None) -> answers.Interval | None:
    return None if interval is None else answers.Interval(lower=interval.lower, upper=interval.upper)
