"""People: finding one, and what is known of one ("Customers and visitors" in docs/semantics.md).

All of it over the whole lake, not over a view's range. A session is a run of a person's events with no gap of more
than 30 minutes, whichever device or site they came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.functions import among, microseconds
from pipeline.questions.matching import columns_of, matching, text_of
from pipeline.questions.people import (
    CUSTOMER,
    VISITOR,
    identify,
    latest_traits,
    of_people,
    visitors_of,
    with_people,
)
from pipeline.questions.ranges import Days
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

SESSION_GAP = timedelta(minutes=30)
MOMENTS = ("Registered", "Subscribed")
_LATEST_SESSIONS = 20
_LATEST_MOMENTS = 50
_NAMELESS: dict[str, str | None] = {"name": None, "email": None}

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Found:
    """A person in a list: exact number of `events`, the latest at `last_seen` (UTC), the latest known country."""

    person: str
    name: str | None
    email: str | None
    country: str | None
    country_code: str | None
    events: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A run of events from `start` to `end` (UTC, both events)."""

    start: datetime
    end: datetime
    events: int


@dataclass(frozen=True, slots=True)
class Moment:
    """When a person registered or subscribed."""

    event: str
    event_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    country: str | None
    country_code: str | None
    region: str | None
    city: str | None


