"""The questions pages ask, each remembered by snapshot and view.

A snapshot never changes, so an answer stays right for as long as it is kept; the bounds only cap memory. What the
cache hashes is the snapshot's version and the view's canonical query string; arguments with a leading underscore
are passed along unhashed, as Streamlit has it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st
from pipeline.questions.facets import Facet, Glance

from pipeline.lake import Snapshot
from pipeline.questions import activity, facets
from pipeline.questions import timeline as timelines
from pipeline.questions.activity import Mark
from pipeline.questions.timeline import Timeline
from pipeline.questions.view import View

Row = dict[str, Any]

# The fields whose most frequent values the filter bar proposes.
SUGGESTED = {
    "event": 30,
    "modal": 10,
    "country": 20,
    "device": 6,
    "domain": 10,
    "path": 30,
    "browser": 8,
    "referrer_domain": 10,
}


def count(snapshot: Snapshot, view: View) -> int:
    return timeline(snapshot, view).total


def timeline(snapshot: Snapshot, view: View) -> Timeline:
    """How the view's events lie in time: the count, the chart and every page of the list come from it."""
    return _timeline(snapshot.version, view.scope().query(), snapshot, view)


@st.cache_data(max_entries=500, show_spinner=False)
def _timeline(version: int, scope: str, _snapshot: Snapshot, _view: View) -> Timeline:
    return timelines.timeline(_snapshot, _view)


def page(snapshot: Snapshot, view: View) -> list[Row]:
    """The rows of the view's page, newest first, whole: a click then needs no question to show one."""
    return _page(snapshot.version, view.scope().query(), view.page, snapshot, view)


@st.cache_data(max_entries=200, show_spinner=False)
def _page(version: int, scope: str, page: int, _snapshot: Snapshot, _view: View) -> list[Row]:
    counted = timeline(_snapshot, _view)
    return activity.page(_snapshot, _view, counted=counted, fields=activity.ALL_FIELDS).rows


def event(snapshot: Snapshot, identifier: str, near: datetime | None) -> Row | None:
    """The event, or None; `near` is when it happened, where known, which saves looking through every day."""
    return _event(snapshot.version, identifier, snapshot, near)


@st.cache_data(max_entries=500, show_spinner=False)
def _event(version: int, identifier: str, _snapshot: Snapshot, _near: datetime | None) -> Row | None:
    return activity.event(_snapshot, identifier, near=_near)


def neighbours(snapshot: Snapshot, row: Row) -> tuple[Mark | None, Mark | None]:
    """This person's event before and after."""
    return _neighbours(snapshot.version, row["event_id"], snapshot, row)


@st.cache_data(max_entries=500, show_spinner=False)
def _neighbours(version: int, identifier: str, _snapshot: Snapshot, _row: Row) -> tuple[Mark | None, Mark | None]:
    return activity.neighbours(_snapshot, _row)


def glance(snapshot: Snapshot, view: View) -> Glance:
    return _glance(snapshot.version, view.scope().query(), snapshot, view)


@st.cache_data(max_entries=200, show_spinner=False)
def _glance(version: int, scope: str, _snapshot: Snapshot, _view: View) -> Glance:
    return facets.glance(_snapshot, _view)


def values(snapshot: Snapshot, view: View, field: str, limit: int) -> list[Facet]:
    """The most frequent values of a field in the view, with their counts."""
    return _values(snapshot.version, view.scope().query(), field, limit, snapshot, view)


@st.cache_data(max_entries=500, show_spinner=False)
def _values(version: int, scope: str, field: str, limit: int, _snapshot: Snapshot, _view: View) -> list[Facet]:
    return list(facets.facet(_snapshot, _view, field, limit=limit))


def anything(snapshot: Snapshot) -> bool:
    """Whether the lake holds any event at all."""
    return _anything(snapshot.version, snapshot)


@st.cache_data(max_entries=50, show_spinner=False)
def _anything(version: int, _snapshot: Snapshot) -> bool:
    return bool(_snapshot.fetch(_snapshot.events.event_id.as_table().limit(1)).num_rows)
