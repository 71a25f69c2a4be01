"""Every text that a reader sees; `columns` has the headings of tables. A translation replaces these two modules."""

from abtest_lib.contracts.enums import Decision, MetricRole, Role, SrmStatus, Window
from abtest_lib.formatting import STATUS_WORDS

APP = "A/B tests"
DASH = "–"
NBSP = "\u00a0"
"""A space that keeps its line together."""
PERCENT, POINTS, TO = f"{NBSP}%", f"{NBSP}pp", f"{NBSP}…{NBSP}"
"""The units after a number, and the sign between the ends of an interval."""

# Pages
OVERVIEW, EXPERIMENT, PIPELINE = "Overview", "Experiment", "Pipeline"
PLAN, CALCULATOR = "Plan", "Calculator"
TRY, REFERENCE = "Try the API", "API reference"

# Values of the API
DECISIONS: dict[str | None, str] = {
    Decision.SHIP: "Ship",
    Decision.KEEP_CONTROL: "Keep control",
    Decision.INCONCLUSIVE: "Inconclusive",
    Decision.INVALID: "Not valid",
    None: "Not judged",
}
ROLES: dict[str, str] = {
    Role.CONTROL: "control",
    Role.TREATMENT: "treatment",
    Role.LEFT_OUT: "left out: a few users without a registered share",
    Role.FALLBACK: "fallback, not judged",
}
WINDOWS: dict[str, str] = {Window.TO_DATE: "To date", Window.DAY: "That day alone"}
SRM_STATUSES: dict[str, str] = {
    SrmStatus.OK: "as expected",
    SrmStatus.MISMATCH: "mismatch",
    SrmStatus.NOT_TESTED: "not tested",
}
METRIC_ROLES: dict[str, str] = {
    MetricRole.GOAL: "goal",
    MetricRole.GUARDRAIL: "guardrail",
    MetricRole.OBSERVED: "observed",
}
STATUSES = STATUS_WORDS

# Messages
DOWN_TITLE = "The API does not answer"
DOWN = "Nothing answers at {api}. Start it with `abtest serve --lake DIR`, or give another address: `{command}`."
NOT_READY_TITLE = "Nothing to show yet"
NOT_READY = "The API is up, but has no answer now: {detail}. Load the page again in a moment."
REFUSED_TITLE = "The API needs a key"
REFUSED = "Set ABTEST_DASHBOARD_KEY to a key that the API knows ({detail})."
NO_DATA_TITLE, NO_DATA = "No data", "{detail}"
OTHER_TITLE = "The API could not answer"
OTHER = "{detail} (request: {url})"
STALE_TITLE = "These numbers may be old"
STALE = "They come from the last release, which is {age} old. The API reports: {problems}."
OLD = "The last release is {age} old: no run has published anything since."
WARMING = "The API is still loading older days; some answers take longer for now."
RELEASE = "Data published {when} ({age} ago), run {run}"
RETRY = "Try again"
LOADING = "Asking the API …"

# Overview
OVERVIEW_LEAD = (
    "Act on the decision alone. It is safe to look every day: each verdict uses boundaries that allow for that."
)
ALL = "All"
CHANGED = "Changed"
SEARCH, SEARCH_HELP = "Find an experiment", "part of its name"
SHOW = "Show"
SORT = "Order"
SORTS = {
    "-last_day": "Newest data first",
    "name": "Name",
    "-participants": "Most people first",
    "participants": "Fewest people first",
    "-first_day": "Newest start first",
    "first_day": "Oldest start first",
}
LIFT_SCALE = "The scale of lifts runs from {low} to {high}; the line in the middle means no difference."
WAS = "was {decision}"
RESTS_ON = "rests on {metric}"
NO_MATCH_TITLE = "No experiment matches"
NO_MATCH = "Remove a filter, or search for another part of the name."
EMPTY_TITLE = "No experiments yet"
EMPTY = "Run the pipeline: `abtest run --input events.csv --lake DIR`. This page shows its release within seconds."
SHOWN = "{shown:,} of {total:,} experiments"
NEXT, FIRST = "Next page", "First page"
CHANGED_TITLE = "What changed since the day before"
CHANGED_LINE = "{name}: {before} → {now} ({day})"
CHANGED_NONE = "No decision changed on the last day of any experiment."
CHANGED_MORE = "and {more:,} more"
CSV = "Download CSV"

