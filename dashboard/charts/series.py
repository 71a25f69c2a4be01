"""One arm's values over the days of a history."""

from collections.abc import Sequence

from abtest_lib import answers

LARGEST_Z = 8.0
"""Boundaries of early looks are far out; the axis of z ends here, so that the path stays readable."""
Series = list[tuple[str, answers.HistoryVariant]]


def arm_series(points: Sequence[answers.HistoryPoint], arm: answers.Arm) -> Series:
    """Return day and values of an arm, oldest first."""
    return [(point["day"], values) for point in points for values in point["variants"] if values["id"] == arm["id"]]
