"""Callbacks of widgets that run for a reader's change only.

Streamlit forgets the value of a widget that is no longer drawn, but the browser may send it once more, before it has
heard of that. Then Streamlit takes it for a change and runs the callback of the page as it was before, which would
write its address over the reader's (a comparison just begun was lost so).
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def when_changed(key: str, act: Callable[[], None]) -> Callable[[], None]:
    """`act`, but not while the widget `key` has the value it had last: the one that it is being drawn with now, or what
    the reader chose since, maybe more than once before it is drawn again.

    Call it after the value is set in `st.session_state` and before the widget is drawn.
    """
    last = st.session_state.get(key)

    def changed() -> None:
        nonlocal last
        if st.session_state[key] != last:
            last = st.session_state[key]
            act()

    return changed
