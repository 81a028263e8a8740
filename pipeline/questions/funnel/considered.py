"""The events a funnel looks at, and how few of them have to be looked at one by one.

Whoever has no event of a later step reached the first at most, and that is nearly everyone: the engine counts them.
Only the others' events leave it, sorted, for `journeys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir

from pipeline.questions.functions import among, microseconds
from pipeline.questions.funnel.spec import Funnel, Step
from pipeline.questions.matching import between, condition, matching, text_of
from pipeline.questions.people import of_people, with_people
from pipeline.questions.ranges import Instants
from pipeline.questions.snapshot import Snapshot

_QUIET = ("identify", "group", "alias")  # calls that break no strict sequence
_TRAVELLED = ("person", "at", "event_id", "steps", "barred", "breaks", "value")
_FEW = 100_000  # people whose ids are looked up rather than everyone's
_LATEST = datetime(2200, 12, 31, tzinfo=UTC)  # a range's own end


def considered(snapshot: Snapshot, funnel: Funnel) -> ir.Table:
    """The view's events from the range's start to the end of the last window that mean anything to the funnel.

    With each its ids, `at` in microseconds, `value` of the breakdown, and the `steps`, `barred` and `breaks` of `Rows`.
    """
    start, stop = funnel.view.bounds()
    view = replace(funnel.view, range=Instants(start, min(stop + funnel.window, _LATEST)))
    excluded = [exclusion.step for exclusion in funnel.exclusions]
    named = {each.field for step in (*funnel.steps, *excluded) for each in step.filters}
    if funnel.breakdown is not None:
        named.add(funnel.breakdown)
    events = matching(snapshot, view, named)
    strict = funnel.order == "strict"
    events = events.mutate(
        steps=_bits(snapshot, events, funnel.steps),
        barred=_bits(snapshot, events, excluded),
        breaks=~events.type.isin(_QUIET).fill_null(False) if strict else ibis.literal(False),
    )
    value = ibis.null("string") if funnel.breakdown is None else text_of(funnel.breakdown, events)
    return events.filter((events.steps != 0) | (events.barred != 0) | events.breaks).select(
        *("occurred_at", "event_id", "steps", "barred", "breaks"),
        customer_id=events.customer_id.nullif(""),
        anonymous_id=events.anonymous_id.nullif(""),
        at=microseconds(events.occurred_at),
        value=value,
    )


def later_people(snapshot: Snapshot, events: ir.Table, funnel: Funnel) -> list[str]:
    """Those who may be past the first step: with an event of step 2, or in any order of any but the first."""
    others = 2 if funnel.order != "any" else (1 << len(funnel.steps)) - 2
    ids = events.filter((events.steps & others) != 0).select("customer_id", "anonymous_id").distinct()
    people = snapshot.fetch(with_people(snapshot, ids, ["person"]).select("person").distinct())
    return [str(person) for person in people["person"].drop_null().to_pylist()]


def travellers(snapshot: Snapshot, events: ir.Table, people: Sequence[str]) -> ir.Table:
    """All events of these people, with `person`, sorted as `Rows` are."""
    if len(people) <= _FEW:
        events = with_people(snapshot, events.filter(of_people(snapshot, events, people)), ["person"])
    else:
        events = with_people(snapshot, events, ["person"])
        events = events.filter(among(events.person, people))
    # Only what is needed goes through the sort, whose memory is what bounds a funnel's size.
    return events.select(*_TRAVELLED).order_by("person", "at", "event_id")


def beginners(
    snapshot: Snapshot, events: ir.Table, funnel: Funnel, others: Sequence[str], *, named: bool = True
) -> ir.Table:
    """Those who entered, without `others`: `person`, and of the first entry `occurred_at`, `at`, `event_id` and
    `value`; `latest` is the last entry's time. Not `named`, without event and value, in a third of the memory.

    Entries are gathered by their ids first: there are far fewer ids to find people for than events.
    """
    entries = between(events.filter(events.steps != 0), funnel.view.bounds())
    if funnel.order != "any":
        entries = entries.filter((entries.steps & 1) != 0)
    by_ids = entries.group_by("customer_id", "anonymous_id").agg(
        occurred_at=entries.occurred_at.min(),
        at=entries.at.min(),
        latest=entries.at.max(),
        **({"entry": _first(entries.event_id, entries.value, entries.at)} if named else {}),
    )
    begun = with_people(snapshot, by_ids, ["person"])
    begun = begun.filter(begun.person.notnull(), ~among(begun.person, others))
    found = begun.group_by("person").agg(
        occurred_at=begun.occurred_at.min(),
        at=begun["at"].min(),
        latest=begun.latest.max(),
        **({"entry": _first(begun.entry["event_id"], begun.entry["value"], begun["at"])} if named else {}),
    )
    if not named:
        return found
    return found.mutate(event_id=found.entry["event_id"], value=found.entry["value"]).drop("entry")


def _first(event_id: ir.Value, value: ir.Value, at: ir.Value) -> ir.StructValue:
    """Of the earliest event, of equals the one with the lowest id: `event_id` and `value`, which may be null."""
    return ibis.struct({"event_id": event_id, "value": value}).argmin(ibis.struct({"at": at, "event_id": event_id}))


def _bits(snapshot: Snapshot, events: ir.Table, steps: Sequence[Step]) -> ir.IntegerValue:
    bits: ir.IntegerValue = ibis.literal(0, "int64")
    for place, step in enumerate(steps):
        bits = bits + ibis.cases((_matches(snapshot, events, step), 1 << place), else_=0).cast("int64")
    return bits


def _matches(snapshot: Snapshot, events: ir.Table, step: Step) -> ir.BooleanValue:
    named = ibis.literal(True) if step.event is None else events.event == step.event
    return (named & condition(snapshot, events, step.filters)).fill_null(False)
