"""How all parts of the suite show numbers to a person."""

_LEAST, _MOST = 0.001, 0.999
_SMALLEST_P = 0.0001


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
