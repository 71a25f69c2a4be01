"""The columns of every table on the pages: their keys in the rows, their headings, and which are numeric."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, in order.

    Attributes:
        headings: The heading of each column by the column's key.
        numeric: The keys of the columns with numbers, which are aligned right.
    """

    headings: Mapping[str, str]
    numeric: frozenset[str] = frozenset()

    def __getitem__(self, key: str) -> str:
        """Return the heading of a column."""
        return self.headings[key]

    def without(self, key: str) -> "Columns":
        """Return the columns except one."""
        kept = {other: heading for other, heading in self.headings.items() if other != key}
        return Columns(kept, self.numeric - {key})


def _columns(*, numeric: str = "", **headings: str) -> Columns:
    return Columns(headings, frozenset(numeric.split()))


OVERVIEW = _columns(
    name="Experiment",
    decision="Decision",
    lift="Lift over control, 95\u00a0% interval",
    winner="Leads",
    people="People",
    days="Days",
    last="Last day",
    numeric="people days",
)
SCORECARD = _columns(
    metric="Metric",
    arm="Arm",
    control="Control",
    value="Value",
    lift="Observed lift, 95\u00a0% interval",
    decision="Decision interval",
    status="Status",
    numeric="control value decision",
)
SEGMENTS = _columns(
    segment="Segment",
    arm="Arm",
    users="People",
    control="Control",
    value="Value",
    lift="Observed lift, 95\u00a0% interval",
    numeric="users control value",
)
ARMS = _columns(
    arm="Arm",
    role="Role",
    users="People",
    purchases="Buyers",
    rate="Conversion",
    interval="95\u00a0% interval",
    lift="Lift over control",
    best="Chance to be best",
    beats="Chance to beat control",
    loss="Expected loss",
    numeric="users purchases rate interval lift best beats loss",
)
DIFFERENCES = _columns(
    arm="Arm",
    difference="Difference to control",
    interval="Interval of this look",
    decision="Decision interval",
    z="z",
    boundary="Critical |z|",
    p="Adjusted p-value",
    numeric="difference interval decision z boundary p",
)
COMPARISONS = _columns(
    arm="Arm",
    difference="Difference to control",
    interval="95\u00a0% interval",
    lift="Observed lift",
    z="z",
    planned="Critical |z|, planned",
    unplanned="Critical |z|, no plan",
    p="Adjusted p-value",
    numeric="difference interval lift z planned unplanned p",
)
CHI_SQUARE = _columns(
    arm="Arm",
    bought="Bought",
    bought_expected="expected",
    others="Did not buy",
    others_expected="expected",
    contribution="Contribution to χ²",
    numeric="bought bought_expected others others_expected contribution",
)
VALIDITY = _columns(check="Check", found="Found", wanted="Wanted")
SPLIT = _columns(arm="Arm", users="People", share="Share", declared="Declared", numeric="users share declared")
FUNNEL = _columns(step="Event", arm="Arm", users="People", purchases="of them bought later", numeric="users purchases")
TABLES = _columns(
    table="Table",
    grain="One row per",
    rows="Rows",
    files="Files",
    size="Size",
    version="Version",
    problem="Problem",
    numeric="rows files size version",
)
TABLE_COLUMNS = _columns(name="Column", type="Type", meaning="Meaning")
RUNS = _columns(
    started="Started (UTC)",
    job="Step",
    status="Status",
    seconds="Seconds",
    read="Read",
    written="Written",
    rejected="Rejected",
    duplicates="Duplicates",
    forgotten="Forgotten",
    run="Run",
    numeric="seconds read written rejected duplicates forgotten",
)
PARAMETERS = _columns(name="Parameter", where="In", type="Type", default="Default", meaning="Meaning")
STATUSES = _columns(status="Status", meaning="Meaning")
FIELDS = _columns(name="Field", type="Type", meaning="Meaning")
