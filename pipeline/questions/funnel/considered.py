"""The events a funnel looks at, as columns of numbers.

What is quick to read, and small, leaves the engine: a person's number, the time, and a bit for each step. Twenty
million rows of it come in less time than the engine would take to group them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.questions.functions import among_numbers, hashed, microseconds
from pipeline.questions.funnel.spec import Funnel, Step
from pipeline.questions.matching import between, condition, matching, text_of
from pipeline.questions.people import linked_numbers
from pipeline.questions.ranges import Bounds, Instants
from pipeline.questions.snapshot import Snapshot

Numbers = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]
NEVER = 1 << 62  # a time that no event has, far from the ends of an int64: a window may be added and taken away
Column = TypeVar("Column", Numbers, Flags)

_COLUMNS = ("person", "at", "steps", "barred", "breaks", "value")
_AT_ONCE = 1 << 17  # events whose columns stay in a processor's cache
_LONG = 14  # days
_QUIET = ("identify", "group", "alias")  # calls that break no strict sequence
_LATEST = datetime(2200, 12, 31, tzinfo=UTC)  # a range's own end


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events of many people, in any order, as columns of one length.

    `person` is a number below `people`; `at` is in microseconds; bit j of `steps` says that the event matches step
    j+1, bit x of `barred` that it matches exclusion x; `breaks` that it breaks a strict sequence; `value` is of the
    breakdown, as `Values` knows it.
    """

    people: int
    person: Numbers
    at: Numbers
    steps: Numbers
    barred: Numbers
    breaks: Flags
    value: Numbers

    def __len__(self) -> int:
        return len(self.person)

    @property
    def has_only_steps(self) -> bool:
        """Whether nothing but steps tells two events of a person and instant apart."""
        return all(_is_one_value(column) for column in (self.barred, self.breaks, self.value))

    def take(self, places: Numbers | slice) -> Events:
        """Those at these places."""
        return Events(self.people, *(_taken(getattr(self, name), places) for name in _COLUMNS))


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The values of a breakdown: `texts` by the hash that stands for each; null is one of them."""

    hashes: Numbers  # sorted
    texts: tuple[str | None, ...]

    def codes(self, hashes: Numbers) -> Numbers:
        """Where in `texts` each value is."""
        return np.searchsorted(self.hashes, hashes)


class SharedHash(Exception):
    """Two values have the same hash: ask again with another salt."""


def together(events: Sequence[Events]) -> Events:
    """As one, in the same order."""
    return Events(events[0].people, *(_joined([getattr(each, name) for each in events]) for name in _COLUMNS))


def _taken(column: Column, places: Numbers | slice) -> Column:
    if _is_one_value(column) and not isinstance(places, slice):
        return np.broadcast_to(column[0], len(places))
    return column[places]


def _joined(columns: Sequence[Column]) -> Column:
    some = [column for column in columns if len(column)]
    if some and all(map(_is_one_value, some)):
        return np.broadcast_to(some[0][0], sum(map(len, some)))
    return np.concatenate(columns)


def _is_one_value(column: Numbers | Flags) -> bool:
    """Whether the column is one value repeated, as `_events` makes it: to copy it would take time."""
    return len(column) > 0 and column.strides == (0,)


class Considered:
    """The view's events, from the range's start to the end of the last window, that mean anything to a funnel."""

    def __init__(self, snapshot: Snapshot, funnel: Funnel, threads: Executor, salt: int) -> None:
        self._snapshot = snapshot
        self._funnel = funnel
        self._table = _table(snapshot, funnel)
        self._salt = salt
        # Asked now, needed when the first events have come.
        self._linked = threads.submit(linked_numbers, snapshot)
        self._values = threads.submit(self._distinct)

    def stretches(self, threads: int) -> list[Bounds]:
        """The time in pieces of whole UTC days, as the lake keeps them: one a thread, or two where it is long."""
        start, stop = _bounds(self._funnel)
        day = timedelta(days=1)
        midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = -(-(min(stop, self._funnel.view.now + day) - midnight) // day)
        pieces = min(max(threads, days // _LONG), 2 * threads)
        cuts = {midnight + day * (days * piece // pieces) for piece in range(1, pieces)}
        return list(pairwise([start, *sorted(cut for cut in cuts if start < cut < stop), stop]))

    def events(self, stretch: Bounds) -> list[Events]:
        """All of a stretch of time, in any order, some at a time."""
        return self._read(between(self._table, stretch))

    def at(self, instants: Numbers) -> Events:
        """Those at any of these times, in the order of their ids."""
        table = self._table
        found = table.filter(among_numbers(table["at"], instants.tolist())).order_by("event_id")
        return together(self._read(found))

    def _read(self, table: ir.Table) -> list[Events]:
        columns = {"number": table.person_number, "occurred_at": table.occurred_at, "steps": table.steps}
        # What says the same of every event is not read.
        if self._funnel.exclusions:
            columns["barred"] = table.barred
        if self._funnel.order == "strict":
            columns["breaks"] = table.breaks
        if self._funnel.breakdown is not None:
            columns["value"] = hashed(table.value, self._salt)
        rows = self._snapshot.fetch(table.select(**columns))
        batches = rows.to_batches(_AT_ONCE) or [pa.RecordBatch.from_pylist([], rows.schema)]
        linked = self._linked.result()
        return [_events(batch, linked) for batch in batches]

    @property
    def values(self) -> Values:
        """Of the breakdown, that entries have. Raises `SharedHash`."""
        return self._values.result()

    def _distinct(self) -> Values:
        if self._funnel.breakdown is None:
            return Values(np.zeros(1, np.uint64), (None,))
        entries = between(self._table, self._funnel.view.bounds())
        entries = entries.filter((entries.steps & _entry_bits(self._funnel)) != 0)
        texts = entries.select("value").distinct()
        found = self._snapshot.fetch(texts.mutate(hash=hashed(texts.value, self._salt)).order_by("hash"))
        hashes = found["hash"].to_numpy()
        if (hashes[1:] == hashes[:-1]).any():
            raise SharedHash
        return Values(hashes, tuple(found["value"].to_pylist()))


def _entry_bits(funnel: Funnel) -> int:
    return (1 << len(funnel.steps)) - 1 if funnel.order == "any" else 1


def _bounds(funnel: Funnel) -> Bounds:
    """From the range's start to the end of the last window."""
    start, stop = funnel.view.bounds()
    return start, min(stop + funnel.window, _LATEST)


