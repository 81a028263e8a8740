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

from pipeline.questions.functions import microseconds
from pipeline.questions.funnel.spec import Funnel, Step
from pipeline.questions.matching import between, condition, matching, text_of
from pipeline.questions.people import with_people
from pipeline.questions.ranges import Instants
from pipeline.questions.snapshot import Snapshot

_QUIET = ("identify", "group", "alias")  # calls that break no strict sequence
_LATEST = datetime(2200, 12, 31, tzinfo=UTC)  # a range's own end


def considered(snapshot: Snapshot, funnel: Funnel) -> ir.Table:
    """The view's events from the range's start to the end of the last window that mean anything to the funnel.

    With each its `person`, `at` in microseconds, `event_id`, `value` of the breakdown, and the `steps`, `barred` and
    `breaks` of `Rows`.
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
    events = events.filter((events.steps != 0) | (events.barred != 0) | events.breaks)
    value = ibis.null("string") if funnel.breakdown is None else text_of(funnel.breakdown, events)
    if "person" not in events.columns:
        events = with_people(snapshot, events, ["person"])
    return events.filter(events.person.notnull()).select(
        "person",
        "occurred_at",
        "event_id",
        "steps",
        "barred",
        "breaks",
        at=microseconds(events.occurred_at),
        value=value,
    )


def travellers(events: ir.Table, funnel: Funnel) -> ir.Table:
    """All events of those who may be past the first step, sorted as `Rows` are."""
    later = events.filter(later_bits(events, funnel)).select("person").distinct()
    return events.semi_join(later, "person").order_by("person", "occurred_at", "event_id")


def beginners(events: ir.Table, funnel: Funnel) -> ir.Table:
    """Those who entered and cannot be past the first step: `person`, and of the first entry `occurred_at`, `at`,
    `event_id` and `value`; `latest` is the last entry's time."""
    entries = between(events.filter(events.steps != 0), funnel.view.bounds())
    if funnel.order != "any":
        entries = entries.filter((entries.steps & 1) != 0)
    later = events.filter(later_bits(events, funnel)).select("person").distinct()
    entries = entries.anti_join(later, "person")
    first = [entries.at, entries.event_id]
    return entries.group_by("person").agg(
        occurred_at=entries.occurred_at.min(),
        at=entries.at.min(),
        latest=entries.at.max(),
        event_id=entries.event_id.first(order_by=first),
        value=entries.value.first(order_by=first, include_null=True),
    )


def later_bits(events: ir.Table, funnel: Funnel) -> ir.BooleanValue:
    """Whether an event may take its person past the first step: of step 2, or in any order of any but the first."""
    others = 2 if funnel.order != "any" else (1 << len(funnel.steps)) - 2
    return (events.steps & others) != 0


def _bits(snapshot: Snapshot, events: ir.Table, steps: Sequence[Step]) -> ir.IntegerValue:
    bits: ir.IntegerValue = ibis.literal(0, "int64")
    for place, step in enumerate(steps):
        bits = bits + ibis.cases((_matches(snapshot, events, step), 1 << place), else_=0).cast("int64")
    return bits


def _matches(snapshot: Snapshot, events: ir.Table, step: Step) -> ir.BooleanValue:
    named = ibis.literal(True) if step.event is None else events.event == step.event
    return (named & condition(snapshot, events, step.filters)).fill_null(False)
