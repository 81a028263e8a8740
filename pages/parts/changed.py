"""Callbacks of widgets that run for a reader's change only.

Streamlit forgets the value of a widget that is no longer drawn, but the browser may send it once more, before it has
heard of that. Then Streamlit takes it for a change and runs the callback of the page as it was before, which would
write its address over the reader's (a comparison just begun was lost so).
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def when_changed(key: str, act: Callable[[], None]) -> Callable[[], None]:
    """`act`, but not while the widget `key` still has the value that it is being drawn with now.

    Call it after the value is set in `st.session_state` and before the widget is drawn.
    """
    drawn = st.session_state.get(key)

    def changed() -> None:
        if st.session_state[key] != drawn:
            act()

    return changed
