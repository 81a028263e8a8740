"""The list of a view's events with its panel: the same on every page that shows events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import address, answers, events, panel, words
from pages.parts.changed import when_changed
from pages.parts.component import Action, mount
from pages.parts.notice import notice, waiting_for_data
from pages.parts.raw import raw_line
from pages.parts.serving import Moment, clock, product
from pages.parts.unexpected import said
from pipeline.errors import ActivityError
from pipeline.questions.activity import ROWS
from pipeline.questions.view import View

Act = Callable[[Action], None]
Go = Callable[[View], None]

_MANY = 2_000
_RAW, _EDGE, _TIMES, _REFUSED = "raw", "edge", "times", "refused"
_COLUMNS = (2.05, 1.0)


def columns() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two thirds for the list, one for the panel."""
    return st.columns(_COLUMNS, gap="small")


def actor(view: View, now: Moment, go: Go) -> Act:
    """What answers the reader's actions in the components of this view."""

    def act(action: Action) -> None:
        try:
            match action:
                case {"do": "raw", "id": str(event)}:
                    st.session_state[_RAW] = event
                case {"do": "step", "to": "previous" | "next" as to} if view.event is not None:
                    step(view, now, to, go)
                case _:
                    go(now.answerable(address.after(view, action)))
        except ActivityError as error:
            refuse(error)

    return act


def refuse(error: ActivityError) -> None:
    """Keep why the reader's action could not be done, until `refused` says it."""
    st.session_state[_REFUSED] = said(error)


def refused() -> None:
    """Say why the last action could not be done, once."""
    if why := st.session_state.pop(_REFUSED, None):
        notice(why, key="refused", tone="error")


def gone(now: Moment) -> None:
    """Say that a link's snapshot is no longer there, where that is so."""
    if now.gone is not None:
        text = f"The data asked for (snapshot {now.gone}) has been removed since; this is the current data."
        notice(text, key="gone", tone="late")


def step(view: View, now: Moment, to: str, go: Go) -> None:
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


def draw_skeleton() -> None:
    """What stands there while the first questions are answered."""
    for column in columns():
        column.skeleton(height=560)


def pages(total: int) -> int:
    return max(1, -(-total // ROWS))


def draw_list(view: View, now: Moment, total: int, act: Act, go: Go, *, height: str) -> None:
    """One page of the view's events, and which page of how many."""
    rows = answers.page(now.snapshot, view)
    # An event is found faster when it is known which day to look in.
    known_times().update({row["event_id"]: row["occurred_at"] for row in rows})
    first = (view.page - 1) * ROWS
    data = {
        "rows": [events.record(row, view) for row in rows],
        "first": first + 1,
        "total": total,
        "label": f"Events, page {view.page:,} of {pages(total):,}",
        "zone": view.zone.key,
        "profile": "customers",
        "selected": view.event,
        "height": height,
    }
    mount("grid", key="grid", data=data, on_action=act)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="foot"):
        st.html(f'<div class="rows">Rows {first + 1:,}–{first + len(rows):,} of {total:,}</div>', width="content")
        _page_choice(view, pages(total), go)


# Left to its content's width, Streamlit shows two or three pages as `1` or `1 … 3`.
_PAGES_PX = 380


def _page_choice(view: View, last: int, go: Go) -> None:
    st.session_state["page"] = view.page

    def chosen() -> None:
        go(view.with_(page=st.session_state["page"], event=None))

    st.pagination(last, key="page", max_visible_pages=7, width=_PAGES_PX, on_change=when_changed("page", chosen))


def draw_empty(view: View, now: Moment, act: Act, *, kept: int = 0) -> None:
    """Say which filter to relax: what the view would hold without each, but for the first `kept`."""
    if not view.filters:
        _draw_no_events(view, now)
        return
    ways = []
    for index, condition in enumerate(view.filters[kept:], kept):
        count = answers.count(now.snapshot, view.minus(condition))
        way = {"label": f"Without “{words.phrase(condition)}”", "count": words.counted(count, "event")}
        ways.append(way | {"action": {"do": "remove", "index": index}})
    text = "Nothing in this range matches all filters together. Remove one, or choose a longer range."
    notice(text, key="empty", title="No events match", ways=ways, big=True, on_action=act)


def _draw_no_events(view: View, now: Moment) -> None:
    """No filter is to blame: the range, the snapshot that a link is pinned to, or that nothing was loaded yet."""
    if answers.anything(now.snapshot):
        text = "Choose a longer range above."
        if _is_catching_up():
            text = f"The pipeline is still catching up: their events may be on the way. {text}"
        notice(text, key="empty", title="No events in these days", big=True)
    elif view.as_of is not None:
        text = "This link is pinned to the data as it was before any event was loaded."
        ways = [{"label": "Show the current data", "href": f"?{replace(view, as_of=None).query()}"}]
        notice(text, key="empty", title="No events yet then", ways=ways, big=True)
    else:
        waiting_for_data("empty")


def _is_catching_up() -> bool:
    settings = product().settings
    return product().state.freshness(clock(), settings.late_after).health in ("never", "behind")


def draw_panel(
    view: View, now: Moment, act: Act, *, height: str, summary: Callable[[], dict[str, Any]] | None = None
) -> None:
    """The open event, else the `summary`: by default the view at a glance."""
    if view.event is None:
        facts = summary() if summary else panel.summary(answers.glance(now.snapshot, view), view, now)
        panel.panel(view, now, height=height, act=act, summary=facts)
        return
    row = opened_row(view, now)
    if row is None:
        text = "No event has this id in the data shown. It may be newer than this view, or past its retention."
        panel.panel(view, now, height=height, act=act, missing=text)
        return
    raw = raw_line(row, now.snapshot) if st.session_state.get(_RAW) == view.event else None
    panel.panel(view, now, height=height, act=act, opened=panel.Opened(row, raw, st.session_state.get(_EDGE)))


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
