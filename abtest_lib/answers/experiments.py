"""Answers about experiments: results, verdicts, series, funnels, posteriors."""

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from abtest_lib.answers.common import (
    ArmEstimate,
    ArmRole,
    Count,
    Day,
    Decision,
    FromRelease,
    Interval,
    Lift,
    Share,
    SrmStatus,
    VariantId,
    Window,
    about,
    answer,
)
from abtest_lib.answers.metrics import MetricResult, Scorecard
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_HEALTH, FUNNEL_DAILY, POSTERIORS, VERDICTS


@answer(POSTERIORS)
class ResultVariant(TypedDict):
    """One arm on the day; `to_date` has the same numbers since the start of the period."""

    id: VariantId
    number_of_purchases: Annotated[Count, about("users seen that day who bought")]
    users: Annotated[Count, about("distinct users seen in the arm that day")]
    role: ArmRole
    conversion_rate: Annotated[Share | None, about("purchases over users of the day, as counted")]
    interval: Annotated[Interval | None, about("credible interval of the day's conversion")]
    probability_best: Share | None
    lift: Annotated[Lift | None, about("lift over the control that day; null for the control")]
    to_date: Annotated[
        ArmEstimate | None, about("the same since the start of the period; null for an arm that is not judged")
    ]


@answer(VERDICTS)
class Result(Scorecard):
    """The result of one experiment on one day."""

    exp_name: Annotated[str, about("the name as the client wrote it")]
    day: Day
    number_of_participants: Annotated[Count | None, about("distinct users exposed that day")]
    winner: Annotated[VariantId | None, about("the arm with the highest probability_best to date; descriptive")]
    variants: Annotated[list[ResultVariant], about("the arms seen that day")]
    most_purchases: Annotated[VariantId | None, about("the arm with most buyers that day; null for none or a draw")]
    decision: Annotated[Decision | None, about("the decision to date; act on this alone")]
    is_valid: bool | None
    reasons: list[str]
    explanation: str | None
    decided_on: Day | None
    control: Annotated[VariantId | None, about("the arm that the others are compared with")]
    table_version: Annotated[int | None, about("Delta version of gold/experiment_daily")]
    release: FromRelease


@answer()
class ResultAnswer(TypedDict):
    """The answer of `/experiment/{name}/result`."""

    results: Annotated[Result, about("the result")]


@answer(VERDICTS)
class Verdict(TypedDict):
    """The verdict on an experiment as of a day."""

    is_valid: bool
    decision: Decision
    reasons: list[str]
    winner: VariantId | None
    decided_on: Day | None
    period_start: Day
    control: Annotated[VariantId | None, about("the arm that the others are compared with")]
    srm_p_value: Share | None
    srm_status: SrmStatus
    metric: str | None
    cross_exposed_share: Share | None
    information_fraction: float | None
    model_version: str
    explanation: str


@answer(VERDICTS)
class ExperimentSummary(TypedDict):
    """One line of the list of experiments, with the verdict of the last day."""

    name: Annotated[str, about("the experiment")]
    first_day: Annotated[Day, about("the first day with data")]
    last_day: Annotated[Day, about("the last day with data")]
    days: Annotated[Count, about("days with data")]
    variants: Annotated[Count, about("arms on the last day")]
    participants: Annotated[Count | None, about("distinct users to date")]
    decision: Decision | None
    decision_before: Annotated[
        Decision | None, about("the decision on the day with data before the last; null without one")
    ]
    is_valid: bool | None
    metric: str | None
    winner: VariantId | None
    challenger: Annotated[VariantId | None, about("the arm other than the control that is most probably best")]
    lift: Annotated[Lift | None, about("lift of the challenger over the control, to date")]
    reasons: list[str]


@answer()
class ExperimentList(TypedDict):
    """A page of experiments."""

    experiments: Annotated[list[ExperimentSummary], about("the lines of the page, in the requested order")]
    total: Annotated[Count, about("the number of matching experiments on all pages")]
    next_cursor: Annotated[str | None, about("the `cursor` of the next page; null on the last page")]
    release: FromRelease


@answer()
class ChiSquare(TypedDict):
    """The omnibus test of equal conversion in all arms; it allows for one look only, so no decision uses it."""

    statistic: Annotated[float, about("Pearson's chi-square over all arms")]
    dof: Annotated[Count, about("degrees of freedom")]
    p_value: Annotated[Share, about("the p-value of the statistic")]


