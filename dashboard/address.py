"""Choices that stand in the address under their own code, whatever language they are shown in.

Streamlit's own binding writes the label that is shown; that is right for names and days, and wrong for words.
"""

from collections.abc import Sequence

import streamlit as st


def recall(key: str, options: Sequence[str]) -> None:
    """Give a widget that is about to be drawn the choice that the address names; the first option without one."""
    if key not in st.session_state:
        wanted = st.query_params.get(key)
        st.session_state[key] = wanted if wanted in options else options[0]


def keep(key: str, chosen: str | None, options: Sequence[str]) -> str:
    """Write a choice into the address; the first option is left out.

    Returns:
        The choice.
    """
    if chosen is None or chosen == options[0]:
        st.query_params.pop(key, None)
        return options[0]
    st.query_params[key] = chosen
    return chosen
