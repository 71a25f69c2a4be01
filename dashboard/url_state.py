"""Choices kept in the page's address by code, so that an address works in every language.

Streamlit's own binding writes the label that is shown. That suits names and days; for other choices use this module.
"""

from collections.abc import Sequence

import streamlit as st


def restore_choice(key: str, options: Sequence[str]) -> None:
    """Set a widget to the choice in the address, before the widget is drawn; the first option is the default."""
    if key not in st.session_state:
        wanted = st.query_params.get(key)
        st.session_state[key] = wanted if wanted in options else options[0]


def store_choice(key: str, choice: str | None, options: Sequence[str]) -> str:
    """Write a choice into the address; the first option is left out.

    Returns:
        The choice.
    """
    if choice is None or choice == options[0]:
        st.query_params.pop(key, None)
        return options[0]
    st.query_params[key] = choice
    return choice
