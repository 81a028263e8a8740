"""Verifying: the lake is counted again and compared with the ledger, object by object; if asked, the objects, too.

What is compared ("The ledger" in docs/semantics.md): every loaded object's lines = loaded + duplicate + rejected +
expired; its rows in the lake; its rejected lines; that no event is there twice; that every person has one number; that
what is sorted for look-ups is what lies by time; that days were counted ahead as they are. With the objects: that each
still has as many lines, and that every event of it is in the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import ibis

from pipeline.lake import Lake, Snapshot
from pipeline.questions import tallies
from pipeline.questions.daily import day_of
from pipeline.questions.functions import day_number
from pipeline.recovery.reread import Reread, reread
from pipeline.settings import Settings

COUNTED = ("loaded", "duplicate", "rejected", "expired")


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not what it must be; `key` is "" where it is about the lake as a whole."""

    source: str
    key: str
    what: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class Unread:
    """An object that could not be read again, and why: nothing can be said of it."""

    source: str
    key: str
    reason: str


@dataclass(slots=True)
class Report:
    """What a verification found at `version` of the lake. `objects_read` were read again, of `objects` loaded ones."""

    version: int
    objects: int = 0
    lines: int = 0
    events: int = 0
    objects_read: int = 0
    differences: list[Difference] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


Progress = Callable[[int, int], None]  # objects read again, of how many


