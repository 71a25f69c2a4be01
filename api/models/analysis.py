"""The answer about counts at hand."""

from typing import Any

from pydantic import Field

from abtest_lib.bayes.version import MODEL_VERSION
from abtest_lib.contracts import COMPARISONS, POSTERIORS, VERDICTS
from abtest_lib.contracts.enums import SrmStatus
from abtest_lib.verdict.rules import RULES_VERSION
from api.models.common import Answer, Belief, Decision, Interval, Role, Share
from api.models.experiments import ChiSquare


class AnalyzedArm(Belief):
    """One arm: its counts, what the model believes of it, and how it compares with the control on one look."""

    contract = COMPARISONS

    id: str = Field(description="the name of the arm, as given")
    role: Role = Field(description="`control` or `treatment`")
    expected_share: Share | None = Field(description="planned share of the users; an equal one where none was given")
    mean: float | None = Field(description="posterior mean of the conversion, a proportion")
    difference: float | None = Field(description="conversion minus the control's, a proportion; null for the control")
    difference_interval: Interval | None = Field(description="simultaneous score interval of the difference")
    observed_lift: float | None = Field(description="observed conversion over the control's minus one, a ratio")
    observed_lift_interval: Interval | None = Field(description="simultaneous score interval of the observed lift")
    statistic: float | None = Field(description="score z")
    p_value: Share | None
    p_adjusted: Share | None


class SampleRatio(Answer):
    """The sample-ratio test: did users arrive in the planned shares?"""

    status: SrmStatus = Field(description="`mismatch` when the p-value is below 0.001")
    p_value: Share | None = Field(description="null where an arm expects fewer than 10 users")
    is_planned: bool = Field(description="whether a split was given; else an equal one is assumed")


class Look(Answer):
    """The sequential test of one arm."""

    id: str = Field(description="the name of the arm")
    boundary: float | None = Field(description="critical |z|; null where there are too few conversions for a test")
    decision_interval: Interval | None = Field(description="of the difference; inverts the test at the boundary")


class RuleVerdict(Answer):
    """What the suite would decide by one rule."""

    contract = VERDICTS

    decision: Decision
    reasons: list[str]
    explanation: str
    looks: list[Look] = Field(description="all arms except the control")


class Analysis(Answer):
    """What counts at hand say."""

    contract = POSTERIORS

    control: str = Field(description="the arm that the others are compared with")
    arms: list[AnalyzedArm] = Field(description="in the order of the counts")
    chi_square: ChiSquare | None = Field(description="the omnibus test; null where nobody or everybody converted")
    sample_ratio: SampleRatio = Field(description="the sample-ratio test")
    planned: RuleVerdict = Field(description="if these are the counts of the planned end, and nobody decided before")
    unplanned: RuleVerdict = Field(description="if there is no plan: valid on whichever day one looks")
    engine: str
    prior: str
    seed: int
    model_version: str
    rules_version: str = Field(description="version of the rules of the verdicts")


EXAMPLE: dict[str, Any] = {
    "control": "A",
    "arms": [
        {
            "id": "B",
            "role": "treatment",
            "users": 1000,
            "purchases": 70,
            "conversion_rate": 0.07,
            "expected_share": 0.5,
            "mean": 0.070429,
            "interval": {"lower": 0.0554, "upper": 0.0868},
            "probability_best": 0.967,
            "probability_beats_control": 0.967,
            "expected_loss": 0.000146,
            "lift": {"median": 0.399, "lower": -0.018, "upper": 0.986},
            "difference": 0.02,
            "difference_interval": {"lower": -0.0008, "upper": 0.0413},
            "observed_lift": 0.4,
            "observed_lift_interval": {"lower": -0.013, "upper": 0.988},
            "statistic": 1.883,
            "p_value": 0.0597,
            "p_adjusted": 0.0597,
        }
    ],
    "chi_square": {"statistic": 3.546, "dof": 1, "p_value": 0.0597},
    "sample_ratio": {"status": "ok", "p_value": 1.0, "is_planned": False},
    "planned": {
        "decision": "keep_control",
        "reasons": ["futility"],
        "explanation": "Keep the control A: the planned end was reached and no arm was proven better.",
        "looks": [
            {"id": "B", "boundary": 1.96, "decision_interval": {"lower": -0.0008, "upper": 0.0413}},
        ],
    },
    "unplanned": {
        "decision": "inconclusive",
        "reasons": ["not_proven"],
        "explanation": "No decision yet: B converts 7.00 % against 5.00 % for the control A (+40.0 %).",
        "looks": [{"id": "B", "boundary": 4.611, "decision_interval": {"lower": -0.031, "upper": 0.0729}}],
    },
    "engine": "exact",
    "prior": "exponential",
    "seed": 20210801,
    "model_version": MODEL_VERSION,
    "rules_version": RULES_VERSION,
}
"""An answer, shortened, for the OpenAPI document."""
