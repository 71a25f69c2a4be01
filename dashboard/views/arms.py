"""The tables of an experiment's arms: estimates, differences, chi-square."""

from collections.abc import Sequence

import streamlit as st

from abtest_lib import answers
from dashboard import columns, labels, page, rows


def estimates(arms: Sequence[answers.HistoryVariant], file_name: str) -> None:
    """Show counts and estimates of every arm, with a download."""
    page.table(columns.ARMS, rows.arm_rows(arms), labels.ARMS_NOTE)
    page.download(file_name, arms)


def differences(arms: Sequence[answers.HistoryVariant]) -> None:
    """Show each arm against the control, with the interval that the decision uses."""
    compared = rows.difference_rows(arms)
    if compared:
        page.section(labels.DIFFERENCE_TITLE)
        page.table(columns.DIFFERENCES, compared, labels.DIFFERENCE_NOTE)


def chi_square(test: answers.ChiSquare | None, arms: Sequence[answers.HistoryVariant]) -> None:
    """Show the contingency table and the result of the omnibus test."""
    page.section(labels.CHI_TITLE)
    cells = rows.chi_square_rows(arms)
    if test is None or not cells:
        st.write(labels.CHI_NONE)
        return
    page.table(columns.CHI_SQUARE, cells, rows.chi_square_note(test))
