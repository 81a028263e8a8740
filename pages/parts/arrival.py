"""The live check of the Install page: has a key's first event been received, and can it be seen?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from pages.parts import answers, words
from pages.parts.component import mount
from pages.parts.notice import explained
from pages.parts.serving import clock, newest, product
from pipeline.errors import ActivityError
from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.ranges import Preset
from pipeline.questions.view import View
from pipeline.state import WriteKey

_EVERY = 1.5  # seconds between two looks
_RANGES = ("24H", "90D")  # the shortest that holds something
_LONG = 90  # seconds an event may take to show before we say where to look


@st.fragment(run_every=_EVERY)
def draw_arrival(id: str | None) -> None:
    """Looks again every second or so, for it is watched while somebody reloads their page in another window."""
    with explained("arrival_problem"):
        key = next((key for key in product().state.keys.all() if key.id == id), None)
        mount("arrival", key="arrival", data=_told(key))


def _told(key: WriteKey | None) -> dict[str, Any]:
    later = _step("todo", "In Activity")
    if key is None:
        return _stage("none", _step("todo", "Received"), later)
    if key.first_event_at is None or key.last_event_at is None:
        what = "Open a page that has the snippet, or send one by curl."
        return _stage("waiting", _step("now", "Waiting for your first event…", what), later)
    received = _step("done", "Received", _received(key, key.first_event_at, key.last_event_at))
    found = _seen(key.source)
    if found is None:
        return _stage("received", received, _step("now", "Loading into Activity…", _delay(key.first_event_at)))
    view, count = found
    seen = _step("done", "In Activity", f"{words.counted(count, 'event')} of this source")
    return _stage("shown", received, seen) | {"href": f"/?{view.query()}"}


def _stage(name: str, *steps: dict[str, str]) -> dict[str, Any]:
    return {"stage": name, "steps": list(steps), "href": None}


def _step(state: str, title: str, note: str = "") -> dict[str, str]:
    return {"state": state, "title": title, "note": note}


def _received(key: WriteKey, first: datetime, last: datetime) -> str:
    zone, now = product().settings.zone, clock()
    count, begun = words.counted(key.events, "event"), words.clock_time(first, zone, now)
    return f"{count}, at {begun}" if first == last else f"{count}: {begun} to {words.clock_time(last, zone, now)}"


def _seen(source: str) -> tuple[View, int] | None:
    """The view that shows this source's events, and how many; None while the newest data holds none."""
    try:
        now = newest()
        for name in _RANGES:
            view = View(now.now, product().settings.zone, Preset(name), filters=(Filter("source", Op.IS, (source,)),))
            if count := answers.count(now.snapshot, view):
                return view, count
    except ActivityError:
        return None  # the freshness mark says what is wrong with the data
    return None


def _delay(first: datetime) -> str:
    settings, now = product().settings, clock()
    if product().state.freshness(now, settings.late_after).health in {"never", "down"}:
        return "The pipeline is not running. Start it: python -m pipeline run"
    if (now - first).total_seconds() > _LONG:
        return "This takes longer than usual. On the Pipeline page, see whether the line was rejected, and why."
    return f"The pipeline looks for new events every {words.counted(round(settings.every), 'second')}."
