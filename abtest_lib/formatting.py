"""How all parts of the suite show numbers to a person."""

from collections.abc import Mapping
from math import floor, isfinite, log10

from abtest_lib.contracts.enums import MetricStatus

_LEAST, _MOST = 0.001, 0.999
_SMALLEST_P = 0.0001
_DIGITS, _DIGITS_OF_DIFFERENCE, _MOST_DECIMALS = 4, 3, 8
STATUS_WORDS: Mapping[str, str] = {
    MetricStatus.BETTER: "proven better",
    MetricStatus.WORSE: "proven worse",
    MetricStatus.NOT_WORSE: "not worse",
    MetricStatus.UNPROVEN: "not proven",
    MetricStatus.NOT_TESTED: "too few data",
}
_MARKS: Mapping[str, str] = {MetricStatus.BETTER: "✓", MetricStatus.NOT_WORSE: "✓", MetricStatus.WORSE: "✗"}


def probability(value: float) -> str:
    """Format a probability; it is never shown as 0 % or 100 %.

    Examples:
        >>> probability(0.98123), probability(0.99999), probability(0.00001)
        ('98.1 %', '> 99.9 %', '< 0.1 %')
    """
    if value > _MOST:
        return "> 99.9 %"
    return "< 0.1 %" if value < _LEAST else f"{100 * value:.1f} %"


def p_equation(value: float) -> str:
    """Format a p-value with its sign of comparison.

    Examples:
        >>> p_equation(0.0441), p_equation(1e-12)
        ('p = 0.0441', 'p < 0.0001')
    """
    return f"p < {_SMALLEST_P}" if value < _SMALLEST_P else f"p = {value:.4f}"


def status_mark(status: str | None) -> str:
    """Return the mark of what is proven by a metric: ✓ good, ✗ bad, ! open.

    Examples:
        >>> status_mark("better"), status_mark("worse"), status_mark("unproven")
        ('✓', '✗', '!')
    """
    return _MARKS.get(status or "", "!")


def metric_value(value: float, *, is_proportion: bool = False, unit: str = "") -> str:
    """Format the value of a metric: a proportion as a percentage, any other with four digits and its unit.

    Examples:
        >>> metric_value(0.05196, is_proportion=True), metric_value(45.9134, unit="USD"), metric_value(0.0374419)
        ('5.20 %', '45.91 USD', '0.03744')
    """
    if is_proportion:
        return f"{100 * value:,.2f} %"
    return plain_number(value) + (f" {unit}" if unit else "")


def metric_difference(value: float, *, is_proportion: bool = False, unit: str = "", signed: bool = True) -> str:
    """Format a difference of values: of proportions in percentage points, of any others in their unit.

    Examples:
        >>> metric_difference(0.0105, is_proportion=True), metric_difference(2.25, unit="USD")
        ('+1.05 pp', '+2.25 USD')
    """
    sign = "+" if signed else ""
    if is_proportion:
        return f"{100 * value:{sign},.2f} pp"
    return f"{value:{sign},.{_decimals(value, _DIGITS_OF_DIFFERENCE)}f}" + (f" {unit}" if unit else "")


def difference_interval(lower: float, upper: float) -> tuple[str, str]:
    """Format both ends of an interval of differences with the same decimals.

    Examples:
        >>> difference_interval(-0.2, 0.6), difference_interval(0.5, 4.0)
        (('-0.200', '+0.600'), ('+0.50', '+4.00'))
    """
    decimals = _decimals(max(abs(lower), abs(upper)), _DIGITS_OF_DIFFERENCE)
    return f"{lower:+,.{decimals}f}", f"{upper:+,.{decimals}f}"


def plain_number(value: float) -> str:
    """Format a number with four significant digits, never in scientific notation.

    Examples:
        >>> plain_number(1234567.8), plain_number(-0.000123456), plain_number(0.0)
        ('1,234,568', '-0.0001235', '0')
    """
    return f"{value:,.{_decimals(value, _DIGITS)}f}"


def _decimals(value: float, digits: int) -> int:
    """Return the decimals that show some significant digits."""
    if value == 0 or not isfinite(value):
        return 0
    return min(max(digits - 1 - floor(log10(abs(value))), 0), _MOST_DECIMALS)