# Experiment
NO_EXPERIMENT_TITLE = "Choose an experiment"
NO_EXPERIMENT = "The list offers a hundred at a time; search to find others."
DAY, WINDOW = "Day", "Count"
EXPERIMENT_LABEL = "Experiment"
INVALID_TITLE = "Not valid: do not use these numbers"
PEOPLE_TO_DATE, PEOPLE_DAY, ARMS, DAYS_RUNNING = "People to date", "People that day", "Arms", "Days with data"
REASONS = "Why"
SCORECARD_TITLE = "Scorecard, to date"
SCORECARD_NOTE = (
    "✓ good, ✗ bad, ! open. Lifts are drawn from {low} to {high} with the interval of one look; a status rests on the "
    "decision interval of the difference, which allows for a look every day."
)
MARGIN = "margin {value}"
ADJUSTED = "adjusted by the covariate; without it {value}"
CAPPED = "{users} people capped"
SEGMENTS_TITLE = "Segments, to date"
SEGMENTS_NOTE = "Segments describe; they never decide."
INTERACTION = "Does the effect on {arm} differ by {column}? {p}."
METRIC = "Metric"
ARMS_TITLE = "Arms"
ARMS_NOTE = (
    "Intervals are credible intervals of the model. Expected loss is the conversion lost on average by choosing "
    "the arm, in percentage points."
)
CONVERSION_TITLE = "Conversion by arm"
CONVERSION_NOTE = "Bars show the observed conversion; the whisker is the 95\u00a0% credible interval."
TREND_TITLE: dict[str, str] = {
    Window.TO_DATE: "Conversion to date, day by day",
    Window.DAY: "Conversion of each day alone",
}
TREND_NOTE: dict[str, str] = {
    Window.TO_DATE: "Each person counts once since the start of the period; bands are 95\u00a0% credible intervals.",
    Window.DAY: "More purchases may still follow for the last days; do not decide on these numbers.",
}
POSTERIOR_TITLE = "Posterior of each arm's conversion"
POSTERIOR_NOTE = "The bar below each curve is the 95\u00a0% highest-density interval (HDI)."
LIFT_TITLE = "Lift over control"
LIFT_NOTE = "Median and 95\u00a0% credible interval."
LOSS_TITLE = "Expected loss"
LOSS_NOTE = "The conversion lost on average by choosing the arm. A smaller loss is safer."
BEST_TITLE = "Chance to be best, to date"
BEST_NOTE = "It varies a lot early on. A high value alone is no reason to stop."
BOUNDARY_TITLE = "The sequential test so far"
BOUNDARY_NOTE = (
    "A decision is made when the path crosses a dotted boundary. The boundaries allow for a look every day. "
    "Days without a boundary had no look: too few conversions, or too early in the plan."
)
BOUNDARY_NONE = "No look has been made yet: an arm has too few conversions for a test, or it is too early in the plan."
DIFFERENCE_TITLE = "Differences to control, to date"
DIFFERENCE_NOTE = "In percentage points. The decision uses the decision interval; the p-value assumes one look."
CHI_TITLE = "Chi-square table"
CHI_NOTE = "χ² = {statistic}, {dof}, {p}. It assumes one look, so no decision uses it."
DEGREE, DEGREES = "{dof} degree of freedom", "{dof} degrees of freedom"
CHI_NONE = "No chi-square test: fewer than two arms, or nobody or everybody bought."
CHI_EXPECTED = "Expected counts assume equal conversion in every arm."
VALIDITY_TITLE = "Are the numbers valid?"
CHECK_SRM, CHECK_SRM_WANTED = "Sample ratio", "p at least 0.001 for the declared split, or for an equal split"
CHECK_CROSS, CHECK_CROSS_WANTED = "People who saw several arms", "at most 10\u00a0%; a warning from 1\u00a0%"
CHECK_INFORMATION, CHECK_INFORMATION_WANTED = "Share of the plan completed", "100\u00a0% at the planned end"
CHECK_FIT, CHECK_FIT_WANTED = "Fit of the model", "every arm ok; R-hat at most 1.01"
SRM_FOUND = "{status}, {p}"
UNPLANNED = "no plan is registered"
FIT_FOUND = "{status}, {engine}{proof}"
FIT_PROOF = ", R-hat at most {r_hat}"
FIT_FAILED = "failed: {reason}"
SPLIT_TITLE = "Split of people, to date"
NOT_DECLARED, NOT_AVAILABLE = "not declared", "not available here"
FUNNEL_TITLE = "Funnel by arm"
FUNNEL_NOTE = "People of that day who did each kind of event."
FUNNEL_NONE = "No funnel for this day."

