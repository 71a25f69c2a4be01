"""The shapes of the answers.

Proportions and ratios are plain numbers (0.05 is 5 %), days are `YYYY-MM-DD`, instants ISO 8601 in UTC. A number that
the lake does not have (yet) is null; it is never zero and never left out.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Decision = Literal["ship", "keep_control", "inconclusive", "invalid"]
Window = Literal["day", "to_date"]
Rule = Literal["fixed", "planned", "unplanned"]
Role = Literal["control", "treatment", "fallback"]
VariantId = Annotated[int | str, Field(description="an integer where the id is a plain number, else the text")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """The root of every shape: frozen, and nothing beyond what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Answer):
    """A 95 % interval."""

    lower: float
    upper: float


class Lift(Answer):
    """The relative difference to the control, a ratio: 0.02 is two per cent more."""

    median: float
    lower: float | None
    upper: float | None


class Release(Answer):
    """Which state of the lake an answer comes from: every gold table of one finished run."""

    run_id: str
    published_at: datetime
    data_age_seconds: Annotated[float, Field(ge=0, description="since published_at")]


class Belief(Answer):
    """Counts of one arm and what the model believes of it."""

    users: Count | None
    purchases: Count | None = Field(description="users who bought")
    conversion_rate: Share | None = Field(description="purchases over users, as counted")
    interval: Interval | None = Field(description="credible interval of the conversion")
    probability_best: Share | None
    probability_beats_control: Share | None
    expected_loss: float | None = Field(description="conversion given up by choosing the arm, a proportion")
    lift: Lift | None


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


class TableColumn(Answer):
    """One column, as the contract has it."""

    name: str
    type: str
    meaning: str


class TableSummary(Answer):
    """One table of the lake at the time of the last release or run."""

    layer: str
    table: str
    grain: str
    version: int | None = Field(description="Delta version; null when the table cannot be read")
    rows: Count | None = Field(description="rows that count; rows marked deleted are not among them")
    files: Count | None
    bytes: Count | None
    problem: str | None = Field(description="why the table cannot be read")


class TableList(Answer):
    """Every table of the lake."""

    tables: list[TableSummary]


class Table(TableSummary):
    """One table with a sample of rows; ids of users are masked."""

    columns: list[TableColumn]
    sample: list[dict[str, Any]]


class Run(Answer):
    """One step of one pipeline run."""

    run_id: str
    job: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    rows_read: int | None
    rows_written: int | None
    rows_quarantined: int | None
    duplicates: int | None
    rows_forgotten: int | None


class QuarantineRule(Answer):
    """How many rejected rows broke a rule; a row may break several."""

    rule: str
    rows: Count


class Quarantine(Answer):
    """What was rejected, over all runs."""

    rows: Count | None
    by_rule: list[QuarantineRule]


class Freshness(Answer):
    """How old the data is and whether the lake can be reached."""

    published_at: datetime | None
    data_age_seconds: float | None
    last_day: date | None = Field(description="the newest day with data")
    checked_at: datetime | None = Field(description="when the lake was last looked at")
    lake_readable: bool
    problems: list[str]


class Quality(Answer):
    """May the data be trusted today: runs, rejected rows, freshness."""

    runs: list[Run] = Field(description="the newest first")
    quarantine: Quarantine
    freshness: Freshness


class PowerPoint(Answer):
    """What a number of users finds."""

    users_per_arm: Count
    power: Share


class Plan(Answer):
    """How long an experiment must run to see an effect of a given size."""

    baseline: Share
    lift: float = Field(description="the smallest relative lift worth finding")
    arms: Count = Field(description="with the control")
    alpha: Share
    power: Share
    rule: Rule = Field(description="judged once at the end, or daily")
    looks: Count = Field(description="daily looks of the planned and the unplanned rule")
    users_per_arm: Count
    users_total: Count
    users_per_day: float | None
    days: Count | None = Field(description="null without users_per_day")
    curve: list[PowerPoint] = Field(description="power from no users to twice the plan; empty without `points`")


class Live(Answer):
    """The process answers."""

    status: Literal["alive"]


class Ready(Answer):
    """Whether the answers are current."""

    status: Literal["ready", "not_ready"]
    problems: list[str] = Field(description="empty when ready")
    lake_readable: bool
    table_features_supported: bool
    warming: bool = Field(description="days are still being loaded; a request for one of them waits")
    checked_at: datetime | None
    release: Release | None
    versions: dict[str, int] = Field(description="table to Delta version of the release that is served")


class Version(Answer):
    """What is running."""

    version: str
    contract_version: int


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None = None


class NoData(Answer):
    """No such experiment, or nothing on that day."""

    detail: str
