"""The list of events: how many there are, one page of them, one of them, and those before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.event import FIELD, STORED
from pipeline.questions import newest
from pipeline.questions.daily import events_among
from pipeline.questions.few import CLOSE, LIST_FIELDS, few
from pipeline.questions.matching import at_times, between, columns_of, instant, matching, newest_first, of_ids, times_of
from pipeline.questions.people import JOINED, identify, of_people, with_people
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.timeline import Stretch, Timeline, stretch, timeline
from pipeline.questions.view import View

ROWS = 50  # a page of the list
STORED_FIELDS = tuple(field.name for field in STORED)
_MICROSECOND = timedelta(microseconds=1)
_FEW = 10_000  # events that are quickly read whole
_NEAR = (timedelta(days=1), timedelta(days=30))  # where a person's next event mostly is


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` of page `page` of `pages` (both from 1), of `total` events. Without events, one empty page."""

    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int

    @property
    def first(self) -> int:
        """The number of its first row, from 1; 0 without events."""
        return min((self.page - 1) * ROWS + 1, self.total)

    @property
    def last(self) -> int:
        """The number of its last row."""
        return (self.page - 1) * ROWS + len(self.rows)


class Mark(NamedTuple):
    """Which event, and when: with its time an event is found without reading the whole lake."""

    event_id: str
    occurred_at: datetime


def count(snapshot: Snapshot, view: View) -> int:
    """Exactly how many events the view holds."""
    return int(snapshot.fetch(matching(snapshot, view).count().name("count").as_table())["count"][0].as_py())


def counted(snapshot: Snapshot, view: View, *, also: Sequence[str] = ()) -> Timeline:
    """The timeline of a view whose page is asked for next, with the same fields: of a view without filters the first
    page is read meanwhile."""
    return newest.counted(snapshot, view, ROWS, {*LIST_FIELDS, *also})


def page(
    snapshot: Snapshot,
    view: View,
    *,
    counted: Timeline | None = None,
    fields: Sequence[str] = LIST_FIELDS,
    also: Sequence[str] = (),
) -> Page:
    """Page `view.page` (the last one when there are fewer), newest first, with `fields` of each event; and with those
    of `also` where the page's events lie close together, so that reading more of them takes little.

    `counted` is the timeline of the same view and snapshot, when the caller has it already: then a page costs one
    small question, however deep it lies.
    """
    counted = timeline(snapshot, view) if counted is None else counted
    total = counted.total
    pages = max(1, -(-total // ROWS))
    number = max(1, min(view.page, pages))
    if total == 0:
        return Page([], 0, 1, 1)
    rows = newest.known(snapshot, view, ROWS, {*fields, *also}) if number == 1 else None
    if rows is not None:
        return Page(_dicts(rows.select([*dict.fromkeys((*fields, *also))])), total, 1, pages)
    rows = few(snapshot, view)
    if rows is not None and {*fields} <= {*LIST_FIELDS}:
        return Page(_dicts(rows.select([*fields]).slice((number - 1) * ROWS, ROWS)), total, number, pages)
    where = stretch(snapshot, view, counted, (number - 1) * ROWS, ROWS)
    if also and events_among(snapshot, where.bounds) <= CLOSE:
        fields = tuple(dict.fromkeys((*fields, *also)))
    return Page(_rows(snapshot, view, where, fields), total, number, pages)


def event(snapshot: Snapshot, event_id: str, *, near: datetime | None = None) -> dict[str, Any] | None:
    """One event with all its fields (`properties` as JSON text), or None when there is no such event.

    `near` is its `occurred_at`, when known: the lake then reads one day instead of all.
    """
    wanted = [UUID(event_id)]
    times = times_of(snapshot, wanted) if near is None else [near]
    if not times:
        return None
    events = snapshot.table("events", columns_of(["event_id"]), along=(*STORED_FIELDS, "person_number"))
    found = snapshot.fetch(events.filter(at_times(events, times), of_ids(events, wanted)).limit(1))
    rows = _dicts(found.select([*STORED_FIELDS]))
    if not rows:
        return None
    number = found["person_number"][0].as_py()
    row = {**rows[0], **identify(snapshot, rows[0]["customer_id"], rows[0]["anonymous_id"], number)}
    return {name: row[name] for name in FIELD}


def neighbours(snapshot: Snapshot, of: Mapping[str, Any]) -> tuple[Mark | None, Mark | None]:
    """The event before and the one after, in time, of the same person over all time. `of` is an event's dict."""
    if of["person"] is None:
        return None, None
    return _neighbour(snapshot, of, later=False), _neighbour(snapshot, of, later=True)


def _neighbour(snapshot: Snapshot, of: Mapping[str, Any], *, later: bool) -> Mark | None:
    at = of["occurred_at"]
    for reach in (*_NEAR, None):
        events = snapshot.for_look_ups("by_person", columns_of(["person"]))
        if reach is not None:
            events = between(events, (at, at + reach) if later else (at - reach, at + _MICROSECOND))
        mark = _next(snapshot, events.filter(of_people(snapshot, events, [of["person"]])), of, later=later)
        if mark is not None:
            return mark
    return None


def _next(snapshot: Snapshot, events: ir.Table, of: Mapping[str, Any], *, later: bool) -> Mark | None:
    at, event_id = instant(of["occurred_at"]), ibis.uuid(of["event_id"])
    same = events.occurred_at == at
    if later:
        events = events.filter((events.occurred_at > at) | (same & (events.event_id > event_id)))
        events = events.order_by(events.occurred_at, events.event_id)
    else:
        events = newest_first(events.filter((events.occurred_at < at) | (same & (events.event_id < event_id))))
    rows = _dicts(snapshot.fetch(events.select("event_id", "occurred_at").limit(1)))
    return Mark(**rows[0]) if rows else None


def _rows(snapshot: Snapshot, view: View, where: Stretch, fields: Sequence[str]) -> list[dict[str, Any]]:
    """The page's events, newest first, with their fields. Of a full stretch it is found out first which events they
    are, so that wide columns are read for these only; people are joined to these only, too."""
    within = where.bounds
    if where.count <= _FEW and JOINED.isdisjoint(fields):
        events = newest_first(matching(snapshot, view, within=within, along=fields))
        # Which of the columns, and in which order, is left to Arrow: to say it takes Ibis as long as all the rest.
        return _dicts(snapshot.fetch(events.limit(ROWS, offset=where.skip)).select([*fields]))
    keys = newest_first(matching(snapshot, view, within=within).select("occurred_at", "event_id"))
    marks = [Mark(**row) for row in _dicts(snapshot.fetch(keys.limit(ROWS, offset=where.skip)))]
    if not marks:
        return []
    events = snapshot.table("events", columns_of((*fields, "event_id")))
    events = between(events, (marks[-1].occurred_at, marks[0].occurred_at + _MICROSECOND))
    events = events.filter(events.event_id.isin([ibis.uuid(mark.event_id) for mark in marks]))
    events = with_people(snapshot, events, fields).select(*fields)
    return _dicts(snapshot.fetch(newest_first(events)))


def _dicts(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as dicts, ids as text."""
    return [
        {name: str(value) if value is not None and FIELD[name].type == "uuid" else value for name, value in row.items()}
        for row in rows.to_pylist()
    ]
