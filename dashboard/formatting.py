"""Format numbers and dates for people: grouped counts, percentages, never scientific notation.

A no-break space (U+00A0) keeps a number and its unit on one line, and also the ends of an interval.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

from abtest_lib import answers, formatting
from abtest_lib.contracts.enums import Role
from dashboard import labels

_SMALLEST_P = 0.0001
_PERCENT_SIGN = re.compile(r"(?<=\d) %")
_SCIENTIFIC = re.compile(r"(?m)(?<=[ :])-?\d+(?:\.\d+)?[eE][+-]?\d+(?=,?$)")


def count(value: float | None) -> str:
    """Format a count, with thousands separated.

    Examples:
        >>> count(1234567), count(None)
        ('1,234,567', '–')
    """
    return labels.DASH if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    r"""Format a proportion as a percentage.

    Examples:
        >>> percent(0.0519), percent(0.089, 1, signed=True)
        ('5.19\xa0%', '+8.9\xa0%')
    """
    if value is None:
        return labels.DASH
    return f"{100 * value:{'+' if signed else ''},.{digits}f}{labels.PERCENT}"


def percentage_points(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    r"""Format a difference of proportions in percentage points.

    Examples:
        >>> percentage_points(0.0042, signed=True)
        '+0.420\xa0pp'
    """
    return labels.DASH if value is None else f"{100 * value:{'+' if signed else ''},.{digits}f}{labels.POINTS}"


def number(value: float | None, digits: int = 2) -> str:
    """Format a plain number."""
    return labels.DASH if value is None else f"{value:,.{digits}f}"


def probability(value: float | None) -> str:
    r"""Format a probability; it is never rounded to 0 or 1.

    Examples:
        >>> probability(0.98123), probability(0.99999), probability(0.00001)
        ('98.1\xa0%', '>\xa099.9\xa0%', '<\xa00.1\xa0%')
    """
    if value is None:
        return labels.DASH
    return formatting.probability(value).replace(" ", labels.NBSP)


def p_value(value: float | None) -> str:
    r"""Format a p-value.

    Examples:
        >>> p_value(0.0441), p_value(1e-12)
        ('0.0441', '<\xa00.0001')
    """
    if value is None:
        return labels.DASH
    return f"<{labels.NBSP}{_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.4f}"


def p_equation(value: float | None) -> str:
    r"""Format a p-value with its sign of comparison.

    Examples:
        >>> p_equation(0.0441), p_equation(1e-12)
        ('p\xa0=\xa00.0441', 'p\xa0<\xa00.0001')
    """
    shown = p_value(value)
    return labels.NBSP.join(["p", shown] if shown.startswith("<") else ["p", "=", shown])


def percent_interval(interval: answers.Interval | None, digits: int = 2) -> str:
    r"""Format an interval of proportions.

    Examples:
        >>> percent_interval({"lower": 0.0489, "upper": 0.0551})
        '4.89\xa0…\xa05.51\xa0%'
    """
    if interval is None:
        return labels.DASH
    return f"{100 * interval['lower']:,.{digits}f}{labels.TO}{100 * interval['upper']:,.{digits}f}{labels.PERCENT}"


def percentage_points_interval(interval: answers.Interval | None, digits: int = 2) -> str:
    """Format an interval of differences in percentage points."""
    if interval is None:
        return labels.DASH
    return f"{100 * interval['lower']:+,.{digits}f}{labels.TO}{100 * interval['upper']:+,.{digits}f}{labels.POINTS}"


def lift(estimate: answers.Lift | None) -> str:
    r"""Format a lift with its interval; a line break is allowed between the two.

    Examples:
        >>> lift({"median": 0.089, "lower": 0.004, "upper": 0.181})
        '+8.9\xa0% (+0.4\xa0…\xa0+18.1)'
    """
    if estimate is None:
        return labels.DASH
    median, lower, upper = percent(estimate["median"], 1, signed=True), estimate["lower"], estimate["upper"]
    if lower is None or upper is None:
        return median
    return f"{median} ({100 * lower:+,.1f}{labels.TO}{100 * upper:+,.1f})"


def scale(reach: float) -> tuple[str, str]:
    r"""Format both ends of a scale of lifts.

    Examples:
        >>> scale(0.5)
        ('-50\xa0%', '+50\xa0%')
    """
    return percent(-reach, 0, signed=True), percent(reach, 0, signed=True)


def observed_lift(value: float | None, interval: answers.Interval | None) -> str:
    r"""Format an observed lift with its interval.

    Examples:
        >>> observed_lift(0.4, {"lower": -0.013, "upper": 0.988})
        '+40.0\xa0% (-1.3\xa0…\xa0+98.8)'
    """
    if value is None or interval is None:
        return labels.DASH
    return lift({"median": value, "lower": interval["lower"], "upper": interval["upper"]})


def sentence(text: str) -> str:
    r"""Format the percentages in a sentence of the API like all others.

    Examples:
        >>> sentence("5.00 % of 100")
        '5.00\xa0% of 100'
    """
    return _PERCENT_SIGN.sub(labels.PERCENT, text)


def age(seconds: float | None) -> str:
    """Format an age in the largest unit of which it has at least two.

    Examples:
        >>> age(42), age(5400), age(260000)
        ('42 seconds', '90 minutes', '3 days')
    """
    if seconds is None:
        return labels.DASH
    for unit, length, least in (("days", 86_400, 2), ("hours", 3_600, 2), ("minutes", 60, 2)):
        if seconds >= least * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def byte_size(size: int | None) -> str:
    r"""Format a number of bytes.

    Examples:
        >>> byte_size(9120), byte_size(3_500_000)
        ('9\xa0kB', '4\xa0MB')
    """
    if size is None:
        return labels.DASH
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= length:
            return f"{size / length:,.0f}{labels.NBSP}{unit}"
    return f"{size}{labels.NBSP}B"


def utc_minute(text: str | None) -> str:
    """Format an instant in UTC, to the minute.

    Examples:
        >>> utc_minute("2021-08-03T04:12:09.5Z")
        '2021-08-03 04:12 UTC'
    """
    if text is None:
        return labels.DASH
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def decision_name(code: str | None) -> str:
    """Return the name of a decision; an unknown code is returned unchanged."""
    return labels.DECISIONS.get(code, str(code))


def json_text(value: object) -> str:
    r"""Format a JSON value on several lines, without scientific notation.

    Examples:
        >>> json_text({"expected_loss": 2e-05})
        '{\n  "expected_loss": 0.00002\n}'
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _SCIENTIFIC.sub(lambda found: f"{Decimal(found[0]):f}", text)


def arm_name(variant: answers.VariantId, role: str | None) -> str:
    """Return the name of an arm, marked if it is the control or is not judged.

    Examples:
        >>> arm_name(4915, "control"), arm_name("B", "treatment")
        ('4915 (control)', 'B')
    """
    marks: dict[str | None, str] = {
        Role.CONTROL: labels.CONTROL_MARK,
        Role.FALLBACK: labels.FALLBACK_MARK,
        Role.LEFT_OUT: labels.LEFT_OUT_MARK,
    }
    return marks.get(role, "{arm}").format(arm=shorten(str(variant)))


def shorten(text: str, limit: int = 40) -> str:
    """Return a text on one line, cut at a limit."""
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
