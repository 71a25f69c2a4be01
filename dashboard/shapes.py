"""The API's answers as the dashboard reads them; docs/api.md and the OpenAPI document describe every field."""

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
    """Which state of the lake an answer comes from."""

    run_id: str
    published_at: str
    data_age_seconds: float


class Belief(TypedDict):
    """Counts of one arm and what the model believes of it."""

    users: int | None
    purchases: int | None
    conversion_rate: float | None
    interval: Interval | None
    probability_best: float | None
    probability_beats_control: float | None
    expected_loss: float | None
    lift: Lift | None


class Arm(Belief):
    """One arm."""

    id: VariantId
    role: str | None


class Verdict(TypedDict):
    """What is concluded as of a day."""

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


class Summary(TypedDict):
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

    experiments: list[Summary]
    total: int
    next_cursor: str | None
    release: Release


class Experiment(TypedDict):
    """One experiment."""

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
    """One arm on one day of a history."""

    difference: float | None
    difference_interval: Interval | None
    decision_interval: Interval | None
    statistic: float | None
    boundary: float | None
    p_adjusted: float | None


class ChiSquare(TypedDict):
    """The omnibus test."""

    statistic: float
    dof: float
    p_value: float


class Point(TypedDict):
    """One day of a history."""

    day: str
    participants: int | None
    participants_to_date: int | None
    verdict: Verdict | None
    chi_square: ChiSquare | None
    variants: list[HistoryArm]


class History(TypedDict):
    """A series, oldest first."""

    name: str
    window: str
    points: list[Point]
    release: Release


class Density(TypedDict):
    """Points of a probability density."""

    conversion: list[float]
    density: list[float]


class PosteriorArm(Arm):
    """What the model believes of one arm."""

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
    """The posteriors of one day."""

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
    """What a number of users finds."""

    users_per_arm: int
    power: float


class Plan(TypedDict):
    """How long an experiment must run."""

    users_per_arm: int
    users_total: int
    days: int | None
    curve: list[PowerPoint]


class Ready(TypedDict):
    """Whether the answers are current."""

    status: str
    problems: list[str]
    lake_readable: bool
    warming: bool
    checked_at: str | None
    release: Release | None
