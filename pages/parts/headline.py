"""The line above the list: how many events, of which days, in which zone; quick filters; what is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape

import streamlit as st

from pages.parts import address, answers, words
from pages.parts.changed import when_changed
from pages.parts.help import about
from pages.parts.panel import command
from pages.parts.serving import Moment, move_on, newest
from pages.parts.toolbar import day_choice
from pipeline.errors import ActivityError
from pipeline.questions.ranges import Days
from pipeline.questions.view import View

_QUICK = {"Known customers": address.KNOWN_CUSTOMERS, "Hide bots": address.NO_BOTS}
_REFRESH = 5.0
_LIVE = "live"


def headline(view: View, now: Moment, total: int, go: Callable[[View], None]) -> None:
    zone = view.zone.key
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        # A custom range shows its days in the field that changes them.
        days = "" if isinstance(view.range, Days) else f"{words.dates(view)} · "
        said = f"{escape(days)}<em>newest first · </em>times in {escape(zone)}"
        st.html(
            f'<div class="headline"><b>{words.counted(total, "event")}</b><span>{said}</span></div>', width="content"
        )
        if isinstance(view.range, Days):
            day_choice(view, go)
        quick_filters(view, go)
        if view.filters:
            plain = view.with_(filters=())
            st.button("Clear filters", icon=":material/close:", type="tertiary", on_click=go, args=(plain,))
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="notes"):
            news(view, now, lambda: go(replace(view, as_of=None)))
            computed(view, now)
            st.button(
                "", icon=":material/info:", type="tertiary", on_click=about, help="About these events", key="about"
            )


def quick_filters(view: View, go: Callable[[View], None]) -> None:
    st.session_state["quick"] = [name for name, condition in _QUICK.items() if condition in view.filters]

    def chosen() -> None:
        changed = view
        for name, condition in _QUICK.items():
            changed = address.toggled(changed, condition, name in st.session_state["quick"])
        go(changed)

    st.pills(
        "Quick filters",
        list(_QUICK),
        selection_mode="multi",
        key="quick",
        label_visibility="collapsed",
        on_change=when_changed("quick", chosen),
    )


def computed(view: View, now: Moment) -> None:
    with st.popover("", icon=":material/function:", type="tertiary", help="How this is computed", key="computed"):
        st.markdown("**How this is computed**")
        st.markdown(
            "Every event of the range and filters, counted exactly at one snapshot of the data, so that the count, the "
            "list, the panel and an export agree. Filters all apply; several values of one filter are alternatives. "
            "The same number on the command line:"
        )
        st.code(command(view, now), language="bash", wrap_lines=True)
        start, end = view.bounds()
        st.caption(f"From {words.iso(start)} up to {words.iso(end)}, snapshot {now.snapshot.version}")


@st.fragment(run_every=_REFRESH)
def news(view: View, now: Moment, unpin: Callable[[], None]) -> None:
    """Say how many new events there are, and move there when asked; at once while Live is on, or to the first ones.

    `unpin` leaves the snapshot that a link asked for.
    """
    with st.container(horizontal=True, vertical_alignment="center", width="content", key="news"):
        if view.as_of is not None:
            if st.button("Pinned by its link — show current", key="unpin", help=f"Snapshot {now.snapshot.version}"):
                unpin()
                _show(newest())
            return
        live = st.toggle("Live", key=_LIVE)
        try:
            latest = newest()
            new = _more(view, now, latest)
        except ActivityError:
            return  # the freshness mark tells that; this is no place for a second message
        # Days without any event have nothing to keep still: their first ones come by themselves.
        first = new > 0 and not view.filters and answers.count(now.snapshot, view) == 0
        if first or (live and latest.snapshot.version != now.snapshot.version):
            _show(latest)
        text = f"{words.counted(new, 'new event')} — show"
        if new > 0 and st.button(text, icon=":material/arrow_upward:", key="show_new"):
            _show(latest)


def _more(view: View, now: Moment, latest: Moment) -> int:
    """How many more events the view would hold with the latest data, as of the latest time."""
    if latest.snapshot.version == now.snapshot.version:
        return 0
    return answers.count(latest.snapshot, replace(view, now=latest.now)) - answers.count(now.snapshot, view)


def _show(latest: Moment) -> None:
    move_on(latest)
    st.rerun()
