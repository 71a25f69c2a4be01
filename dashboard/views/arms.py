"""The tables of an experiment's arms: beliefs, differences, chi-square."""

from collections.abc import Sequence

import streamlit as st

from dashboard import page, shapes, texts, words

_FEWEST = 2


def table(arms: Sequence[shapes.HistoryArm], name: str) -> None:
    """Counts and beliefs of every arm, with a download."""
    rows = [
        {
            "arm": words.arm(arm["id"], None),
            "role": texts.ROLES.get(arm["role"], arm["role"] or ""),
            "users": words.count(arm["users"]),
            "purchases": words.count(arm["purchases"]),
            "rate": words.percent(arm["conversion_rate"]),
            "interval": words.interval(arm["interval"]),
            "lift": words.lift(arm["lift"]),
            "best": words.probability(arm["probability_best"]),
            "beats": words.probability(arm["probability_beats_control"]),
            "loss": words.points(arm["expected_loss"]),
        }
        for arm in arms
    ]
    page.table(texts.ARM_COLUMNS, rows, texts.ARMS_NOTE, "users purchases rate interval lift best beats loss")
    page.download(name, arms)


def differences(arms: Sequence[shapes.HistoryArm]) -> None:
    """Each arm against the control, with the interval that the decision rests on."""
    compared = [arm for arm in arms if arm["difference"] is not None]
    if not compared:
        return
    page.section(texts.DIFFERENCE_TITLE)
    rows = [
        {
            "arm": words.arm(arm["id"], None),
            "difference": words.points(arm["difference"], 2, signed=True),
            "interval": words.points_interval(arm["difference_interval"]),
            "decision": words.points_interval(arm["decision_interval"]),
            "z": words.number(arm["statistic"]),
            "boundary": words.number(arm["boundary"]),
            "p": words.p_value(arm["p_adjusted"]),
        }
        for arm in compared
    ]
    page.table(texts.DIFFERENCE_COLUMNS, rows, texts.DIFFERENCE_NOTE, "difference interval decision z boundary p")


def chi_square(now: shapes.Point, arms: Sequence[shapes.HistoryArm]) -> None:
    """The contingency table behind the omnibus test."""
    page.section(texts.CHI_TITLE)
    found = now["chi_square"]
    counted = [(words.arm(arm["id"], arm["role"]), arm["users"] or 0, arm["purchases"] or 0) for arm in arms]
    people, bought = sum(users for _, users, _ in counted), sum(purchases for _, _, purchases in counted)
    if found is None or len(counted) < _FEWEST or not 0 < bought < people:
        st.write(texts.CHI_NONE)
        return
    rows = [_cells(name, users, purchases, bought / people) for name, users, purchases in counted if users]
    note = texts.CHI_NOTE.format(
        statistic=words.number(found["statistic"]), dof=words.count(found["dof"]), p=words.p_value(found["p_value"])
    )
    page.table(
        texts.CHI_COLUMNS,
        rows,
        f"{note} {texts.CHI_EXPECTED}",
        "bought bought_expected not not_expected contribution",
    )


def _cells(name: str, users: int, purchases: int, rate: float) -> dict[str, str]:
    expected, others = users * rate, users * (1 - rate)
    share = (purchases - expected) ** 2 / expected + (users - purchases - others) ** 2 / others
    return {
        "arm": name,
        "bought": words.count(purchases),
        "bought_expected": words.number(expected, 1),
        "not": words.count(users - purchases),
        "not_expected": words.number(others, 1),
        "contribution": words.number(share),
    }
