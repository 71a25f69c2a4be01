"""The closed sets of values that columns of the tables and settings have."""

from enum import StrEnum


class Decision(StrEnum):
    """What to do with an experiment."""

    SHIP = "ship"
    KEEP_CONTROL = "keep_control"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class SrmStatus(StrEnum):
    """The result of the sample-ratio test."""

    OK = "ok"
    MISMATCH = "mismatch"
    NOT_TESTED = "not_tested"


class Window(StrEnum):
    """Which days a row of gold/posteriors or gold/comparisons covers."""

    DAY = "day"
    """That day alone."""
    TO_DATE = "to_date"
    """From the start of the period to that day."""


class Role(StrEnum):
    """The part of an arm in its experiment."""

    CONTROL = "control"
    TREATMENT = "treatment"
    LEFT_OUT = "left_out"
    """A few users saw it although the registry gives it no share; it takes no part."""
    FALLBACK = "fallback"
    """What users get when the assignment fails; no verdict covers it."""


class Engine(StrEnum):
    """Which engine computes posteriors."""

    MCMC = "mcmc"
    EXACT = "exact"


class CrossExposed(StrEnum):
    """What happens to users who saw several arms of one experiment."""

    FIRST = "first"
    EXCLUDE = "exclude"
    INCLUDE = "include"


class Compute(StrEnum):
    """Which engine runs the DataFrame code."""

    AUTO = "auto"
    """The embedded engine where it can, else Spark."""
    EMBEDDED = "embedded"
    """Sail, inside this process."""
    SPARK = "spark"


class MetricType(StrEnum):
    """What a metric averages over users."""

    CONVERSION = "conversion"
    """Users with at least one event."""
    COUNT = "count"
    """Events of a user."""
    SUM = "sum"
    """The sum of a column over the events of a user."""
    RATIO = "ratio"
    """The sum of one measure over all users, divided by the sum of another."""
    RETENTION = "retention"
    """Users with an event in a stretch of time after the first exposure."""


class Direction(StrEnum):
    """Which direction of a metric is better."""

    UP = "up"
    DOWN = "down"


class MetricRole(StrEnum):
    """What a metric is for in an experiment."""

    GOAL = "goal"
    GUARDRAIL = "guardrail"
    OBSERVED = "observed"
    """Neither: the decision does not depend on it."""


class MetricStatus(StrEnum):
    """What is proven about an arm by one metric, against the control."""

    BETTER = "better"
    WORSE = "worse"
    NOT_WORSE = "not_worse"
    """A guardrail: no loss beyond its margin."""
    UNPROVEN = "unproven"
    NOT_TESTED = "not_tested"
    """There are too few data for a test."""
