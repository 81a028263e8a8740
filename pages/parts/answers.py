"""The questions pages ask, each remembered by snapshot and view.

A snapshot never changes, so an answer stays right for as long as it is kept; the bounds only cap memory. What the
cache hashes is the snapshot's key and the view's canonical query string; arguments with a leading underscore
are passed along unhashed, as Streamlit has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

from pipeline.lake import Key, Snapshot
from pipeline.questions import activity, customers, facets
from pipeline.questions import timeline as timelines
from pipeline.questions.activity import Mark
from pipeline.questions.customers import Found, Profile
from pipeline.questions.facets import Facet, Facets, Glance, Suggestion
from pipeline.questions.timeline import Timeline
from pipeline.questions.view import View

Row = dict[str, Any]

# The fields whose most frequent values the filter bar proposes before anything is typed, and how many of each.
_PROPOSED = ("event", "modal", "country", "device", "domain", "path", "browser", "referrer_domain")
_OF_EACH = 20
_FOUND = 12

PEOPLE = 100  # found people shown at once


def count(snapshot: Snapshot, view: View) -> int:
    return timeline(snapshot, view).total


def count_of_list(snapshot: Snapshot, view: View) -> int:
    """The same of a view whose `page` is drawn next: where that is quick, it is read meanwhile."""
    return _timeline(snapshot.key, view.scope().query(), snapshot, view, _counted_for_page).total


def _counted_for_page(snapshot: Snapshot, view: View) -> Timeline:
    return activity.counted(snapshot, view, also=activity.STORED_FIELDS)


def timeline(snapshot: Snapshot, view: View) -> Timeline:
    """How the view's events lie in time: the count, the chart and every page of the list come from it."""
    return _timeline(snapshot.key, view.scope().query(), snapshot, view, timelines.timeline)


@st.cache_data(max_entries=500, show_spinner=False)
def _timeline(
    key: Key, scope: str, _snapshot: Snapshot, _view: View, _ask: Callable[[Snapshot, View], Timeline]
) -> Timeline:
    return _ask(_snapshot, _view)


def page(snapshot: Snapshot, view: View) -> list[Row]:
    """The rows of the view's page, newest first, with all that is stored of each, so that a click shows it at once;
    of events that lie far apart, with what the list shows.

    Who the person is takes a join over everybody; it is asked for the one event that is opened.
    """
    return _page(snapshot.key, view.scope().query(), view.page, snapshot, view)


@st.cache_data(max_entries=200, show_spinner=False)
def _page(key: Key, scope: str, page: int, _snapshot: Snapshot, _view: View) -> list[Row]:
    counted = timeline(_snapshot, _view)
    return activity.page(_snapshot, _view, counted=counted, also=activity.STORED_FIELDS).rows


def event(snapshot: Snapshot, identifier: str, near: datetime | None) -> Row | None:
    """The event, or None; `near` is when it happened, where known, which saves looking through every day."""
    return _event(snapshot.key, identifier, snapshot, near)


@st.cache_data(max_entries=500, show_spinner=False)
def _event(key: Key, identifier: str, _snapshot: Snapshot, _near: datetime | None) -> Row | None:
    return activity.event(_snapshot, identifier, near=_near)


def neighbours(snapshot: Snapshot, row: Row) -> tuple[Mark | None, Mark | None]:
    """This person's event before and after."""
    return _neighbours(snapshot.key, row["event_id"], snapshot, row)


@st.cache_data(max_entries=500, show_spinner=False)
def _neighbours(key: Key, identifier: str, _snapshot: Snapshot, _row: Row) -> tuple[Mark | None, Mark | None]:
    return activity.neighbours(_snapshot, _row)


def glance(snapshot: Snapshot, view: View) -> Glance:
    return _glance(snapshot.key, view.scope().query(), snapshot, view)


@st.cache_data(max_entries=200, show_spinner=False)
def _glance(key: Key, scope: str, _snapshot: Snapshot, _view: View) -> Glance:
    return facets.glance(_snapshot, _view, counted=timeline(_snapshot, _view))


def values(snapshot: Snapshot, view: View, field: str, limit: int) -> tuple[Facet, ...]:
    """The most frequent values of a field in the view, with their counts."""
    return _values(snapshot.key, view.scope().query(), (field,), limit, snapshot, view)[field].top


def proposed(snapshot: Snapshot, view: View) -> list[Suggestion]:
    """What the filter bar proposes: the top values of the main fields, field by field."""
    found = _values(snapshot.key, view.scope().query(), _PROPOSED, _OF_EACH, snapshot, view)
    return [
        Suggestion(name, item.value, item.count)
        for name, counted in found.items()
        for item in counted.top
        if item.value is not None
    ]


@st.cache_data(max_entries=200, show_spinner=False)
def _values(
    key: Key, scope: str, fields: tuple[str, ...], limit: int, _snapshot: Snapshot, _view: View
) -> dict[str, Facets]:
    return facets.facets(_snapshot, _view, fields, limit)


def found(snapshot: Snapshot, view: View, text: str) -> list[Suggestion]:
    """The values in the view that contain what was typed."""
    return _found(snapshot.key, view.scope().query(), text, snapshot, view)


@st.cache_data(max_entries=200, show_spinner=False)
def _found(key: Key, scope: str, text: str, _snapshot: Snapshot, _view: View) -> list[Suggestion]:
    return facets.suggestions(_snapshot, _view, text, limit=_FOUND)


def anything(snapshot: Snapshot) -> bool:
    """Whether the lake holds any event at all."""
    return _anything(snapshot.key, snapshot)


@st.cache_data(max_entries=50, show_spinner=False)
def _anything(key: Key, _snapshot: Snapshot) -> bool:
    return bool(_snapshot.fetch(_snapshot.events.event_id.as_table().limit(1)).num_rows)


def most_active(snapshot: Snapshot, view: View) -> list[Found]:
    """The customers with the most events in the view."""
    return _most_active(snapshot.key, view.scope().query(), snapshot, view)


@st.cache_data(max_entries=20, show_spinner=False)
def _most_active(key: Key, scope: str, _snapshot: Snapshot, _view: View) -> list[Found]:
    return customers.most_active(_snapshot, _view)


def people(snapshot: Snapshot, text: str) -> list[Found]:
    """The people whose id, name or email contains the text; one more than `PEOPLE` says that there are more."""
    return _people(snapshot.key, text, snapshot)


@st.cache_data(max_entries=100, show_spinner=False)
def _people(key: Key, text: str, _snapshot: Snapshot) -> list[Found]:
    return customers.search(_snapshot, text, limit=PEOPLE + 1)


def profile(snapshot: Snapshot, person: str) -> Profile | None:
    return _profile(snapshot.key, person, snapshot)


@st.cache_data(max_entries=100, show_spinner=False)
def _profile(key: Key, person: str, _snapshot: Snapshot) -> Profile | None:
    return customers.profile(_snapshot, person)