# Pipeline
PIPELINE_LEAD = "From raw events to the tables behind the verdicts. Every row read is accounted for."
LAST_DAY, ROWS_READ, REJECTED, PUBLISHED = "Newest day", "Rows read, last run", "Rejected, all runs", "Last release"
FLOW_TITLE = "Where the rows of the last run went"
FLOW_NOTE = "{read:,} read = {new:,} new + {duplicates:,} duplicates + {rejected:,} rejected{forgotten}"
FLOW_BROKEN = (
    "These rows do not add up: "
    "{read:,} read, {new:,} new + {duplicates:,} duplicates + {rejected:,} rejected{forgotten}."
)
FLOW_NOTE_FORGOTTEN = " + {forgotten:,} of people forgotten"
FLOW_NONE = "No run has read any rows yet."
STRAY_DAYS = (
    "Some days have too few users to be real, such as days of a wrong clock; planned ends and weeks do not count "
    "them (day and users): {days}."
)
AND_MORE = " and {number} more"
FLOW_READ, FLOW_NEW, FLOW_DUPLICATES, FLOW_REJECTED = "read", "new events (bronze)", "duplicates", "quarantine"
FLOW_FORGOTTEN = "forgotten"
QUARANTINE_TITLE = "Quarantine by rule"
QUARANTINE_NOTE = "A row may break several rules."
QUARANTINE_NONE = "Nothing was rejected."
TABLES_TITLE = "Tables"
SAMPLE_TITLE, TABLE_LABEL = "Sample of a table", "Table"
SAMPLE_NOTE = "{shown:,} of {rows} rows; ids of people are pseudonyms."
SAMPLE_NONE = "This table has no rows."
COLUMNS_TITLE = "Columns of {table}"
RUNS_TITLE = "Runs"
RUNS_NONE = "No run yet."
PIPELINE_FUNNEL = "Funnel by arm and day"

# Plan
PLAN_LEAD = "How many people does it take to find an effect? Decide before the start, and write it to the registry."
BASELINE, EFFECT = "Conversion of the control, %", "Smallest lift worth finding, %"
PLAN_ARMS, POWER, ALPHA = "Arms, with the control", "Power, %", "False alarms accepted, %"
STOPPING_RULE, PER_DAY = "Rule", "New people a day, all arms (0: unknown)"
STOPPING_RULES = {
    "fixed": "One look at the end",
    "planned": "Planned, daily looks",
    "unplanned": "Unplanned, daily looks",
}
PER_ARM, TOTAL, DURATION = "People per arm", "People in all", "Days"
DURATION_UNKNOWN = "enter people a day"
POWER_TITLE = "Power by number of people"
POWER_NOTE = "With {users} people in each arm, a lift of {lift} is found with {power} probability."
IMPOSSIBLE_TITLE = "No plan for these numbers"

