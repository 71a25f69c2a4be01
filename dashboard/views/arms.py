"""The tables of an experiment's arms: beliefs, differences, chi-square."""

from collections.abc import Sequence

import streamlit as st

from dashboard import page, rows, shapes, texts


def table(found: Sequence[shapes.HistoryArm], name: str) -> None:
    """Counts and beliefs of every arm, with a download."""
    right = "users purchases rate interval lift best beats loss"
    page.table(texts.ARM_COLUMNS, rows.arms(found), texts.ARMS_NOTE, right)
    page.download(name, found)


def differences(found: Sequence[shapes.HistoryArm]) -> None:
    """Each arm against the control, with the interval that the decision rests on."""
    compared = rows.differences(found)
    if compared:
        page.section(texts.DIFFERENCE_TITLE)
        right = "difference interval decision z boundary p"
        page.table(texts.DIFFERENCE_COLUMNS, compared, texts.DIFFERENCE_NOTE, right)


def chi_square(now: shapes.Point, found: Sequence[shapes.HistoryArm]) -> None:
    """The contingency table behind the omnibus test."""
    page.section(texts.CHI_TITLE)
    cells, test = rows.chi_square(found), now["chi_square"]
    if test is None or not cells:
        st.write(texts.CHI_NONE)
        return
    right = "bought bought_expected not not_expected contribution"
    page.table(texts.CHI_COLUMNS, cells, rows.chi_note(test), right)
