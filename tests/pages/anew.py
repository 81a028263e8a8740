"""A dashboard process that has opened nothing yet."""

from __future__ import annotations

import streamlit as st

from pages.parts.installed import opened, state


def forget_installation() -> None:
    """Close what is open; whatever is asked next opens the data folder that is set then."""
    if opened.cache_info().currsize:
        opened().lake.close()
    opened.cache_clear()
    state.cache_clear()
    st.cache_data.clear()
