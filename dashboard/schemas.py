"""The types of the API's answers about experiments; docs/api.md and the OpenAPI document describe every field.

An answer stays the JSON object that the API sent, so that a CSV download holds exactly the API's numbers.
"""

from typing import Any, TypedDict

VariantId = int | str


class Interval(TypedDict):
    """A 95 % interval."""

    lower: float
    upper: float


class Lift(TypedDict):
    """The relative difference to the control, a ratio."""

    median: float
    lower: float | None
    upper: float | None


class Release(TypedDict):
    """The release of the lake that an answer comes from."""

    run_id: str
    published_at: str
    data_age_seconds: float


class ArmEstimate(TypedDict):
    """The counts of one arm and the estimates of the model."""

    users: int | None
    purchases: int | None
    conversion_rate: float | None
    interval: Interval | None
    probability_best: float | None
    probability_beats_control: float | None
    expected_loss: float | None
    lift: Lift | None


class Arm(ArmEstimate):
    """One arm; its role is a `Role`, or null while the experiment has no verdict."""

    id: VariantId
    role: str | None


class Verdict(TypedDict):
    """The verdict as of a day; see `Decision` and `SrmStatus` for the values."""

    is_valid: bool
    decision: str
    reasons: list[str]
    winner: VariantId | None
    decided_on: str | None
    period_start: str
    control: VariantId | None
    srm_p_value: float | None
    srm_status: str
    cross_exposed_share: float | None
    information_fraction: float | None
    explanation: str


class ExperimentSummary(TypedDict):
    """One line of the list of experiments."""

    name: str
    first_day: str
    last_day: str
    days: int
    variants: int
    participants: int | None
    decision: str | None
    decision_before: str | None
    is_valid: bool | None
    winner: VariantId | None
    challenger: VariantId | None
    lift: Lift | None
    reasons: list[str]


class ExperimentList(TypedDict):
    """A page of experiments."""

    experiments: list[ExperimentSummary]
    total: int
    next_cursor: str | None
    release: Release


class ExperimentDetail(TypedDict):
    """One experiment: its days, arms, last verdict and registry entry."""

    name: str
    days: list[str]
    arms: list[Arm]
    verdict: Verdict | None
    registry: dict[str, Any] | None
    release: Release


class ResultVariant(TypedDict):
    """One arm on one day."""

    id: VariantId
    number_of_purchases: int
    users: int


class Result(TypedDict):
    """The result of one experiment on one day."""

    exp_name: str
    day: str
    number_of_participants: int | None
    variants: list[ResultVariant]
    decision: str | None
    release: Release


class HistoryArm(Arm):
    """One arm on one day of a history, compared with the control."""

    difference: float | None
    difference_interval: Interval | None
    decision_interval: Interval | None
    statistic: float | None
    boundary: float | None
    p_adjusted: float | None


class ChiSquare(TypedDict):
    """The omnibus test of equal conversion."""

    statistic: float
    dof: float
    p_value: float


class HistoryPoint(TypedDict):
    """One day of a history."""

    day: str
    participants: int | None
    participants_to_date: int | None
    verdict: Verdict | None
    chi_square: ChiSquare | None
    variants: list[HistoryArm]


class History(TypedDict):
    """One experiment day by day, oldest first."""

    name: str
    window: str
    points: list[HistoryPoint]
    release: Release


class Density(TypedDict):
    """Points of a probability density."""

    conversion: list[float]
    density: list[float]


class PosteriorArm(Arm):
    """The posterior of one arm."""

    mean: float | None
    sd: float | None
    hdi: Interval | None
    density: Density | None
    engine: str | None
    status: str | None
    reason: str | None
    r_hat: float | None
    ess_bulk: float | None
    ess_tail: float | None
    divergences: int | None
    prior: str | None
    model_version: str | None


class Posterior(TypedDict):
    """The posteriors of all arms on one day."""

    name: str
    day: str
    window: str
    variants: list[PosteriorArm]


class FunnelArm(TypedDict):
    """One arm at one step."""

    id: VariantId
    users: int
    purchases: int


class FunnelStep(TypedDict):
    """One kind of event."""

    event_name: str
    variants: list[FunnelArm]


class Funnel(TypedDict):
    """The funnel of one day."""

    name: str
    day: str
    steps: list[FunnelStep]


class PowerPoint(TypedDict):
    """The power that a number of users gives."""

    users_per_arm: int
    power: float


class SampleSize(TypedDict):
    """How many users and days an experiment needs."""

    users_per_arm: int
    users_total: int
    days: int | None
    curve: list[PowerPoint]


class Readiness(TypedDict):
    """Whether the answers are current, and the release they come from."""

    status: str
    problems: list[str]
    lake_readable: bool
    warming: bool
    checked_at: str | None
    release: Release | None