def verify(
    settings: Settings,
    lake: Lake,
    now: datetime,
    *,
    objects: bool = False,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Recount the lake against its ledger, all at one snapshot; with `objects`, read them again, too.

    `now` is the time of looking: what retention may have removed by then is not looked for. Raises
    `LakeError` where the lake itself cannot be read.
    """
    snapshot = lake.snapshot()
    report = _totals(snapshot)
    for check in CHECKS:
        report.differences += check(snapshot)
    report.differences += _stored_twice(snapshot, settings.dedupe_days)
    if objects:
        for again in reread(settings, snapshot, now):
            _compare(report, again)
            progress(report.objects_read + len(report.unread), report.objects)
    return report


def _totals(snapshot: Snapshot) -> Report:
    loaded, events = _loaded(snapshot), snapshot.events
    counted = loaded.aggregate(objects=loaded.count(), lines=loaded.lines.sum().coalesce(0))
    [row] = _rows(snapshot, counted)
    [rows] = _rows(snapshot, events.aggregate(events=events.count()))
    return Report(snapshot.version, row["objects"], int(row["lines"]), rows["events"])


def _unbalanced(snapshot: Snapshot) -> Iterator[Difference]:
    """Objects whose own numbers do not add up."""
    loaded = _loaded(snapshot)
    accounted = sum((loaded[name] for name in COUNTED), ibis.literal(0))
    wrong = loaded.select("source", "key", expected=loaded.lines, found=accounted)
    yield from _told(snapshot, wrong, "lines accounted for")


def _kept(snapshot: Snapshot, rows: ibis.Table, counter: str, removed: str) -> ibis.Table:
    """Per key, what the ledger counts, less what retention and erasure have removed since, beside `rows` of the lake.

    By key alone: rows of events do not know their object's source and version.
    """
    objects, gone, zero = snapshot.objects, snapshot.removed, ibis.literal(0)
    sides = ibis.union(
        objects.select("key", "source", expected=objects[counter], found=zero.cast("int64")),
        gone.select("key", source=ibis.literal(""), expected=-gone[removed], found=zero.cast("int64")),
        rows.select("key", source=ibis.literal(""), expected=zero.cast("int64"), found=ibis.literal(1).cast("int64")),
    )
    summed = {name: sides[name].sum() for name in ("expected", "found")}
    return sides.group_by("key").aggregate(source=sides.source.max(), **summed)


def _rejected(snapshot: Snapshot) -> Iterator[Difference]:
    """Objects of which other lines are kept as rejected than the ledger counts."""
    yield from _told(snapshot, _kept(snapshot, snapshot.rejected, "rejected", "rejected"), "rejected lines")


def _rows_of_objects(snapshot: Snapshot) -> Iterator[Difference]:
    """Objects with other rows in the lake than were loaded."""
    events = snapshot.events.select(key=snapshot.events.object_key)
    yield from _told(snapshot, _kept(snapshot, events, "loaded", "events"), "events")


def _numbers(snapshot: Snapshot) -> Iterator[Difference]:
    """People with two numbers, numbers with two people: each must be one to one, or funnels would count wrongly."""
    people = snapshot.people
    counted = people.aggregate(expected=people.count(), people=people.person.nunique(), numbers=people.number.nunique())
    [row] = _rows(snapshot, counted)
    for name in ("people", "numbers"):
        if row[name] != row["expected"]:
            yield Difference("", "", f"{name} told apart", row["expected"], row[name])


def _numbered(snapshot: Snapshot) -> Iterator[Difference]:
    """Events whose number is another's than the person they name, or nobody's."""
    events, people = snapshot.events, snapshot.people
    named = ibis.coalesce("c:" + events.customer_id.nullif(""), "a:" + events.anonymous_id.nullif(""))
    told = events.select(person=named, number=events.person_number)
    known = people.select(known="number", belongs="person")
    told = told.left_join(known, told.number == known.known).select("person", "belongs")
    right = told.person.identical_to(told.belongs).sum()
    [row] = _rows(snapshot, told.aggregate(expected=told.count(), found=right.coalesce(0)))
    if row["expected"] != row["found"]:
        yield Difference("", "", "events with their person's number", row["expected"], int(row["found"]))


# Table → how its events lie, and what has to be the same of an event there.
_SORTED = {
    "by_person": ("by person", ("occurred_at", "event_id", "person_number")),
    "by_address": ("by address", ("occurred_at", "event_id", "ip_number")),
    "by_id": ("by id", ("occurred_at", "id_number")),
}


def _look_ups(snapshot: Snapshot) -> Iterator[Difference]:
    """Days whose events are not all there once more, sorted for look-ups, or others beside them."""
    until = snapshot.days.sorted_until(snapshot.version)
    if until is not None:
        for table, (how, told) in _SORTED.items():
            yield from _once_more(snapshot, table, how, told, until)


def _once_more(
    snapshot: Snapshot, table: str, how: str, told: Collection[str], until: datetime
) -> Iterator[Difference]:
    events, once_more = snapshot.table("events", told), snapshot.table(table, told)
    events = events.filter(events.occurred_at < ibis.literal(until, "timestamp('UTC')"))
    sides = ibis.union(events.select(*told, there=1, sorted=0), once_more.select(*told, there=0, sorted=1))
    pairs = sides.group_by(*told).aggregate(there=sides.there.sum(), sorted=sides.sorted.sum())
    # One that is there twice is told of by its surplus; one that was swapped for another by what is missing.
    right = ibis.ifelse(pairs.there == pairs.sorted, pairs.there, ibis.ifelse(pairs.there > 0, pairs.sorted, 0))
    days = pairs.mutate(day=pairs.occurred_at.date(), right=right).group_by("day")
    counted = days.aggregate(expected=lambda day: day.there.sum(), found=lambda day: day.right.sum())
    for row in _rows(snapshot, counted.filter(counted.expected != counted.found).order_by("day")):
        what = f"events of {row['day']} that lie {how}"
        yield Difference("", "", what, int(row["expected"]), int(row["found"]))


def _counted(snapshot: Snapshot) -> Iterator[Difference]:
    """Days of which other events were counted ahead than they have."""
    days = snapshot.days.of(snapshot.version)
    known = {day: tallies.events_of(snapshot, each.name) for day, each in days.items()}
    events = snapshot.table("events", ("occurred_at", "event"))
    counted = events.group_by(day=day_number(events.occurred_at)).aggregate(events=events.count())
    there = {day_of(row["day"]): row["events"] for row in _rows(snapshot, counted)}
    for day, found in sorted(known.items()):
        if found is not None and found != there.get(day, 0):
            yield Difference("", "", f"events of {day} that were counted ahead", there.get(day, 0), found)


CHECKS: tuple[Callable[[Snapshot], Iterator[Difference]], ...] = (
    _unbalanced,
    _rows_of_objects,
    _rejected,
    _numbers,
    _numbered,
    _look_ups,
    _counted,
)


def _stored_twice(snapshot: Snapshot, days: int) -> Iterator[Difference]:
    """Events that are in the lake twice, by the rule for events seen twice."""
    events = snapshot.events
    repeated = events.group_by("event_id").having(events.count() > 1).aggregate()
    copies = events.semi_join(repeated, "event_id").select("object_key", "event_id", "occurred_at")
    before = copies.occurred_at.lag().over(group_by=copies.event_id, order_by=copies.occurred_at)
    gap = copies.occurred_at.epoch_seconds() - before.epoch_seconds()
    near = copies.mutate(gap=gap).filter(lambda copy: copy.gap <= timedelta(days=days).total_seconds())
    for row in _rows(snapshot, near.group_by("object_key").aggregate(twice=near.count())):
        yield Difference("", row["object_key"], "events stored twice", 0, row["twice"])


def _compare(report: Report, again: Reread) -> None:
    entry = again.entry
    if again.error is not None:
        report.unread.append(Unread(entry["source"], entry["key"], again.error))
        return
    report.objects_read += 1
    for what, expected, found in (
        ("lines in the object", entry["lines"], again.lines),
        ("events of the object that the lake lacks", 0, again.missing),
    ):
        if found != expected:
            report.differences.append(Difference(entry["source"], entry["key"], what, expected, found))


def _loaded(snapshot: Snapshot) -> ibis.Table:
    return snapshot.objects.filter(snapshot.objects.state == "loaded")


def _told(snapshot: Snapshot, compared: ibis.Table, what: str) -> Iterator[Difference]:
    wrong = compared.filter(compared.expected != compared.found).order_by("source", "key")
    for row in _rows(snapshot, wrong):
        # DuckDB sums whole numbers into its 128-bit type, which arrives as a decimal.
        yield Difference(row["source"], row["key"], what, int(row["expected"]), int(row["found"]))


def _rows(snapshot: Snapshot, expression: ibis.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = snapshot.fetch(expression).to_pylist()
    return rows
