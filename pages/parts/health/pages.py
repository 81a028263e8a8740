"""A long table, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

_PAGES_PX = 380  # left to its content's width, Streamlit shows two or three pages as `1` or `1 … 3`


@contextmanager
def page_of(total: int, rows: int, key: str) -> Iterator[int]:
    """Gives how many rows come before the page that is shown; below what is drawn inside, says which of how many."""
    last = max(1, -(-total // rows))
    name = f"{key}_page"
    page = min(int(st.session_state.get(name) or 1), last)
    yield (page - 1) * rows
    if total <= rows:
        return
    st.session_state[name] = page
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"foot_{key}"
    ):
        first, to = (page - 1) * rows + 1, min(page * rows, total)
        st.html(f'<div class="rows">Rows {first:,}–{to:,} of {total:,}</div>', width="content")
        st.pagination(last, key=name, max_visible_pages=7, width=_PAGES_PX)
