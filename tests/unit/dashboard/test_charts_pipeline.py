"""The flow of rows: every end has one label next to its band; ends without rows are left out."""

import itertools

import pytest

from dashboard import labels
from dashboard.charts.pipeline import flow


def test_ends_are_in_order_and_do_not_overlap() -> None:
    figure = flow(100, 60, 30, 6, 4)
    shown = [note.text for note in figure.layout.annotations]
    names = (labels.FLOW_NEW, labels.FLOW_DUPLICATES, labels.FLOW_REJECTED, labels.FLOW_FORGOTTEN)
    assert shown == [f"{name} {rows}" for name, rows in zip(names, (60, 30, 6, 4), strict=True)]
    heights = [note.y for note in figure.layout.annotations]
    assert all(upper - lower > 0.13 for upper, lower in itertools.pairwise(heights))
    assert list(figure.data[0].node.y)[1:] == pytest.approx([1 - height for height in heights])
    assert sum(figure.data[0].link.value) == 100


def test_ends_without_rows_are_left_out() -> None:
    figure = flow(10, 10, 0, 0, 0)
    assert [note.text for note in figure.layout.annotations] == [f"{labels.FLOW_NEW} 10"]
    assert list(figure.data[0].node.y) == pytest.approx([0.5, 0.5])
