"""Numbers as people read them: grouped counts, percentages, never scientific notation.

A number and its unit, or the ends of an interval, never part at the end of a line: the space between is U+00A0.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

from dashboard import shapes, texts

_SMALLEST_P = 0.0001
_PERCENT_OF_PROSE = re.compile(r"(?<=\d) %")
_SCIENTIFIC = re.compile(r"(?m)(?<=[ :])-?\d+(?:\.\d+)?[eE][+-]?\d+(?=,?$)")


def count(value: float | None) -> str:
    """A count with thousands separated.

    Examples:
        >>> count(1234567), count(None)
        ('1,234,567', '–')
    """
    return texts.DASH if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    r"""A proportion as a percentage.

    Examples:
        >>> percent(0.0519), percent(0.089, 1, signed=True)
        ('5.19\xa0%', '+8.9\xa0%')
    """
    if value is None:
        return texts.DASH
    return f"{100 * value:{'+' if signed else ''},.{digits}f}{texts.PERCENT}"


def points(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    r"""A difference of proportions in percentage points.

    Examples:
        >>> points(0.0042, signed=True)
        '+0.420\xa0pp'
    """
    return texts.DASH if value is None else f"{100 * value:{'+' if signed else ''},.{digits}f}{texts.POINTS}"


def number(value: float | None, digits: int = 2) -> str:
    """A plain number."""
    return texts.DASH if value is None else f"{value:,.{digits}f}"


def probability(value: float | None) -> str:
    r"""A probability, which is never rounded to certainty.

    Examples:
        >>> probability(0.98123), probability(0.99999), probability(0.00001)
        ('98.1\xa0%', '>\xa099.9\xa0%', '<\xa00.1\xa0%')
    """
    if value is None:
        return texts.DASH
    if value > 0.999:  # noqa: PLR2004
        return f">{texts.NBSP}{percent(0.999, 1)}"
    return f"<{texts.NBSP}{percent(0.001, 1)}" if value < 0.001 else percent(value, 1)  # noqa: PLR2004


def p_value(value: float | None) -> str:
    r"""A p-value.

    Examples:
        >>> p_value(0.0441), p_value(1e-12)
        ('0.0441', '<\xa00.0001')
    """
    if value is None:
        return texts.DASH
    return f"<{texts.NBSP}{_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.4f}"


def p_equation(value: float | None) -> str:
    r"""A p-value with its sign of comparison.

    Examples:
        >>> p_equation(0.0441), p_equation(1e-12)
        ('p\xa0=\xa00.0441', 'p\xa0<\xa00.0001')
    """
    shown = p_value(value)
    return texts.NBSP.join(["p", shown] if shown.startswith("<") else ["p", "=", shown])


def interval(found: shapes.Interval | None, digits: int = 2) -> str:
    r"""A 95 % interval of proportions.

    Examples:
        >>> interval({"lower": 0.0489, "upper": 0.0551})
        '4.89\xa0…\xa05.51\xa0%'
    """
    if found is None:
        return texts.DASH
    return f"{100 * found['lower']:,.{digits}f}{texts.TO}{100 * found['upper']:,.{digits}f}{texts.PERCENT}"


def points_interval(found: shapes.Interval | None, digits: int = 2) -> str:
    """An interval of differences in percentage points."""
    if found is None:
        return texts.DASH
    return f"{100 * found['lower']:+,.{digits}f}{texts.TO}{100 * found['upper']:+,.{digits}f}{texts.POINTS}"


def lift(found: shapes.Lift | None) -> str:
    r"""A lift with its interval; a line may end between the two.

    Examples:
        >>> lift({"median": 0.089, "lower": 0.004, "upper": 0.181})
        '+8.9\xa0% (+0.4\xa0…\xa0+18.1)'
    """
    if found is None:
        return texts.DASH
    middle = percent(found["median"], 1, signed=True)
    if found["lower"] is None or found["upper"] is None:
        return middle
    return f"{middle} ({100 * found['lower']:+,.1f}{texts.TO}{100 * found['upper']:+,.1f})"


def prose(text: str) -> str:
    r"""A sentence of the API, with percentages as everywhere else.

    Examples:
        >>> prose("5.00 % of 100")
        '5.00\xa0% of 100'
    """
    return _PERCENT_OF_PROSE.sub(texts.PERCENT, text)


def age(seconds: float | None) -> str:
    """How long ago, in the largest unit that fits.

    Examples:
        >>> age(42), age(5400), age(260000)
        ('42 seconds', '90 minutes', '3 days')
    """
    if seconds is None:
        return texts.DASH
    for unit, length, least in (("days", 86_400, 2), ("hours", 3_600, 2), ("minutes", 60, 2)):
        if seconds >= least * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def size(amount: int | None) -> str:
    r"""Bytes.

    Examples:
        >>> size(9120), size(3_500_000)
        ('9\xa0kB', '4\xa0MB')
    """
    if amount is None:
        return texts.DASH
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= length:
            return f"{amount / length:,.0f}{texts.NBSP}{unit}"
    return f"{amount}{texts.NBSP}B"


def instant(text: str | None) -> str:
    """An instant to the minute, in UTC.

    Examples:
        >>> instant("2021-08-03T04:12:09.5Z")
        '2021-08-03 04:12 UTC'
    """
    if text is None:
        return texts.DASH
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def decision(code: str | None) -> str:
    """A decision in words."""
    return texts.DECISIONS.get(code, str(code))


def json_text(value: object) -> str:
    r"""Any JSON value on several lines, numbers written out.

    Examples:
        >>> json_text({"expected_loss": 2e-05})
        '{\n  "expected_loss": 0.00002\n}'
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _SCIENTIFIC.sub(lambda found: f"{Decimal(found[0]):f}", text)


def arm(variant: shapes.VariantId, role: str | None) -> str:
    """An arm's name with its part in the experiment.

    Examples:
        >>> arm(4915, "control"), arm("B", "treatment")
        ('4915 (control)', 'B')
    """
    marks = {"control": texts.CONTROL_MARK, "fallback": texts.FALLBACK_MARK}
    return marks.get(role or "", "{arm}").format(arm=_short(str(variant)))


def _short(text: str, limit: int = 40) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
