"""An analysis as plain data: what the command line writes as JSON, and what the API answers."""

from typing import TYPE_CHECKING, Any

from abtest_lib.analysis.arms import Arm, Interval
from abtest_lib.contracts.enums import Role

if TYPE_CHECKING:
    from abtest_lib.analysis.analysis import Analysis, RuleVerdict

Json = dict[str, Any]


def analysis_dict(analysis: "Analysis") -> Json:
    """Return the analysis as dictionaries, lists, texts and numbers; None where there is no number."""
    test, ratio = analysis.chi_square, analysis.sample_ratio
    return {
        "control": analysis.control,
        "arms": [_arm(arm, ratio.shares.get(arm.id)) for arm in analysis.arms],
        "chi_square": test and {"statistic": test.statistic, "dof": test.dof, "p_value": test.p_value},
        "sample_ratio": {"status": str(ratio.status), "p_value": ratio.p_value, "is_planned": ratio.is_planned},
        "planned": _verdict(analysis.planned),
        "unplanned": _verdict(analysis.unplanned),
        "engine": analysis.engine,
        "prior": analysis.prior,
        "seed": analysis.seed,
        "model_version": analysis.model_version,
        "rules_version": analysis.rules_version,
    }


def _arm(arm: Arm, share: float | None) -> Json:
    return {
        "id": arm.id,
        "role": str(Role.CONTROL if arm.is_control else Role.TREATMENT),
        "users": arm.users,
        "purchases": arm.purchases,
        "conversion_rate": arm.conversion,
        "expected_share": share,
        **_belief(arm),
        **_comparison(arm),
    }


def _belief(arm: Arm) -> Json:
    found = arm.posterior
    lift = _ends(arm.lift_interval)
    return {
        "mean": found and found.mean,
        "interval": _ends(arm.interval),
        "probability_best": found and found.probability_best,
        "probability_beats_control": found and found.probability_beats_control,
        "expected_loss": found and found.expected_loss,
        "lift": lift and {"median": arm.lift, **lift},
    }


def _comparison(arm: Arm) -> Json:
    found = arm.comparison
    return {
        "difference": found and found.difference,
        "difference_interval": found and _ends(found.difference_interval),
        "observed_lift": found and found.lift,
        "observed_lift_interval": found and _ends(found.lift_interval),
        "statistic": found and found.statistic,
        "p_value": found and found.p_value,
        "p_adjusted": found and found.p_adjusted,
    }


def _verdict(found: "RuleVerdict") -> Json:
    looks = [
        {"id": arm, "boundary": look.boundary, "decision_interval": _ends(look.interval)}
        for arm, look in found.looks.items()
    ]
    return {
        "decision": str(found.decision),
        "reasons": list(found.reasons),
        "explanation": found.explanation,
        "looks": looks,
    }


def _ends(interval: Interval | None) -> Json | None:
    return None if interval is None else {"lower": interval.lower, "upper": interval.upper}