@answer(COMPARISONS)
class HistoryVariant(ArmEstimate):
    """One arm in the window, compared with the control; decisions use the comparison to date."""

    id: VariantId
    role: ArmRole
    difference: Annotated[float | None, about("conversion minus the control's, a proportion")]
    difference_interval: Annotated[Interval | None, about("simultaneous score interval of that day")]
    decision_interval: Annotated[Interval | None, about("interval over all looks; ship needs a lower end above zero")]
    statistic: Annotated[float | None, about("score z")]
    boundary: Annotated[float | None, about("critical |z| of that day's look")]
    p_adjusted: Share | None


@answer(EXPERIMENT_HEALTH)
class HistoryPoint(TypedDict):
    """One day of an experiment; the verdict is to date in both windows."""

    day: Day
    participants: Count | None
    participants_to_date: Count | None
    verdict: Annotated[Verdict | None, about("the verdict as of the day; null without one")]
    chi_square: Annotated[ChiSquare | None, about("the omnibus test in the window; null without one")]
    variants: Annotated[list[HistoryVariant], about("every arm in the window")]
    metric: NotRequired[
        Annotated[MetricResult | None, about("the wanted metric, to date; null on a day without it, absent if none is")]
    ]


@answer()
class History(TypedDict):
    """One experiment day by day, oldest first."""

    name: Annotated[str, about("the experiment")]
    window: Annotated[Window, about("the window of counts and estimates")]
    points: Annotated[list[HistoryPoint], about("one per day with data, oldest first")]
    release: FromRelease


@answer()
class Arm(ArmEstimate):
    """An arm of an experiment, to date."""

    id: VariantId
    role: ArmRole


@answer()
class Experiment(Scorecard):
    """One experiment: its days, arms, verdict and declaration."""

    name: Annotated[str, about("the experiment")]
    days: Annotated[list[Day], about("the days with data, oldest first")]
    arms: Annotated[list[Arm], about("the arms to date, as of the last day")]
    verdict: Annotated[Verdict | None, about("the verdict of the last day")]
    registry: Annotated[dict[str, Any] | None, about("the entry of the registry; null without one")]
    release: FromRelease


@answer(FUNNEL_DAILY)
class FunnelVariant(TypedDict):
    """One arm at one step of the funnel."""

    id: VariantId
    users: Count
    purchases: Count


@answer(FUNNEL_DAILY)
class FunnelStep(TypedDict):
    """One kind of event."""

    event_name: str
    variants: Annotated[list[FunnelVariant], about("the arms with users at this step")]


@answer(FUNNEL_DAILY)
class Funnel(TypedDict):
    """The funnel of one experiment on one day, the step with most users first."""

    name: Annotated[str, about("the experiment")]
    day: Day
    steps: Annotated[list[FunnelStep], about("the steps, the one with most users first")]
    release: FromRelease


@answer()
class Density(TypedDict):
    """Points of a probability density for a plot: a Beta with the posterior's mean and standard deviation."""

    conversion: Annotated[list[float], about("conversions, proportions in rising order")]
    density: Annotated[list[float], about("the density at each conversion")]


@answer(POSTERIORS)
class PosteriorVariant(ArmEstimate):
    """The posterior of one arm, with the diagnostics of its computation."""

    id: VariantId
    role: ArmRole
    mean: Annotated[float | None, about("posterior mean of the conversion, a proportion")]
    sd: Annotated[float | None, about("posterior standard deviation of the conversion")]
    hdi: Annotated[Interval | None, about("95 % highest-density interval of the conversion")]
    density: Annotated[Density | None, about("the density for a plot; null if the fit failed")]
    engine: str | None
    status: Annotated[str | None, about("`ok`, `refitted` or `failed`")]
    reason: str | None
    r_hat: float | None
    ess_bulk: float | None
    ess_tail: float | None
    divergences: int | None
    prior: str | None
    model_version: str | None
    seed: int | None


@answer(POSTERIORS)
class Posterior(TypedDict):
    """The posteriors of one experiment on one day."""

    name: Annotated[str, about("the experiment")]
    day: Day
    window: Annotated[Window, about("the window of the estimates")]
    variants: Annotated[list[PosteriorVariant], about("every arm")]
    release: FromRelease
