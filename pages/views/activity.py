"""Activity: every event of every customer, newest first, with the one opened beside the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import streamlit as st

from pages.parts import address, answers, events, panel, words
from pages.parts.builder import filter_builder
from pages.parts.component import Action, mount
from pages.parts.headline import headline
from pages.parts.notice import explained, notice, waiting_for_data
from pages.parts.raw import raw_line
from pages.parts.serving import Moment, moment, product
from pages.parts.toolbar import filter_bar, range_choice, share
from pipeline.errors import ActivityError, SnapshotGone
from pipeline.questions.activity import ROWS
from pipeline.questions.view import View

Act = Callable[[Action], None]

_HEIGHT = "calc(100vh - 206px)"
_MANY = 2_000
_WARM, _RAW, _EDGE, _TIMES, _REFUSED = "warm", "raw", "edge", "times", "refused"


def go(view: View) -> None:
    """Change the view: a new URL. Filters are kept when a preset's end moves, an old raw line is not."""
    st.session_state.pop(_RAW, None)
    address.write(view)


def act_on(view: View, now: Moment, action: Action) -> None:
    """Answer what the reader did in one of the components."""
    try:
        match action:
            case {"do": "raw", "id": str(event)}:
                st.session_state[_RAW] = event
            case {"do": "step", "to": "previous" | "next" as to} if view.event is not None:
                step(view, now, to)
            case _:
                go(address.after(view, action))
    except ActivityError as error:
        st.session_state[_REFUSED] = str(error)


def step(view: View, now: Moment, to: str) -> None:
    """Open the person's event before or after the open one; at either end, say so."""
    row = opened_row(view, now)
    if row is None:
        return
    previous, following = answers.neighbours(now.snapshot, row)
    mark = previous if to == "previous" else following
    if mark is None:
        st.session_state[_EDGE] = {"id": row["event_id"], "to": to}
        return
    known_times()[mark.event_id] = mark.occurred_at
    go(view.with_(event=mark.event_id))


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
            fresh = replace(moment(None), gone=now.snapshot.version)
            draw(view, fresh)


def draw(view: View, now: Moment) -> None:
    def act(action: Action) -> None:
        act_on(view, now, action)

    first = _WARM not in st.session_state
    toolbar = st.container(horizontal=True, vertical_alignment="center", key="toolbar")
    with toolbar:
        range_choice(view, go)
        bar = st.container()
        filter_builder(view, now, go)
        sharing = st.container(width="content")
    if refused := st.session_state.pop(_REFUSED, None):
        notice(refused, key="refused", tone="error")
    if first:
        draw_skeleton()
        st.session_state[_WARM] = True
        st.rerun()
    total = answers.count(now.snapshot, view)
    view = view.with_(page=min(view.page, pages(total)))
    with sharing:
        share(view, now, total)
    headline(view, now, total, go)
    left, right = st.columns([2.05, 1], gap="small")
    with left:
        draw_list(view, now, total, act)
    with right:
        draw_panel(view, now, act)
    with bar:
        filter_bar(view, now, act)


def pages(total: int) -> int:
    return max(1, -(-total // ROWS))


def draw_skeleton() -> None:
    """What stands there while the first questions are answered."""
    left, right = st.columns([2.05, 1], gap="small")
    with left:
        st.skeleton(height=560)
    with right:
        st.skeleton(height=560)


def draw_list(view: View, now: Moment, total: int, act: Act) -> None:
    if total == 0:
        draw_empty(view, now, act)
        return
    rows = answers.page(now.snapshot, view)
    # An event is found faster when it is known which day to look in.
    known_times().update({row["event_id"]: row["occurred_at"] for row in rows})
    first = (view.page - 1) * ROWS
    data = {
        "rows": [events.record(row, view) for row in rows],
        "first": first + 1,
        "total": total,
        "label": f"Events, page {view.page:,} of {pages(total):,}",
        "zone": words.zone_name(view.zone, view.now),
        "profile": "customers",
        "selected": view.event,
        "height": _HEIGHT,
    }
    mount("grid", key="grid", data=data, on_action=act)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="foot"):
        st.html(f'<div class="rows">Rows {first + 1:,}–{first + len(rows):,} of {total:,}</div>', width="content")
        page_choice(view, pages(total))


def page_choice(view: View, last: int) -> None:
    st.session_state["page"] = view.page

    def chosen() -> None:
        go(view.with_(page=st.session_state["page"], event=None))

    st.pagination(last, key="page", max_visible_pages=7, on_change=chosen)


def draw_empty(view: View, now: Moment, act: Act) -> None:
    """Say which filter to relax: what the view would hold without each."""
    if not view.filters:
        if answers.anything(now.snapshot):
            notice("Choose a longer range above.", key="empty", title="No events in these days", big=True)
        else:
            waiting_for_data("empty")
        return
    ways = []
    for index, condition in enumerate(view.filters):
        count = answers.count(now.snapshot, view.minus(condition))
        ways.append(
            {
                "label": f"Without “{words.phrase(condition)}”",
                "count": words.counted(count, "event"),
                "action": {"do": "remove", "index": index},
            }
        )
    text = "Nothing in this range matches all filters together. Remove one, or choose a longer range."
    notice(text, key="empty", title="No events match", ways=ways, big=True, on_action=act)


def draw_panel(view: View, now: Moment, act: Act) -> None:
    if view.event is None:
        facts = panel.summary(answers.glance(now.snapshot, view), view, now)
        panel.panel(view, height=_HEIGHT, act=act, summary=facts)
        return
    row = opened_row(view, now)
    if row is None:
        text = "No event has this id in the data shown. It may be newer than this view, or past its retention."
        panel.panel(view, height=_HEIGHT, act=act, missing=text)
        return
    raw = raw_line(row, now.snapshot) if st.session_state.get(_RAW) == view.event else None
    panel.panel(view, height=_HEIGHT, act=act, opened=panel.Opened(row, raw, st.session_state.get(_EDGE)))


def opened_row(view: View, now: Moment) -> answers.Row | None:
    if view.event is None:
        return None
    return answers.event(now.snapshot, view.event, known_times().get(view.event))


def known_times() -> dict[str, datetime]:
    """When the events happened that this session could open next; a reload or a long walk only forgets a shortcut."""
    times: dict[str, datetime] = st.session_state.setdefault(_TIMES, {})
    if len(times) > _MANY:
        times.clear()
    return times


page()
