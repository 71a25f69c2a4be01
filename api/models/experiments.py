"""Answers about experiments: results, verdicts, series, funnels, posteriors."""

from datetime import date
from typing import Any, Literal

from pydantic import Field

from abtest_lib.contracts import COMPARISONS, EXPERIMENT_HEALTH, FUNNEL_DAILY, POSTERIORS, VERDICTS
from api.models.common import (
    Answer,
    ArmRole,
    Belief,
    Count,
    Decision,
    FromRelease,
    Interval,
    Lift,
    Share,
    VariantId,
    Window,
)


class ResultVariant(Answer):
    """One arm on the day; `to_date` is the same since the start of the period."""

    contract = POSTERIORS

    id: VariantId
    number_of_purchases: Count = Field(description="users who bought, of those seen that day")
    users: Count = Field(description="distinct users seen in the arm that day")
    role: ArmRole
    conversion_rate: Share | None = Field(description="purchases over users of the day, as counted")
    interval: Interval | None = Field(description="credible interval of the day's conversion")
    probability_best: Share | None
    lift: Lift | None = Field(description="the relative difference to the control that day; null for the control")
    to_date: Belief | None = Field(description="since the start of the period; null for an arm that is not judged")


class Result(Answer):
    """The result of one experiment on one day."""

    contract = VERDICTS

    exp_name: str = Field(description="as the client wrote it")
    day: date
    number_of_participants: Count | None = Field(description="distinct people exposed that day")
    winner: VariantId | None = Field(description="the arm with the highest probability_best to date; descriptive")
    variants: list[ResultVariant] = Field(description="the arms seen that day")
    most_purchases: VariantId | None = Field(description="most buyers that day; null with none or a draw")
    decision: Decision | None = Field(description="to date; the only thing to act on")
    is_valid: bool | None
    reasons: list[str]
    explanation: str | None
    decided_on: date | None
    control: VariantId | None = Field(description="the arm that the others are compared with")
    table_version: int | None = Field(description="Delta version of gold/experiment_daily")
    release: FromRelease


class ResultAnswer(Answer):
    """What `/experiment/{name}/result` says."""

    results: Result = Field(description="the result")


class Verdict(Answer):
    """What is concluded of an experiment as of a day."""

    contract = VERDICTS

    is_valid: bool
    decision: Decision
    reasons: list[str]
    winner: VariantId | None
    decided_on: date | None
    period_start: date
    control: VariantId | None = Field(description="the arm that the others are compared with")
    srm_p_value: Share | None
    srm_status: Literal["ok", "mismatch", "not_tested"]
    cross_exposed_share: Share | None
    information_fraction: float | None
    model_version: str
    explanation: str


class ExperimentSummary(Answer):
    """One line of the list of experiments; the verdict is the last day's."""

    contract = VERDICTS

    name: str = Field(description="the experiment")
    first_day: date = Field(description="the first day with data")
    last_day: date = Field(description="the last day with data")
    days: Count = Field(description="days with data")
    variants: Count = Field(description="arms on the last day")
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

    experiments: list[ExperimentSummary] = Field(description="the lines of the page, in the order asked for")
    total: Count = Field(description="experiments that match, over all pages")
    next_cursor: str | None = Field(description="hand it back as `cursor` for the next page; null on the last")
    release: FromRelease


class ChiSquare(Answer):
    """The omnibus test: do any two arms convert differently? It looks once, so it decides nothing."""

    statistic: float = Field(description="Pearson's chi-square over all arms")
    dof: Count = Field(description="degrees of freedom")
    p_value: Share = Field(description="of the statistic")


class HistoryVariant(Belief):
    """One arm in the window, with its comparison; decisions rest on the one to date."""

    contract = COMPARISONS

    id: VariantId
    role: ArmRole
    difference: float | None = Field(description="conversion minus the control's, a proportion")
    difference_interval: Interval | None = Field(description="simultaneous score interval of the day")
    decision_interval: Interval | None = Field(description="repeated interval; ship needs its lower end above zero")
    statistic: float | None = Field(description="score z")
    boundary: float | None = Field(description="the critical |z| of that day's look")
    p_adjusted: Share | None


class HistoryPoint(Answer):
    """One day of an experiment; the verdict is to date in either window."""

    contract = EXPERIMENT_HEALTH

    day: date
    participants: Count | None
    participants_to_date: Count | None
    verdict: Verdict | None = Field(description="as of the day; null where nothing was judged")
    chi_square: ChiSquare | None = Field(description="the omnibus test in the window; null where it was not made")
    variants: list[HistoryVariant] = Field(description="every arm in the window")


class History(Answer):
    """The series of one experiment, one point per day, oldest first."""

    name: str = Field(description="the experiment")
    window: Window = Field(description="what counts and beliefs cover")
    points: list[HistoryPoint] = Field(description="one per day with data, oldest first")
    release: FromRelease


class Arm(Belief):
    """An arm of an experiment, to date."""

    id: VariantId
    role: ArmRole


class Experiment(Answer):
    """What is known of one experiment: days, arms, verdict and declaration."""

    name: str = Field(description="the experiment")
    days: list[date] = Field(description="the days with data, oldest first")
    arms: list[Arm] = Field(description="to date, on the last day")
    verdict: Verdict | None = Field(description="the last day's")
    registry: dict[str, Any] | None = Field(description="what was declared before it started; null if nothing")
    release: FromRelease


class FunnelVariant(Answer):
    """One arm at one step of the funnel."""

    contract = FUNNEL_DAILY

    id: VariantId
    users: Count
    purchases: Count


class FunnelStep(Answer):
    """One kind of event."""

    contract = FUNNEL_DAILY

    event_name: str
    variants: list[FunnelVariant] = Field(description="the arms with users at this step")


class Funnel(Answer):
    """The funnel of one experiment on one day, the step with most users first."""

    contract = FUNNEL_DAILY

    name: str = Field(description="the experiment")
    day: date
    steps: list[FunnelStep] = Field(description="the one with most users first")
    release: FromRelease


class Density(Answer):
    """Points of a probability density, for plotting: a Beta with the posterior's mean and deviation."""

    conversion: list[float] = Field(description="where: conversions, proportions, in rising order")
    density: list[float] = Field(description="how dense the belief is there")


class PosteriorVariant(Belief):
    """What the model believes of one arm, with how well the computation went."""

    id: VariantId
    role: ArmRole
    mean: float | None = Field(description="posterior mean of the conversion, a proportion")
    sd: float | None = Field(description="posterior standard deviation of the conversion")
    hdi: Interval | None = Field(description="95 % highest-density interval of the conversion")
    density: Density | None = Field(description="to plot; null when the fit failed")
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

    contract = POSTERIORS

    name: str = Field(description="the experiment")
    day: date
    window: Window = Field(description="what the beliefs rest on")
    variants: list[PosteriorVariant] = Field(description="every arm")
    release: FromRelease
