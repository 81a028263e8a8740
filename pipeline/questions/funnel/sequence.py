"""Events sorted by person, time and event id, the id being asked for only where it decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.questions.funnel.considered import Considered, Events, Flags, Numbers


def in_sequence(
    considered: Considered, events: Events, *, any_order: bool, within: Callable[[Events], Events]
) -> Events:
    """These events by person and time; those of one instant by the step they match, or, where some match several or
    any order will do, by id; of equals by id. They are all events of some instants that are `within` some bounds."""
    events = ordered(events)
    new = np.append(True, _changes(events))[: len(events)]
    starts = np.flatnonzero(new)
    if len(starts) == len(events):
        return events
    undecided = _undecided(events, starts, any_order)[np.cumsum(new) - 1]
    return _decided(considered, events, np.flatnonzero(undecided), any_order, within) if undecided.any() else events


def ordered(events: Events) -> Events:
    """By person, time and steps."""
    if not len(events):
        return events
    people = np.zeros(events.people, np.bool_)
    people[events.person] = True
    bits = (int(people.sum()).bit_length(), int(np.ptp(events.at)).bit_length(), int(events.steps.max()).bit_length())
    if sum(bits) > 63:
        return events.take(np.lexsort((events.steps, events.at, events.person)))
    # As one number: sorted three times as fast as three, and as fast again where nothing has to follow it.
    earliest = events.at.min()
    number = (np.cumsum(people) - 1)[events.person]
    number = ((number << bits[1]) | (events.at - earliest)) << bits[2] | events.steps
    if not events.has_only_steps:
        return events.take(np.argsort(number))
    number.sort()
    at = (number >> bits[2]) & ((1 << bits[1]) - 1)
    return replace(
        events,
        person=np.flatnonzero(people).astype(events.person.dtype)[number >> (bits[1] + bits[2])],
        at=at + earliest,
        steps=(number & ((1 << bits[2]) - 1)).astype(events.steps.dtype),
    )


def _changes(events: Events) -> Flags:
    """Whether each event but the first is of another person or instant than the one before it."""
    changes: Flags = (events.person[1:] != events.person[:-1]) | (events.at[1:] != events.at[:-1])
    return changes


def _undecided(events: Events, starts: Numbers, any_order: bool) -> Flags:
    """At which instants the order matters: where events differ of which either could be the same step."""
    differ = _differ(events.steps, starts) | _differ(events.value, starts)
    if any_order:
        return differ
    each = np.add.reduceat(np.bitwise_count(events.steps).astype(np.int64), starts)
    together = np.bitwise_count(np.bitwise_or.reduceat(events.steps, starts))
    shared: Flags = differ & (each > together)
    return shared


def _differ(column: Numbers, starts: Numbers) -> Flags:
    differ: Flags = np.minimum.reduceat(column, starts) != np.maximum.reduceat(column, starts)
    return differ


def _decided(
    considered: Considered, events: Events, places: Numbers, any_order: bool, within: Callable[[Events], Events]
) -> Events:
    """With the events at these places, whole instants of people, in the order of their ids."""
    asked = events.take(places)
    found = within(considered.at(np.unique(asked.at)))  # by id
    found = found.take(np.flatnonzero(_among(found, asked)))
    found = found.take(np.lexsort((found.at, found.person)))
    if not any_order:
        new = np.append(True, _changes(found))
        several = np.logical_or.reduceat(found.steps & (found.steps - 1) != 0, np.flatnonzero(new))
        instant = np.cumsum(new) - 1
        found = found.take(np.lexsort((np.where(several[instant], 0, found.steps), instant)))

    def changed(name: str) -> Any:
        column = np.array(getattr(events, name))
        column[places] = getattr(found, name)
        return column

    return replace(events, **{name: changed(name) for name in ("steps", "barred", "breaks", "value")})


def _among(found: Events, asked: Events) -> Flags:
    """Which of the events are of a person and instant that was asked for."""
    instants = np.unique(asked.at)
    wanted = asked.person.astype(np.int64) * len(instants) + np.searchsorted(instants, asked.at)
    return np.isin(found.person.astype(np.int64) * len(instants) + np.searchsorted(instants, found.at), wanted)
