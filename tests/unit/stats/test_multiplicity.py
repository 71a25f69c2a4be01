"""Corrections against statsmodels and known values."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from abtest_lib.stats.multiplicity import benjamini_hochberg, bonferroni, holm

Correction = Callable[[npt.ArrayLike], npt.NDArray[np.float64]]
METHODS: list[tuple[Correction, str]] = [(bonferroni, "bonferroni"), (holm, "holm"), (benjamini_hochberg, "fdr_bh")]


def test_holm_known_value() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005, 0.55, 0.6]), [0.05, 0.12, 0.12, 0.03, 1, 1], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_against_statsmodels(p_values: list[float]) -> None:
    for mine, name in METHODS:
        np.testing.assert_allclose(mine(p_values), multipletests(p_values, method=name)[1], atol=1e-12)


@pytest.mark.parametrize(("correct", "name"), METHODS)
def test_missing_comparisons_do_not_count(correct: Correction, name: str) -> None:
    with_gaps = correct([[0.01, np.nan, 0.04], [np.nan, np.nan, np.nan]])
    expected = multipletests([0.01, 0.04], method=name)[1]
    np.testing.assert_allclose(with_gaps[0, [0, 2]], expected)
    assert np.isnan(with_gaps[0, 1])
    assert np.isnan(with_gaps[1]).all()


def test_bonferroni_with_a_given_number() -> None:
    assert bonferroni([0.01, np.nan], 4).tolist()[0] == pytest.approx(0.04)