@dataclass(frozen=True, slots=True)
class Device:
    device: str | None
    browser: str | None
    os: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a person. Counts are events, most first; sessions and moments are the latest, newest first.

    `sessions` counts all sessions, `latest_sessions` holds some. `anonymous_ids` are the visitor's ids that belong
    to this person.
    """

    person: str
    customer_id: str | None
    name: str | None
    email: str | None
    events: int
    first_seen: datetime
    last_seen: datetime
    by_event: tuple[tuple[str, int], ...]
    places: tuple[tuple[Place, int], ...]
    devices: tuple[tuple[Device, int], ...]
    sessions: int
    latest_sessions: tuple[Session, ...]
    moments: tuple[Moment, ...]
    anonymous_ids: tuple[str, ...]

    def view(self, now: datetime, zone: ZoneInfo) -> View:
        """All their events: from the first day they were seen to the last."""
        first, last = (seen.astimezone(zone).date() for seen in (self.first_seen, self.last_seen))
        return View(now, zone, Days(first, last), (Filter("person", Op.IS, (self.person,)),))


def search(snapshot: Snapshot, text: str, limit: int = 20) -> list[Found]:
    """People whose customer id, anonymous id, latest name or latest email contains `text`, whatever the case.

    Whose id or email is `text` comes first, then whoever was seen last. In a masked snapshot only ids are looked at.
    """
    text = text.strip()
    if not text:
        return []
    named = [] if snapshot.masked else _named(snapshot, text)
    exact = [CUSTOMER + text, VISITOR + text, *(CUSTOMER + row["customer_id"] for row in named if row["exact"])]
    likely = _seen(snapshot, text, [row["customer_id"] for row in named], limit)
    found = _counted(snapshot, list(dict.fromkeys([*exact, *likely])))
    found.sort(key=lambda each: each.last_seen, reverse=True)
    found.sort(key=lambda each: each.person not in exact)
    return found[:limit]


def most_active(snapshot: Snapshot, view: View, limit: int = 50) -> list[Found]:
    """The customers with the most events in `view`, most first; then whoever was seen last.

    What they did as visitors counts too, so that each number is what the view holds for that person.
    """
    people = _by_person(snapshot, matching(snapshot, view, _BY_PERSON), ["person"])
    people = people.filter(people.person.startswith(CUSTOMER))
    order = (people.events.desc(), people.last_seen.desc(), people.person)
    rows = snapshot.fetch(people.order_by(*order).limit(limit)).to_pylist()
    names = _names(snapshot, [row["person"].removeprefix(CUSTOMER) for row in rows])
    return [_found({**row, **names.get(row["person"], _NAMELESS)}) for row in rows]


def profile(snapshot: Snapshot, person: str) -> Profile | None:
    """What is known of a `person` (`c:…` or `a:…`), or None without any event.

    A visitor who has become a customer is answered by that customer.
    """
    who = _resolve(snapshot, person)
    found = str(who["person"])
    events = snapshot.for_look_ups("by_person", columns_of(("person", "event", *Place.__slots__, *Device.__slots__)))
    events = events.filter(of_people(snapshot, events, [found]))
    kinds = _kinds(snapshot, events)
    if not kinds:
        return None
    sessions, latest = _sessions(snapshot, events)
    customer_id = found.removeprefix(CUSTOMER) if found.startswith(CUSTOMER) else None
    return Profile(
        person=found,
        customer_id=customer_id,
        name=who["name"],
        email=who["email"],
        events=sum(kind["events"] for kind in kinds),
        first_seen=min(kind["first"] for kind in kinds),
        last_seen=max(kind["last"] for kind in kinds),
        by_event=_tally(kinds, lambda kind: str(kind["event"])),
        places=_tally(kinds, lambda kind: Place(*(kind[name] for name in Place.__slots__))),
        devices=_tally(kinds, lambda kind: Device(*(kind[name] for name in Device.__slots__))),
        sessions=sessions,
        latest_sessions=latest,
        moments=_moments(snapshot, events),
        anonymous_ids=_anonymous_ids(snapshot, found),
    )


def _resolve(snapshot: Snapshot, person: str) -> dict[str, str | None]:
    if person.startswith(VISITOR):
        return identify(snapshot, None, person.removeprefix(VISITOR))
    return identify(snapshot, person.removeprefix(CUSTOMER), None)


def _named(snapshot: Snapshot, text: str) -> list[dict[str, Any]]:
    """(customer_id, exact) of the customers whose latest name or email contains the text."""
    traits = latest_traits(snapshot.traits)
    needle = ibis.literal(text).lower()
    wanted = traits.name.lower().contains(needle) | traits.email.lower().contains(needle)
    exact = (traits.email.lower() == needle).fill_null(False)
    return list(snapshot.fetch(traits.filter(wanted).select("customer_id", exact=exact)).to_pylist())


def _seen(snapshot: Snapshot, text: str, customers: list[str], limit: int) -> list[str]:
    """The people seen last among those customers and those whose ids contain the text."""
    events, needle = snapshot.table("events", columns_of(["person"])), ibis.literal(text).lower()
    named = events.customer_id.lower().contains(needle) | events.anonymous_id.lower().contains(needle)
    events = events.filter(named | among(events.customer_id, customers))
    pairs = events.group_by("customer_id", "anonymous_id").agg(last=events.occurred_at.max())
    people = with_people(snapshot, pairs, ["person"])
    people = people.group_by("person").agg(last=people["last"].max())
    return [
        str(person) for person in snapshot.fetch(people.order_by(ibis.desc("last")).limit(limit))["person"].to_pylist()
    ]


def _counted(snapshot: Snapshot, people: list[str]) -> list[Found]:
    """Those of the people that have events, with exact counts."""
    events = snapshot.for_look_ups("by_person", columns_of(("person", *_BY_PERSON)))
    counted = _by_person(snapshot, events.filter(of_people(snapshot, events, people)), ["person", "name", "email"])
    return [_found(row) for row in snapshot.fetch(counted).to_pylist()]


_BY_PERSON = ("customer_id", "anonymous_id", "country", "country_code")  # what `_by_person` reads


def _by_person(snapshot: Snapshot, events: ir.Table, who: list[str]) -> ir.Table:
    """(who, events, last_seen, place) of each person: counted by their ids first, for the joins cost by the row."""
    known = text_of("country", events).notnull()
    place = ibis.struct({"at": events.occurred_at, "country": events.country, "country_code": events.country_code})
    pairs = events.group_by("customer_id", "anonymous_id").agg(
        count=events.count(), last=events.occurred_at.max(), place=place.max(where=known)
    )
    named = with_people(snapshot, pairs, who)
    return named.group_by(who).agg(events=named["count"].sum(), last_seen=named["last"].max(), place=named.place.max())


def _found(row: dict[str, Any]) -> Found:
    place = row.pop("place") or {"country": None, "country_code": None}
    return Found(**{**row, "events": int(row["events"])}, country=place["country"], country_code=place["country_code"])


def _names(snapshot: Snapshot, customers: list[str]) -> dict[str, dict[str, str | None]]:
    """The latest name and email of each of the customers, by person."""
    traits = snapshot.traits
    rows = snapshot.fetch(latest_traits(traits.filter(among(traits.customer_id, customers)))).to_pylist()
    return {CUSTOMER + row["customer_id"]: {"name": row["name"], "email": row["email"]} for row in rows}


def _kinds(snapshot: Snapshot, events: ir.Table) -> list[dict[str, Any]]:
    """One pass: the events by everything that a profile counts by, with the first and the last of each."""
    by = {name: text_of(name, events) for name in ("event", *Place.__slots__, *Device.__slots__)}
    kinds = events.group_by(**by).agg(
        events=events.count(), first=events.occurred_at.min(), last=events.occurred_at.max()
    )
    return list(snapshot.fetch(kinds).to_pylist())


def _tally(kinds: list[dict[str, Any]], key: Callable[[dict[str, Any]], _Key]) -> tuple[tuple[_Key, int], ...]:
    counts: Counter[_Key] = Counter()
    for kind in kinds:
        counts[key(kind)] += kind["events"]
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], repr(item[0]))))


def _sessions(snapshot: Snapshot, events: ir.Table) -> tuple[int, tuple[Session, ...]]:
    """How many sessions there are, and the latest of them."""
    times = events.select(at=microseconds(events.occurred_at), occurred_at=events.occurred_at)
    in_order = ibis.window(order_by=times.at)
    gap = times.at - times.at.lag().over(in_order)
    begins = (gap > SESSION_GAP // timedelta(microseconds=1)).fill_null(True)
    times = times.mutate(begins=begins.cast("int64"))
    times = times.mutate(session=times.begins.sum().over(ibis.cumulative_window(order_by=times.at)))
    sessions = times.group_by("session").agg(
        start=times.occurred_at.min(), end=times.occurred_at.max(), events=times.count()
    )
    rows = snapshot.fetch(sessions.order_by(ibis.desc("session")).limit(_LATEST_SESSIONS)).to_pylist()
    latest = tuple(Session(row["start"], row["end"], row["events"]) for row in rows)
    return (int(rows[0]["session"]) if rows else 0), latest


def _moments(snapshot: Snapshot, events: ir.Table) -> tuple[Moment, ...]:
    told = events.filter(events.event.isin(MOMENTS)).select("event", "event_id", "occurred_at")
    told = told.order_by(told.occurred_at.desc(), told.event_id.desc()).limit(_LATEST_MOMENTS)
    return tuple(Moment(**{**row, "event_id": str(row["event_id"])}) for row in snapshot.fetch(told).to_pylist())


def _anonymous_ids(snapshot: Snapshot, person: str) -> tuple[str, ...]:
    if person.startswith(VISITOR):
        return (person.removeprefix(VISITOR),)
    return tuple(visitors_of(snapshot, person.removeprefix(CUSTOMER)))
