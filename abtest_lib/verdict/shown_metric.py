"""A metric in a sentence: its values and differences in the unit of the metric."""

import math
from dataclasses import dataclass

from abtest_lib.metrics import PURCHASE

_DIGITS = 3
_SMALL_POINTS = 0.01


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """One metric of an arm and the control.

    Attributes:
        name: The metric.
        value: The arm's value.
        control_value: The control's.
        sign: 1 where more is better, -1 where less is.
        is_proportion: Whether the value is a proportion of the users.
        unit: The unit of the value; empty where there is none.
    """

    name: str
    value: float
    control_value: float
    sign: int = 1
    is_proportion: bool = True
    unit: str = ""

    @property
    def values(self) -> str:
        """The verb and the arm's value.

        Examples:
            >>> ShownMetric("purchase", 0.06, 0.05).values
            'converts 6.00 %'
            >>> ShownMetric("revenue_per_user", 17.1844, 11.4784, is_proportion=False, unit="USD").values
            'has revenue_per_user at 17.18 USD'
        """
        if self.name == PURCHASE:
            return f"converts {self._as_text(self.value)}"
        return f"has {self.name} at {self._as_text(self.value)}"

    @property
    def reference(self) -> str:
        """The control's value."""
        return self._as_text(self.control_value)

    @property
    def change(self) -> str:
        """The relative change in parentheses; empty where the control's value is not above 0."""
        if not self.control_value > 0 or math.isnan(self.value):
            return ""
        return f" ({self.value / self.control_value - 1:+.1%})".replace("%", " %")

    def gain(self, lower: float | None, upper: float | None) -> float | None:
        """Return the gain that an interval of the difference proves at least."""
        worse = lower if self.sign > 0 else upper
        return None if worse is None else self.sign * worse

    def loss(self, lower: float | None, upper: float | None) -> float | None:
        """Return the loss that an interval of the difference proves at least."""
        better = upper if self.sign > 0 else lower
        return None if better is None else -self.sign * better

    def number(self, difference: float, *, sign: bool = False) -> str:
        """Write a difference without its unit."""
        return _points(difference, sign=sign) if self.is_proportion else _rounded(difference, sign=sign)

    @property
    def unit_of_difference(self) -> str:
        """The unit of a difference, with a space before it; empty where there is none."""
        if self.is_proportion:
            return " percentage points"
        return f" {self.unit}" if self.unit else ""

    def _as_text(self, value: float) -> str:
        if not math.isfinite(value):
            return "an unknown value"
        if self.is_proportion:
            return f"{100 * value:.2f} %"
        return f"{_rounded(value)}{self.unit_of_difference}"


def _points(difference: float, *, sign: bool) -> str:
    points = 100 * difference
    digits = 2 if abs(points) >= _SMALL_POINTS or points == 0 else 4
    return f"{points:+.{digits}f}" if sign else f"{points:.{digits}f}"


def _rounded(value: float, *, sign: bool = False) -> str:
    """Write a number with four digits, or all of those before the point."""
    digits = 2 if value == 0 else max(_DIGITS - math.floor(math.log10(abs(value))), 0)
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