def _table(snapshot: Snapshot, funnel: Funnel) -> ir.Table:
    view = replace(funnel.view, range=Instants(*_bounds(funnel)))
    excluded = [exclusion.step for exclusion in funnel.exclusions]
    named = {each.field for step in (*funnel.steps, *excluded) for each in step.filters}
    if funnel.breakdown is not None:
        named.add(funnel.breakdown)
    events = matching(snapshot, view, {*named, "event", "type", "person_number"})
    breaks = ibis.literal(False)
    if funnel.order == "strict":
        breaks = ~events.type.isin(_QUIET).fill_null(False)
    events = events.mutate(
        steps=_bits(snapshot, events, funnel.steps, _bounds(funnel)),
        barred=_bits(snapshot, events, excluded, _bounds(funnel)),
        breaks=breaks,
    )
    means = (events.steps != 0) | (events.barred != 0) | events.breaks
    value = ibis.null("string") if funnel.breakdown is None else text_of(funnel.breakdown, events)
    return events.filter(events.person_number.notnull() & means).select(
        *("person_number", "occurred_at", "event_id", "steps", "barred", "breaks"),
        at=microseconds(events.occurred_at),
        value=value,
    )


def _bits(snapshot: Snapshot, events: ir.Table, steps: Sequence[Step], bounds: Bounds) -> ir.IntegerValue:
    """A bit for each step that an event matches; the engine looks at an event's name once, and no further than it has
    to: that takes two thirds of the time of a look for each step."""
    kind = "uint8" if len(steps) <= 8 else "uint16"

    def those_of(name: str | None) -> ir.IntegerValue:
        bits: ir.IntegerValue = ibis.literal(0, kind)
        for place, step in enumerate(steps):
            bit = ibis.literal(1 << place, kind)
            if step.event in (None, name):
                matches = condition(snapshot, events, step.filters, bounds)
                bits = bits + (ibis.cases((matches, bit), else_=ibis.literal(0, kind)) if step.filters else bit)
        return bits.cast(kind)

    names = dict.fromkeys(step.event for step in steps if step.event is not None)
    if not names:
        return those_of(None)
    return ibis.cases(*((events.event == name, those_of(name)) for name in names), else_=those_of(None))


def _events(batch: pa.RecordBatch, linked: Numbers) -> Events:
    def column(name: str, otherwise: np.generic) -> Any:
        """As the engine gave it, without a copy; where it gave none, one value for all, which takes no memory."""
        if name not in batch.schema.names:
            return np.broadcast_to(otherwise, len(batch))
        return batch[name].to_numpy(zero_copy_only=False)

    return Events(
        people=len(linked),
        person=linked[batch["number"].to_numpy()],
        at=batch["occurred_at"].cast(pa.int64()).to_numpy(),
        steps=batch["steps"].to_numpy(),
        barred=column("barred", np.uint8(0)),
        breaks=column("breaks", np.bool_(False)),
        value=column("value", np.uint64(0)),
    )
