"""Asking a funnel of a snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.questions.functions import SECOND
from pipeline.questions.funnel.answer import Answer
from pipeline.questions.funnel.considered import beginners, considered, later_people, travellers
from pipeline.questions.funnel.instants import Rules
from pipeline.questions.funnel.journeys import NONE, Flags, Rows, entries, journeys
from pipeline.questions.funnel.spec import Funnel
from pipeline.questions.ranges import clock_changes, microseconds_of
from pipeline.questions.snapshot import Snapshot

_TIME = pa.timestamp("us", tz="UTC")
_DAY = 86_400 * SECOND
_Numbers = npt.NDArray[np.int64]


def measure(snapshot: Snapshot, funnel: Funnel) -> Answer:
    """The funnel's answer at this snapshot, exact. Raises `LakeError`, `SnapshotGone`."""
    events = considered(snapshot, funnel)
    people = later_people(snapshot, events, funnel)
    newest = _newest(snapshot)
    # Without a breakdown nobody asks which entry is the first.
    begun = beginners(snapshot, events, funnel, people, named=funnel.breakdown is not None)
    return Answer(
        funnel=funnel,
        version=snapshot.version,
        travelled=_travelled(snapshot.fetch(travellers(snapshot, events, people)), funnel, newest),
        begun=snapshot.fetch(_counted(begun, funnel, newest)),
    )


def all_journeys(snapshot: Snapshot, answer: Answer) -> pa.Table:
    """Everyone who entered, with the columns of `answer.travelled`."""
    events = considered(snapshot, answer.funnel)
    others = later_people(snapshot, events, answer.funnel)
    found = beginners(snapshot, events, answer.funnel, others)
    begun = snapshot.fetch(_one_by_one(found, answer.funnel, _newest(snapshot)))
    return pa.concat_tables([answer.travelled, begun.cast(answer.travelled.schema)])


def _newest(snapshot: Snapshot) -> int:
    """The time of the newest event of the whole lake, in microseconds: windows that end later are open."""
    newest = snapshot.fetch(snapshot.events.occurred_at.max().name("newest").as_table())["newest"][0].as_py()
    return 0 if newest is None else microseconds_of(newest)


def _travelled(events: pa.Table, funnel: Funnel, newest: int) -> pa.Table:
    people = events["person"].combine_chunks().dictionary_encode()
    rows = Rows(
        person=people.indices.to_numpy().astype(np.int64),
        at=events["at"].to_numpy().astype(np.int64),
        steps=events["steps"].to_numpy().astype(np.int64),
        barred=events["barred"].to_numpy().astype(np.int64),
        breaks=events["breaks"].to_numpy(zero_copy_only=False).astype(np.bool_)
        if len(events)
        else np.empty(0, np.bool_),
    )
    rules = _rules(funnel)
    count = len(people.dictionary)
    found = journeys(rows, count, rules)
    free = journeys(rows, count, replace(rules, exclusions=())) if rules.exclusions else found
    entered = np.flatnonzero(found.depth)
    sequence = found.sequence[entered]
    at = np.where(sequence == NONE, 0, rows.at[np.maximum(sequence, 0)]) if len(rows) else sequence
    times = {
        f"at_{step + 1}": pa.array(at[:, step], pa.int64(), mask=sequence[:, step] == NONE).cast(_TIME)
        for step in range(rules.steps)
    }
    entry = pa.array(sequence[:, 0])
    return pa.table(
        {
            "person": people.dictionary.take(pa.array(entered)),
            "depth": found.depth[entered],
            "entry_event_id": events["event_id"].cast(pa.string()).take(entry),
            **times,
            "unexcluded": free.depth[entered],
            "open": _open(rows, rules, count, newest)[entered] & (found.depth[entered] < rules.steps),
            "breakdown": events["value"].cast(pa.string()).take(entry),
            "day": _days(at[:, 0], funnel),
        }
    )


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


def _open(rows: Rows, rules: Rules, people: int, newest: int) -> Flags:
    """Whose latest entry's window has not ended; with the first entry only, no other can still convert."""
    found = entries(rows, rules)
    latest = np.full(people, np.iinfo(np.int64).min // 2)
    np.maximum.at(latest, rows.person[found], rows.at[found])
    flags: Flags = latest + rules.window > newest
    return flags


def _counted(begun: ir.Table, funnel: Funnel, newest: int) -> ir.Table:
    """The beginners by day, openness and breakdown."""
    value = ibis.null("string") if funnel.breakdown is None else begun.value
    keys = {"day": _day(begun.at, funnel), "open": _is_open(begun, funnel, newest), "breakdown": value}
    return begun.group_by(**keys).agg(people=begun.count())


def _one_by_one(begun: ir.Table, funnel: Funnel, newest: int) -> ir.Table:
    times = {f"at_{step}": ibis.null("timestamp('UTC')") for step in range(2, len(funnel.steps) + 1)}
    return begun.select(
        "person",
        depth=ibis.literal(1).cast("int64"),
        entry_event_id=begun.event_id.cast("string"),
        at_1=begun.occurred_at,
        **times,
        unexcluded=ibis.literal(1).cast("int64"),
        open=_is_open(begun, funnel, newest),
        breakdown=begun.value,
        day=_day(begun.at, funnel),
    )


def _is_open(begun: ir.Table, funnel: Funnel, newest: int) -> ir.BooleanValue:
    """As `_open`, of those the engine counts."""
    latest = begun.at if funnel.first_entry_only else begun.latest
    return latest + funnel.window // timedelta(microseconds=1) > newest


def _day(at: ir.IntegerValue, funnel: Funnel) -> ir.IntegerValue:
    """The day of the display zone, in days since 1970."""
    first, *changes = clock_changes(*funnel.view.bounds(), funnel.view.zone)
    local = at + first.offset
    for change in changes:
        local = ibis.cases((at >= change.since, at + change.offset), else_=local)
    return local // _DAY


def _days(at: _Numbers, funnel: Funnel) -> _Numbers:
    """As `_day`, of times that have left the engine."""
    changes = clock_changes(*funnel.view.bounds(), funnel.view.zone)
    which = np.searchsorted([change.since for change in changes[1:]], at, side="right")
    days: _Numbers = (at + np.array([change.offset for change in changes])[which]) // _DAY
    return days
