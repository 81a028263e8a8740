"""Who is behind a number: a page of them with names and times, and the way to all of them as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import streamlit as st

from pages.parts import download, words
from pages.parts.changed import when_changed
from pages.parts.component import mount
from pages.parts.figures import Column, table
from pages.parts.funnels import answers, wording
from pages.parts.funnels.address import Asked, Behind, alternatives, listed
from pages.parts.funnels.answers import Listed
from pages.parts.funnels.how import how
from pages.parts.serving import Moment
from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.funnel import Answer
from pipeline.questions.ranges import Instants
from pipeline.questions.view import View

_HEIGHT = "430px"
_PAGES_PX = 380  # left to its content's width, Streamlit shows two or three pages as `1` or `1 … 3`
_HEAD = 30  # characters of a step's name above a column


def draw_people(
    asked: Asked, behind: Behind, answer: Answer, now: Moment, go: Callable[[Asked], None], among: str = ""
) -> None:
    """The people of one group. The number above the list, its pages and its file are one set of people.

    `among` says which of two funnels it is of.
    """
    slot = st.empty()
    found = answers.awaited(lambda: answers.listed(now.snapshot, answer, behind), lambda: slot.skeleton(height=430))
    slot.empty()
    with st.container(key="people", border=True):
        _head(asked, behind, answer, found, now, go, among)
        _rows(found.rows, answer)
        if found.last > 1:
            _foot(asked, behind, found, go)


def _head(
    asked: Asked, behind: Behind, answer: Answer, found: Listed, now: Moment, go: Callable[[Asked], None], among: str
) -> None:
    count = found.count
    group = wording.group(answer, behind) + (f" · {among}" if among else "")
    with st.container(horizontal=True, vertical_alignment="center", key="people_head"):
        said = f"<b>{wording.people(count)}</b><span>{escape(group)}</span>"
        st.html(f'<div class="headline people">{said}</div>', width="stretch")
        how("people", answer.funnel, now.snapshot.version, "people", behind)
        events = _their_events(found.persons, answer) if found.persons else _step_events(answer, behind)
        links = [events, _file(answer, behind, count)] if count else []
        shown = json.dumps(listed(replace(behind, page=1)))
        data = {"links": [link for link in links if link], "reveal": shown}
        mount("links", key="people_links", width="content", data=data)
        closed = (replace(asked, behind=None),)
        icon, said = ":material/close:", "Close the list"
        st.button("", icon=icon, type="tertiary", key="close_people", help=said, on_click=go, args=closed)


def _file(answer: Answer, behind: Behind, count: int) -> dict[str, Any]:
    label = f"CSV of exactly {'them' if count > 1 else 'this one'} · {words.counted(count, 'row')}"
    href = download.people_path(answer.funnel, behind, answer.version)
    return {"label": label, "href": href, "file": download.people_name(behind), "icon": "download"}


def _their_events(persons: Sequence[str], answer: Answer) -> dict[str, Any]:
    """Few enough people to be named in an address: exactly their events."""
    title = "Opens Activity on everything that these people did in the funnel’s time."
    href = f"./?{_own(persons, answer).query()}"
    return {"label": "Their events", "href": href, "title": title, "icon": "out"}


def _step_events(answer: Answer, behind: Behind) -> dict[str, Any] | None:
    """Too many people to be named in an address: the link leads to the step's events, and says whose they are.

    None where no view is those events: in any order a bar is no one step, and filters that must both hold would be
    alternatives in one view.
    """
    if answer.funnel.order == "any":
        return None
    step = answer.funnel.steps[behind.group.step - 1]
    named = () if step.event is None else (Filter("event", Op.IS, (step.event,)),)
    filters = answer.funnel.view.filters
    if any(alternatives(filters, each) for each in (*named, *step.filters)):
        return None
    if any(alternatives(named, each) for each in step.filters):
        return None
    view = replace(_during(answer), filters=tuple(dict.fromkeys((*named, *step.filters, *filters))))
    title = (
        "Opens Activity on the events of this step by everybody in these days: these people are too many for one "
        "link. For the events of one person, use the link in their row."
    )
    return {"label": "This step’s events", "href": f"./?{view.query()}", "title": title, "icon": "out"}


def _during(answer: Answer) -> View:
    """The view from the range's start to the end of the last window."""
    view = answer.funnel.view
    start, stop = view.bounds()
    return View(view.now, view.zone, Instants(start, min(stop + answer.funnel.window, view.now)))


def _rows(found: pa.Table, answer: Answer) -> None:
    view = answer.funnel.view
    names = wording.steps(answer)
    columns: list[Column] = [("Customer", "link"), ("Name", "name"), ("Email", "email")]
    columns += [(_short(f"{number}. {name}"), "time") for number, name in enumerate(names, start=1)]
    columns.append(("Events", "link"))
    times = [f"at_{number}" for number in range(1, len(names) + 1)]
    rows = [
        [
            _person(row),
            row["name"],
            row["email"],
            *(_time(row[name], view) for name in times),
            {"text": "Show", "href": f"./?{_own([row['person']], answer).query()}"},
        ]
        for row in found.to_pylist()
    ]
    table(columns, rows, key="people_table", label="People", empty="Nobody is behind this number.", height=_HEIGHT)
    st.html(f'<div class="rows">Times in {escape(view.zone.key)}</div>')


def _short(text: str) -> str:
    return text if len(text) <= _HEAD else f"{text[: _HEAD - 1]}…"


def _person(row: dict[str, Any]) -> dict[str, str]:
    if row["customer_id"] is None:
        return {"text": "Anonymous", "href": f"customers?{urlencode({'person': row['person']})}"}
    return {"text": row["customer_id"], "href": f"customers?{urlencode({'customer': row['customer_id']})}"}


def _own(people: Sequence[str], answer: Answer) -> View:
    """Everything these people did in the funnel's time that the funnel could see."""
    condition = Filter("person", Op.IS, tuple(people))
    # They are among those that such a filter names, and would be alternatives to them.
    others = [each for each in answer.funnel.view.filters if not alternatives((each,), condition)]
    return replace(_during(answer), filters=tuple(dict.fromkeys((condition, *others))))


def _time(at: datetime | None, view: View) -> str | None:
    return None if at is None else words.short_time(at, view)


def _foot(asked: Asked, behind: Behind, found: Listed, go: Callable[[Asked], None]) -> None:
    st.session_state["people_page"] = found.page

    def chosen() -> None:
        go(replace(asked, behind=replace(behind, page=st.session_state["people_page"])))

    first = (found.page - 1) * answers.ROWS
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="foot"):
        shown = f"People {first + 1:,}–{first + len(found.rows):,} of {found.count:,}"
        st.html(f'<div class="rows">{shown}</div>', width="content")
        st.pagination(
            found.last,
            key="people_page",
            max_visible_pages=7,
            width=_PAGES_PX,
            on_change=when_changed("people_page", chosen),
        )