# Calculator
CALCULATOR_LEAD = "What do counts say that are in no lake? Enter the people and the buyers of each arm."
CALCULATOR_CONTROL, CALCULATOR_ARM = "Control", "Arm {number}"
CALCULATOR_PEOPLE, CALCULATOR_BUYERS = "People in {arm}", "Buyers in {arm}"
SPLIT_SHARES, SPLIT_SHARES_HELP = "Planned shares (empty: equal)", "Such as 0.9, 0.1: in the order of the arms."
IMPOSSIBLE_COUNTS_TITLE = "No analysis of these counts"
PLANNED_TITLE, UNPLANNED_TITLE = "If this is the planned end", "If there is no plan"
PLANNED_NOTE = "The number of people was fixed before the start, and nobody decided on an earlier look."
UNPLANNED_NOTE = "It is safe to look on any day, and to stop on any day."
SRM_P, CHI_P = "Sample ratio, p-value", "χ² over all arms, p-value"
COMPARISON_TITLE = "Differences to the control"
COMPARISON_NOTE = "Score intervals of one look; they hold for all arms together with 95\u00a0%."

# Try the API
TRY_LEAD = "Send a request to the running API and see its answer."
ROUTE = "Route"
ROUTES = {
    "result": "The result of one experiment on one day",
    "history": "One experiment over all its days",
    "posterior": "The posteriors of one day",
    "funnel": "The funnel of one day",
    "detail": "One experiment: days, arms, verdict",
}
OTHER_NAME = "Another name (try one that does not exist)"
REQUEST, ANSWER = "Request", "Answer"
STATUS, TIME, SIZE = "Status", "Time", "Size"
MILLISECONDS = "{ms:,.1f} ms"
CURL, PYTHON = "curl", "Python"
CUT = "The first {shown:,} of {total:,} characters:"

# API reference
REFERENCE_LEAD = "Generated from the OpenAPI document of the running API, version {version}."
REQUIRED = "required"
EXAMPLE, LIVE = "Example of an answer", "Try it on the running API"
FIELDS = "Fields of {name}"

# Axes
AXIS_CONVERSION = "Conversion (buyers per person, %)"
AXIS_LIFT = "Lift over control (%)"
AXIS_DAY = "Day"
AXIS_BEST = "Chance to be best (%)"
AXIS_Z = "Score z (standard errors)"
AXIS_DENSITY = "Density (relative)"
AXIS_PEOPLE = "People"
AXIS_LOSS = "Expected loss (percentage points)"
AXIS_POWER = "Power (%)"
AXIS_PER_ARM = "People per arm"
AXIS_ROWS = "Rows"
AXIS_ARM, AXIS_STEP, AXIS_VALIDATION_RULE = "Arm", "Event", "Rule"
BOUNDARY_OF = "boundary, {arm}"
HDI_OF = "{arm}: 95\u00a0% between {low} and {high}"
CONTROL_MARK = "{arm} (control)"
FALLBACK_MARK = "{arm} (not judged)"
LEFT_OUT_MARK = "{arm} (left out)"
PERCENT_OF = "{arm}: {value}"

# Report
REPORT_TITLE = "{name}, {day}"
REPORT_FOOT = "Written on {when} from the release of {published} (run {run}); suite {version}."
REPORT_PEOPLE = "{total} people to date, {today} that day"

# Choices
NO_SUCH_DAY = "There is no data on '{day}': choose a day from {first} to {last}."
NOT_JUDGED = "The lake has counts for this day, but no verdict yet: the pipeline's last step has not run."
POSTERIOR_NONE = "The model has no posterior for this day."
BASELINE_HELP = "5 means that 5 of 100 people buy."
LATEST_DAY = "latest (no day in the request)"
LIST_OF, ANYTHING = "list of {kind}", "any"
CONVERSION_REPORT_NOTE = "The dot is the observed conversion, the line its 95\u00a0% credible interval, to date."
