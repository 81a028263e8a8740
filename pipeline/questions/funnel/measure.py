"""Asking a funnel of a snapshot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain, count

import numpy as np

from pipeline.questions.funnel.answer import Answer, Came
from pipeline.questions.funnel.considered import NEVER, Considered, Events, Numbers, SharedHash, together
from pipeline.questions.funnel.crowd import Crowd, Spans, groups, travelled
from pipeline.questions.funnel.instants import Rules
from pipeline.questions.funnel.journeys import NONE, Rows, begins, journeys
from pipeline.questions.funnel.sequence import in_sequence
from pipeline.questions.funnel.spec import Funnel
from pipeline.questions.matching import columns_of, instant
from pipeline.questions.ranges import Bounds, microseconds_of
from pipeline.questions.snapshot import Snapshot

_ROWS, _MOST_GROUPS = 1_000_000, 31  # events for which there is a group of people more, and how many more at most
_THREADS = min(4, os.cpu_count() or 1)
_LATELY = timedelta(days=2)  # where the newest event is looked for first


def measure(snapshot: Snapshot, funnel: Funnel) -> Answer:
    """The funnel's answer at this snapshot, exact. Raises `LakeError`, `SnapshotGone`."""
    with ThreadPoolExecutor(_THREADS) as threads:
        for salt in count():
            with suppress(SharedHash):
                return _measured(snapshot, funnel, threads, salt)
    raise AssertionError("salts do not end")


def _measured(snapshot: Snapshot, funnel: Funnel, threads: ThreadPoolExecutor, salt: int) -> Answer:
    rules = _rules(funnel)
    newest = threads.submit(_newest, snapshot, funnel)
    considered = Considered(snapshot, funnel, threads, salt)
    events, crowd = _read(considered, rules, newest, threads)
    came = _entered(crowd, rules, newest.result())
    if funnel.breakdown is not None:
        firsts = threads.submit(_first_values, considered, list(chain.from_iterable(events)), crowd, rules)
    far = _far(considered, rules, events, crowd, threads)
    if funnel.breakdown is not None:
        came.value[:] = considered.values.codes(firsts.result()[came.number])
    return Answer(funnel, snapshot.version, came=_told(came, far, considered), values=considered.values.texts)


def _read(
    considered: Considered, rules: Rules, newest: Future[int], threads: Executor
) -> tuple[list[list[Events]], Crowd]:
    """All events, and their crowd. The engine hands rows over by one thread only: each stretch of time has its own."""

    def read(stretch: Bounds) -> tuple[list[Events], Crowd]:
        events = considered.events(stretch)
        return events, Crowd.of(events, rules, newest.result())

    found = list(threads.map(read, considered.stretches(_THREADS)))
    return [events for events, _ in found], Crowd.together(crowd for _, crowd in found)


def _rules(funnel: Funnel) -> Rules:
    start, stop = map(microseconds_of, funnel.view.bounds())
    return Rules(
        steps=len(funnel.steps),
        window=funnel.window // timedelta(microseconds=1),
        order=funnel.order,
        first_entry_only=funnel.first_entry_only,
        exclusions=tuple((n, each.after_step, each.before_step) for n, each in enumerate(funnel.exclusions)),
        start=start,
        stop=stop,
    )


def _newest(snapshot: Snapshot, funnel: Funnel) -> int:
    """The time of the newest event of the whole lake, in microseconds: windows that end later are open."""
    events = snapshot.table("events", columns_of([]))
    for some in (events.filter(events.occurred_at >= instant(funnel.view.now - _LATELY)), events):
        newest = snapshot.fetch(some.occurred_at.max().name("newest").as_table())["newest"][0].as_py()
        if newest is not None:
            return microseconds_of(newest)
    return 0


