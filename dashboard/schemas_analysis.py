"""The types of the API's answer about counts at hand."""

from typing import TypedDict

from dashboard.schemas import Arm, ChiSquare, Interval


class AnalyzedArm(Arm):
    """One arm, and how it compares with the control on one look."""

    difference: float | None
    difference_interval: Interval | None
    observed_lift: float | None
    observed_lift_interval: Interval | None
    statistic: float | None
    p_adjusted: float | None


class SampleRatio(TypedDict):
    """The sample-ratio test; see `SrmStatus` for the status."""

    status: str
    p_value: float | None
    is_planned: bool


class Look(TypedDict):
    """The sequential test of one arm."""

    id: str
    boundary: float | None
    decision_interval: Interval | None


class RuleVerdict(TypedDict):
    """What the suite would decide by one rule."""

    decision: str
    reasons: list[str]
    explanation: str
    looks: list[Look]


class Analysis(TypedDict):
    """What counts at hand say."""

    control: str
    arms: list[AnalyzedArm]
    chi_square: ChiSquare | None
    sample_ratio: SampleRatio
    planned: RuleVerdict
    unplanned: RuleVerdict
