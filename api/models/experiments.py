"""Answers about experiments: results, verdicts, series, funnels, posteriors."""

from datetime import date
from typing import Any, Literal

from pydantic import Field

from api.models.common import Answer, Belief, Count, Decision, Interval, Lift, Release, Role, Share, VariantId, Window


class ResultVariant(Answer):
    """One arm on the day; `to_date` is the same since the start of the period."""

    id: VariantId
    number_of_purchases: Count
    users: Count
    role: Role | None = Field(description="null while the experiment has no verdict")
    conversion_rate: Share | None
    interval: Interval | None
    probability_best: Share | None
    lift: Lift | None
    to_date: Belief | None


class Result(Answer):
    """The result of one experiment on one day."""

    exp_name: str = Field(description="as the client wrote it")
    day: date
    number_of_participants: Count | None = Field(description="distinct people exposed that day")
    winner: VariantId | None = Field(description="the arm with the highest probability_best to date; descriptive")
    variants: list[ResultVariant]
    most_purchases: VariantId | None = Field(description="most buyers that day; null with none or a draw")
    decision: Decision | None = Field(description="to date; the only thing to act on")
    is_valid: bool | None
    reasons: list[str]
    explanation: str | None
    decided_on: date | None
    control: VariantId | None
    table_version: int | None = Field(description="Delta version of gold/experiment_daily")
    release: Release


class ResultAnswer(Answer):
    """What `/experiment/{name}/result` says."""

    results: Result


class Verdict(Answer):
    """What is concluded of an experiment as of a day."""

    is_valid: bool
    decision: Decision
    reasons: list[str]
    winner: VariantId | None
    decided_on: date | None
    period_start: date
    control: VariantId | None
    srm_p_value: Share | None
    srm_status: Literal["ok", "mismatch", "not_tested"]
    cross_exposed_share: Share | None
    information_fraction: float | None
    model_version: str
    explanation: str


class ExperimentSummary(Answer):
    """One line of the list of experiments; the verdict is the last day's."""

    name: str
    first_day: date
    last_day: date
    days: Count = Field(description="days with data")
    variants: Count
    participants: Count | None = Field(description="distinct people to date")
    decision: Decision | None
    decision_before: Decision | None = Field(description="on the day with data before the last; null if there is none")
    is_valid: bool | None
    winner: VariantId | None
    challenger: VariantId | None = Field(description="the arm other than the control that is most probably best")
    lift: Lift | None = Field(description="of the challenger over the control, to date")
    reasons: list[str]


class ExperimentList(Answer):
    """A page of experiments."""

    experiments: list[ExperimentSummary]
    total: Count = Field(description="experiments that match, over all pages")
    next_cursor: str | None = Field(description="hand it back as `cursor` for the next page; null on the last")
    release: Release


class ChiSquare(Answer):
    """The omnibus test: do any two arms convert differently? It looks once, so it decides nothing."""

    statistic: float
    dof: float
    p_value: Share


class HistoryVariant(Belief):
    """One arm in the window, with its comparison; decisions rest on the one to date."""

    id: VariantId
    role: Role | None
    difference: float | None = Field(description="conversion minus the control's, a proportion")
    difference_interval: Interval | None = Field(description="simultaneous score interval of the day")
    decision_interval: Interval | None = Field(description="repeated interval; ship needs its lower end above zero")
    statistic: float | None = Field(description="score z")
    boundary: float | None = Field(description="the critical |z| of that day's look")
    p_adjusted: Share | None


class HistoryPoint(Answer):
    """One day of an experiment; the verdict is to date in either window."""

    day: date
    participants: Count | None
    participants_to_date: Count | None
    verdict: Verdict | None
    chi_square: ChiSquare | None
    variants: list[HistoryVariant]


class History(Answer):
    """The series of one experiment, one point per day, oldest first."""

    name: str
    window: Window
    points: list[HistoryPoint]
    release: Release


class Arm(Belief):
    """An arm of an experiment, to date."""

    id: VariantId
    role: Role | None


class Experiment(Answer):
    """What is known of one experiment: days, arms, verdict and declaration."""

    name: str
    days: list[date]
    arms: list[Arm] = Field(description="to date, on the last day")
    verdict: Verdict | None = Field(description="the last day's")
    registry: dict[str, Any] | None = Field(description="what was declared before it started; null if nothing")
    release: Release


class FunnelVariant(Answer):
    """One arm at one step of the funnel."""

    id: VariantId
    users: Count
    purchases: Count


class FunnelStep(Answer):
    """One kind of event."""

    event_name: str
    variants: list[FunnelVariant]


class Funnel(Answer):
    """The funnel of one experiment on one day, the step with most users first."""

    name: str
    day: date
    steps: list[FunnelStep]
    release: Release


class Density(Answer):
    """Points of a probability density, for plotting: a Beta with the posterior's mean and deviation."""

    conversion: list[float]
    density: list[float]


class PosteriorVariant(Belief):
    """What the model believes of one arm, with how well the computation went."""

    id: VariantId
    role: Role | None
    mean: float | None
    sd: float | None
    hdi: Interval | None
    density: Density | None
    engine: str | None
    status: str | None = Field(description="`ok`, `refitted` or `failed`")
    reason: str | None
    r_hat: float | None
    ess_bulk: float | None
    ess_tail: float | None
    divergences: int | None
    prior: str | None
    model_version: str | None
    seed: int | None


class Posterior(Answer):
    """The posteriors of one experiment on one day."""

    name: str
    day: date
    window: Window
    variants: list[PosteriorVariant]
    release: Release