def _entered(crowd: Crowd, rules: Rules, newest: int) -> Came:
    """Everyone who entered, as if nobody had gone on."""
    people = crowd.entered()
    # With the first entry only, no other can still convert.
    late = crowd.first + rules.window > newest if rules.first_entry_only else crowd.late
    return Came(
        number=people.astype(np.int32),
        depth=np.ones(len(people), np.int8),
        unexcluded=np.ones(len(people), np.int8),
        open=late[people],
        at=crowd.first[people],
        value=np.zeros(len(people), np.int32),
        far=np.empty(0, np.int64),
        later=np.empty((0, rules.steps - 1), np.int64),
    )


def _first_values(considered: Considered, events: Sequence[Events], crowd: Crowd, rules: Rules) -> Numbers:
    """By person, the value of their first entry."""

    def first(some: Events) -> Events:
        return some.take(np.flatnonzero(some.at == crowd.first[some.person]))

    firsts = together(list(map(first, events)))
    values = np.zeros(firsts.people, firsts.value.dtype)
    values[firsts.person] = firsts.value
    several = np.bincount(firsts.person, minlength=firsts.people) > 1
    at_once = firsts.take(np.flatnonzero(several[firsts.person]))
    at_once = in_sequence(considered, at_once, any_order=rules.order == "any", within=first)
    begun = at_once.take(np.flatnonzero(begins(at_once, rules))[::-1])  # the first of each is written last
    values[begun.person] = begun.value
    return values


@dataclass(frozen=True, slots=True, eq=False)
class _Far:
    """Those who came past the first step, or would have but for an exclusion."""

    number: Numbers
    depth: Numbers
    unexcluded: Numbers
    at: Numbers  # of each step, `NEVER` beyond the depth
    value: Numbers

    @classmethod
    def together(cls, parts: Sequence[_Far]) -> _Far:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


def _far(
    considered: Considered, rules: Rules, events: Sequence[Sequence[Events]], crowd: Crowd, threads: Executor
) -> _Far:
    """Some people at a time, which bounds the memory that it takes."""
    spans = crowd.spans(rules)
    rows = sum(len(some) for stretch in events for some in stretch)
    some_people = groups(spans.low, 1 + min(rows // _ROWS, _MOST_GROUPS))
    parts = threads.map(partial(travelled, spans=spans, groups=some_people), events)
    found = threads.map(lambda of_group: _searched(considered, spans, together(of_group)), zip(*parts, strict=True))
    return _Far.together(list(found))


def _searched(considered: Considered, spans: Spans, events: Events) -> _Far:
    rules = spans.rules
    events = in_sequence(considered, events, any_order=rules.order == "any", within=spans.within)
    firsts = np.flatnonzero(np.append(True, events.person[1:] != events.person[:-1])[: len(events)])
    rows = Rows(
        person=np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(events))),
        at=events.at,
        steps=events.steps,
        barred=events.barred,
        breaks=events.breaks,
    )
    found = journeys(rows, len(firsts), rules)
    free = journeys(rows, len(firsts), replace(rules, exclusions=())) if rules.exclusions else found
    far = np.flatnonzero(free.depth > 1)
    sequence = found.sequence[far]
    return _Far(
        number=events.person[firsts[far]],
        depth=np.maximum(found.depth[far], 1),
        unexcluded=free.depth[far],
        at=np.where(sequence == NONE, NEVER, events.at[sequence]) if len(far) else sequence,
        value=events.value[sequence[:, 0]],
    )


def _told(came: Came, far: _Far, considered: Considered) -> Came:
    """With how far they came who came far."""
    places = np.searchsorted(came.number, far.number)
    came.depth[places], came.unexcluded[places] = far.depth, far.unexcluded
    beyond = np.flatnonzero(far.depth > 1)
    places = places[beyond]
    came.at[places] = far.at[beyond, 0]
    came.value[places] = considered.values.codes(far.value[beyond])
    came.open[came.depth == far.at.shape[1]] = False
    return replace(came, far=places, later=far.at[beyond, 1:])
