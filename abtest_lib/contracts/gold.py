"""Gold: counts, posteriors, comparisons and verdicts; nothing per user."""

from abtest_lib.contracts.table import Column, TableContract

DAY = Column("day", "date", "the date in the reporting time zone")
EXPERIMENT = Column("experiment_name", "string", "the experiment")
VARIANT = Column("variant_id", "string", "the variant")
METRIC = Column("metric", "string", "the metric, `purchase` or one of the catalogue")
SEGMENT = Column("segment", "string", "`all`, or `column=value`: the value at first exposure")
COUNTS_ADD_UP = {"users_not_negative": "users >= 0", "purchases_at_most_users": "purchases BETWEEN 0 AND users"}

LAKE_DAILY = TableContract(
    layer="gold",
    name="lake_daily",
    grain="day",
    columns=(
        DAY,
        Column("users", "bigint", "distinct users with a valid event that day"),
        Column("events", "bigint", "valid events of that day"),
        Column(
            "quarantined_rows",
            "bigint",
            "rejected rows whose time names this day, lines that could not be split aside",
        ),
    ),
    key=("day",),
    sort_by=("day",),
    checks={"somebody_was_there": "users >= 1 AND events >= users", "rejected_not_negative": "quarantined_rows >= 0"},
)

EXPERIMENT_DAILY = TableContract(
    layer="gold",
    name="experiment_daily",
    grain="day × experiment × variant",
    columns=(
        DAY,
        EXPERIMENT,
        VARIANT,
        Column("users", "bigint", "distinct users seen in the variant that day"),
        Column("purchases", "bigint", "those with at least one event there that a purchase followed"),
    ),
    key=("day", "experiment_name", "variant_id"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
    checks=COUNTS_ADD_UP,
)

FUNNEL_DAILY = TableContract(
    layer="gold",
    name="funnel_daily",
    grain="day × event × experiment × variant",
    columns=(
        DAY,
        Column("event_name", "string", "the step of the funnel"),
        EXPERIMENT,
        VARIANT,
        Column("users", "bigint", "distinct users with this event in the variant that day"),
        Column("purchases", "bigint", "those with at least one such event that a purchase followed"),
    ),
    key=("day", "event_name", "experiment_name", "variant_id"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
    checks=COUNTS_ADD_UP,
)

EXPERIMENT_TO_DATE = TableContract(
    layer="gold",
    name="experiment_to_date",
    grain="as-of day × experiment × variant",
    columns=(
        DAY,
        EXPERIMENT,
        VARIANT,
        Column("period_start", "date", "the first day of the period that the counts cover"),
        Column("users", "bigint", "users who entered the variant in the period, by the cross-exposure policy"),
        Column("purchases", "bigint", "those who had converted by the end of the day"),
        Column("cross_exposed_users", "bigint", "users of the variant who had seen a second arm by the end of the day"),
        Column("cross_exposed_purchases", "bigint", "those of them who had converted"),
    ),
    key=("day", "experiment_name", "variant_id"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
    checks={**COUNTS_ADD_UP, "cross_exposed_add_up": "cross_exposed_purchases BETWEEN 0 AND cross_exposed_users"},
)

EXPERIMENT_HEALTH = TableContract(
    layer="gold",
    name="experiment_health",
    grain="day × experiment",
    columns=(
        DAY,
        EXPERIMENT,
        Column("participants", "bigint", "distinct users exposed that day"),
        Column("participants_to_date", "bigint", "distinct users exposed by the end of the day"),
        Column("cross_exposed_users", "bigint", "users whose second arm was seen that day"),
        Column("cross_exposed_users_to_date", "bigint", "users who had seen a second arm by the end of the day"),
        Column("first_day", "date", "the day of the experiment's first exposure"),
        Column("days_running", "bigint", "days from first_day to day, both counted"),
    ),
    key=("day", "experiment_name"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
)


def _sum(name: str, meaning: str, *, nullable: bool = True) -> Column:
    return Column(name, "double", meaning, nullable=nullable)


METRIC_TO_DATE = TableContract(
    layer="gold",
    name="metric_to_date",
    grain="as-of day × experiment × variant × metric × segment",
    columns=(
        DAY,
        EXPERIMENT,
        VARIANT,
        METRIC,
        SEGMENT,
        Column("period_start", "date", "the first day of the period that the sums cover"),
        Column("users", "bigint", "users who entered the variant in the period, as in gold/experiment_to_date"),
        _sum("sum_x", "sum over users of x, a user's value (of a ratio: its numerator)", nullable=False),
        _sum("sum_xx", "sum of x²", nullable=False),
        _sum("sum_y", "sum of y, a user's denominator; NULL unless the metric is a ratio, like the next two"),
        _sum("sum_yy", "sum of y²"),
        _sum("sum_xy", "sum of x·y"),
        _sum("sum_c", "sum of c, a user's covariate; NULL unless the metric has one, like the next two"),
        _sum("sum_cc", "sum of c²"),
        _sum("sum_xc", "sum of x·c"),
        _sum("sum_yc", "sum of y·c; NULL unless the metric is a ratio with a covariate"),
        Column("capped_users", "bigint", "users whose x is cut off at the cap; NULL without a cap", nullable=True),
        Column(
            "mature_users",
            "bigint",
            "users whose window has closed by the end of the day; NULL without a window",
            nullable=True,
        ),
    ),
    key=("day", "experiment_name", "variant_id", "metric", "segment"),
    partition_by=("day",),
    sort_by=("experiment_name", "metric", "segment", "variant_id"),
    checks={"users_not_negative": "users >= 0"},
)
"""Exists only where a catalogue declares metrics, or an experiment segments."""

WINDOW = Column("window", "string", "`day` or `to_date`")
ARM_LIFT = (
    Column("lift_lower", "double", "lower end of the lift's 95 % interval, a ratio", nullable=True),
    Column("lift_upper", "double", "upper end of the lift's 95 % interval, a ratio", nullable=True),
)

POSTERIORS = TableContract(
    layer="gold",
    name="posteriors",
    grain="window × day × experiment × metric × variant",
    columns=(
        WINDOW,
        METRIC,
        DAY,
        EXPERIMENT,
        VARIANT,
        Column("is_control", "boolean", "whether the variant is the control"),
        Column("users", "bigint", "trials", nullable=True),
        Column("purchases", "bigint", "successes; NULL for other metrics than `purchase`", nullable=True),
        Column(
            "conversion_mean",
            "double",
            "posterior mean of the conversion, a proportion, or of another metric in its unit",
            nullable=True,
        ),
        Column("conversion_sd", "double", "posterior standard deviation", nullable=True),
        Column("interval_lower", "double", "2.5 % quantile", nullable=True),
        Column("interval_upper", "double", "97.5 % quantile", nullable=True),
        Column("hdi_lower", "double", "lower end of the 95 % highest-density interval", nullable=True),
        Column("hdi_upper", "double", "upper end of the 95 % highest-density interval", nullable=True),
        Column("probability_best", "double", "posterior probability that the arm has the best value", nullable=True),
        Column(
            "probability_beats_control",
            "double",
            "posterior probability of beating the control",
            nullable=True,
        ),
        Column("expected_loss", "double", "expected loss when the arm is chosen, in the metric's unit", nullable=True),
        Column("lift_median", "double", "posterior median of the relative lift over control, a ratio", nullable=True),
        *ARM_LIFT,
        Column("engine", "string", "`mcmc` or `exact`: what produced the numbers", nullable=True),
        Column("r_hat", "double", "largest split R-hat of the group", nullable=True),
        Column("ess_bulk", "double", "smallest bulk effective sample size of the group", nullable=True),
        Column("ess_tail", "double", "smallest tail effective sample size of the group", nullable=True),
        Column("divergences", "bigint", "divergent transitions of the group", nullable=True),
        Column("status", "string", "`ok`, `refitted` or `failed`"),
        Column("reason", "string", "why the status is not `ok`", nullable=True),
        Column("prior", "string", "the prior's name", nullable=True),
        Column("model_version", "string", "version of model and engines"),
        Column("seed", "bigint", "the seed of the group's draws", nullable=True),
    ),
    key=("window", "day", "experiment_name", "metric", "variant_id"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
)

COMPARISONS = TableContract(
    layer="gold",
    name="comparisons",
    grain="window × day × experiment × metric × segment × variant against control",
    columns=(
        WINDOW,
        METRIC,
        DAY,
        EXPERIMENT,
        VARIANT,
        Column("control_id", "string", "the arm compared with"),
        Column(
            "difference",
            "double",
            "the arm's value minus the control's, adjusted by the covariate where there is one",
            nullable=True,
        ),
        Column("difference_lower", "double", "lower end of its simultaneous 95 % interval", nullable=True),
        Column("difference_upper", "double", "upper end of its simultaneous 95 % interval", nullable=True),
        Column("lift", "double", "the arm's value over the control's minus one, a ratio", nullable=True),
        *ARM_LIFT,
        Column("statistic", "double", "score z statistic", nullable=True),
        Column("p_value", "double", "two-sided, of this pair alone", nullable=True),
        Column("p_adjusted", "double", "Bonferroni over the arms", nullable=True),
        Column("p_holm", "double", "Holm over the arms, for information", nullable=True),
        Column("p_benjamini_hochberg", "double", "Benjamini–Hochberg over the arms, for information", nullable=True),
        Column("decision_lower", "double", "lower end of the interval that the decision rests on", nullable=True),
        Column("decision_upper", "double", "upper end of the interval that the decision rests on", nullable=True),
        Column("boundary", "double", "critical |z| of that day's look", nullable=True),
        Column("information", "double", "Fisher information of the pair, in events", nullable=True),
        Column("chi_square", "double", "omnibus chi-square over all arms", nullable=True),
        Column("chi_square_dof", "bigint", "its degrees of freedom", nullable=True),
        Column("chi_square_p_value", "double", "its p-value", nullable=True),
        SEGMENT,
        Column("role", "string", "`goal`, `guardrail` or `observed`"),
        Column("status", "string", "`better`, `worse`, `not_worse`, `unproven` or `not_tested`"),
        Column("margin", "double", "the largest loss a guardrail accepts, in the metric's unit", nullable=True),
        Column("users", "bigint", "users of the arm"),
        Column("control_users", "bigint", "users of the control"),
        Column("value", "double", "the metric of the arm: a proportion, a mean per user, or a ratio", nullable=True),
        Column("control_value", "double", "the metric of the control", nullable=True),
        Column(
            "unadjusted_difference",
            "double",
            "difference without the covariate; NULL unless the metric has one, like the next three",
            nullable=True,
        ),
        Column("unadjusted_lower", "double", "lower end of its interval", nullable=True),
        Column("unadjusted_upper", "double", "upper end of its interval", nullable=True),
        Column("variance_reduction", "double", "share of the variance that the covariate removes", nullable=True),
        Column("interaction_p_value", "double", "whether the effect differs between segments", nullable=True),
    ),
    key=("window", "day", "experiment_name", "metric", "segment", "variant_id"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
)

VERDICTS = TableContract(
    layer="gold",
    name="verdicts",
    grain="day × experiment",
    columns=(
        DAY,
        EXPERIMENT,
        Column("is_valid", "boolean", "whether the numbers can be trusted"),
        Column("reasons", "array<string>", "codes of everything a reader must know"),
        Column("winner", "string", "the arm with the highest probability_best; descriptive", nullable=True),
        Column("decision", "string", "`ship`, `keep_control`, `inconclusive` or `invalid`"),
        Column("decided_on", "date", "the day on which the decision in force was first taken", nullable=True),
        Column("period_start", "date", "the first day of the period that was judged"),
        Column("control_id", "string", "the control", nullable=True),
        Column("srm_p_value", "double", "p-value of the sample-ratio test", nullable=True),
        Column("srm_status", "string", "`ok`, `mismatch` or `not_tested`"),
        Column("cross_exposed_share", "double", "users who saw several arms, a proportion of all", nullable=True),
        Column("information_fraction", "double", "share of the planned users or days that has passed", nullable=True),
        Column("model_version", "string", "version of the rules"),
        Column("explanation", "string", "one sentence for a person"),
        Column("metric", "string", "the goal that the decision rests on, else the first goal"),
    ),
    key=("day", "experiment_name"),
    partition_by=("day",),
    sort_by=("experiment_name", "window", "variant_id"),
    checks={"decision_known": "decision IN ('ship', 'keep_control', 'inconclusive', 'invalid')"},
)
