"""The control is the registry's, a known name, or the lowest id, and never changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtest_lib.verdict.control import ControlSource, arm_order, choose_control, fix_control

NAMES = ("control", "CONTROL")


@pytest.mark.parametrize(
    ("arms", "registered", "expected", "source"),
    [
        (["A", "control", "B"], "B", "B", ControlSource.REGISTERED),
        (["A", "control"], "C", None, ControlSource.MISSING),
        (["A", "CONTROL", "control"], None, "control", ControlSource.NAMED),
        (["100", "20", "3"], None, "3", ControlSource.ASSUMED),
        (["b", "A", "7"], None, "7", ControlSource.ASSUMED),
        (["010", "9"], None, "9", ControlSource.ASSUMED),
        ([], None, None, ControlSource.MISSING),
    ],
)
def test_choice(arms: list[str], registered: str | None, expected: str | None, source: ControlSource) -> None:
    choice = choose_control(arms, registered, NAMES)
    assert (choice.variant_id, choice.source) == (expected, source)


@given(st.permutations(["4915", "4916", "A", "DEFAULT"]))
def test_the_order_of_arms_does_not_matter(arms: list[str]) -> None:
    assert choose_control(arms, None).variant_id == "4915"


@given(st.lists(st.integers(0, 10**20), min_size=1))
def test_numbers_are_ordered_by_value(numbers: list[int]) -> None:
    assert [int(arm) for arm in sorted(map(str, numbers), key=arm_order)] == sorted(numbers)


def test_a_late_arm_never_becomes_the_control() -> None:
    days = [["B"], ["B", "C"], ["A", "B", "C"]]
    assert fix_control(days, None).variant_id == "B"
    assert fix_control(days[:1], None).variant_id == "B"
    assert fix_control(days, "A").variant_id == "A"
    assert fix_control(days[:2], "A").source is ControlSource.MISSING
    assert fix_control([], None).source is ControlSource.MISSING
