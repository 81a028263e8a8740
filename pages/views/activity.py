"""Activity: every event of every customer, newest first, with the one opened beside the list."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.parts import address, answers, listing
from pages.parts.builder import filter_builder
from pages.parts.headline import headline
from pages.parts.notice import explained
from pages.parts.serving import Moment, moment, product
from pages.parts.toolbar import filter_bar, range_choice, share
from pipeline.errors import SnapshotGone
from pipeline.questions.view import View

_HEIGHT = "max(320px, calc(100vh - 206px - var(--banner, 0px)))"
_WARM = "warm"


@st.fragment
def page() -> None:
    """The whole page; a click reruns this and nothing above it."""
    with explained("problem"):
        now = moment(address.as_of())
        view = address.read(now.now, product().settings.zone)
        try:
            draw(view, now)
        except SnapshotGone:
            # Removed while somebody looked at it: go on with what is there, and say so.
            draw(view, replace(moment(None), gone=now.snapshot.version))


def draw(view: View, now: Moment) -> None:
    act = listing.actor(view, now, address.write)
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        range_choice(view, address.write)
        bar = st.container()
        filter_builder(view, now, address.write)
        sharing = st.container(width="content")
    listing.refused()
    if _WARM not in st.session_state:
        # The first questions of a session take longest: show where everything will be, then ask them.
        st.session_state[_WARM] = True
        listing.draw_skeleton()
        st.rerun()
    total = answers.count_of_list(now.snapshot, view)
    view = replace(view, page=min(view.page, listing.pages(total)))
    with sharing:
        share(view, now, total)
    listing.gone(now)
    headline(view, now, total, address.write)
    left, right = listing.columns()
    with left:
        if total:
            listing.draw_list(view, now, total, act, address.write, height=_HEIGHT)
        else:
            listing.draw_empty(view, now, act)
    with right:
        listing.draw_panel(view, now, act, height=_HEIGHT)
    with bar:
        filter_bar(view, now, act)


page()
