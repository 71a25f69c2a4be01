"""How all parts of the suite show numbers to a person."""

from collections.abc import Mapping
from math import floor, isfinite, log10

from abtest_lib.contracts.enums import MetricStatus

_LEAST, _MOST = 0.001, 0.999
_SMALLEST_P = 0.0001
_SIGNIFICANT, _MOST_DECIMALS = 4, 8
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


def plain_number(value: float) -> str:
    """Format a number with four significant digits, never in scientific notation.

    Examples:
        >>> plain_number(1234567.8), plain_number(-0.000123456), plain_number(0.0)
        ('1,234,568', '-0.0001235', '0')
    """
    if value == 0 or not isfinite(value):
        return f"{value:.0f}"
    decimals = _SIGNIFICANT - 1 - floor(log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), _MOST_DECIMALS)}f}"
