"""Who entered, and how few events have to be looked at in their order.

Whoever has no event of a later step near an entry came as far as the first step, and that is nearly everyone: their
first entry says it all. Of the others only the events are sorted that a longer sequence may be made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from pipeline.questions.funnel.considered import Events, Flags, Numbers, together
from pipeline.questions.funnel.instants import Rules

NEVER = 1 << 62  # far from the ends of an int64: a window may be added and taken away


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """By a person's number, in microseconds, where `NEVER` and -`NEVER` stand for no such event: `first`, the time of
    the first entry; `late`, whether an entry's window had not ended by the newest event of the lake; `came` and
    `went`, a row per step that has to be waited for (any, or else the second), when it happened first and last;
    `end`, the last time of any step but the first."""

    first: Numbers
    late: Flags
    came: Numbers
    went: Numbers
    end: Numbers

    @classmethod
    def of(cls, events: Sequence[Events], rules: Rules, newest: int) -> Crowd:
        people = events[0].people
        waited_for = range(rules.steps) if rules.order == "any" else (1,)
        crowd = cls(
            first=np.full(people, NEVER),
            late=np.zeros(people, np.bool_),
            came=np.full((len(waited_for), people), NEVER),
            went=np.full((len(waited_for), people), -NEVER),
            end=np.full(people, -NEVER),
        )
        for some in events:
            crowd._enter(some, rules, newest)
            for row, step in enumerate(waited_for):
                person, at = _those(some, some.steps & (1 << step) != 0)
                np.minimum.at(crowd.came[row], person, at)
                np.maximum.at(crowd.went[row], person, at)
            person, at = _those(some, some.steps > 1)
            np.maximum.at(crowd.end, person, at)
        return crowd

    def _enter(self, events: Events, rules: Rules, newest: int) -> None:
        person, at = _those(events, begins(events, rules))
        np.minimum.at(self.first, person, at)
        if len(at) and at.max() + rules.window > newest:
            self.late[person[at + rules.window > newest]] = True

    @classmethod
    def together(cls, crowds: Iterable[Crowd]) -> Crowd:
        """Of the events of all of them."""
        return reduce(cls._and, crowds)

    def _and(self, other: Crowd) -> Crowd:
        return Crowd(
            np.minimum(self.first, other.first),
            self.late | other.late,
            np.minimum(self.came, other.came),
            np.maximum(self.went, other.went),
            np.maximum(self.end, other.end),
        )

    def entered(self) -> Numbers:
        """The numbers of those who entered, in order."""
        return np.flatnonzero(self.first != NEVER)

    def spans(self, rules: Rules) -> tuple[Numbers, Numbers]:
        """By person, from when to when their events may be part of a sequence of two steps or more."""
        if rules.order == "any":
            # Of two steps one is not the first to come, and one not the last to go: the other is near.
            came = np.partition(self.came, 1, axis=0)[1]
            ended = np.partition(self.went, -2, axis=0)[-2] + rules.window
            nobody = came == NEVER
        else:
            came, ended = self.came[0], self.end
            nobody = (came == NEVER) | (self.went[0] < self.first)
        begun = self.first if rules.first_entry_only else np.maximum(self.first, came - rules.window)
        return np.where(nobody, NEVER, begun), ended


def travelled(events: Sequence[Events], spans: tuple[Numbers, Numbers]) -> Events:
    """The events within the spans of their people."""
    return together([_within(some, *spans) for some in events])


def _within(events: Events, low: Numbers, high: Numbers) -> Events:
    places = np.flatnonzero(events.at >= low[events.person])
    return events.take(places[events.at[places] <= high[events.person[places]]])


def begins(events: Events, rules: Rules) -> Flags:
    """Whether a sequence may begin with each event."""
    step = events.steps != 0 if rules.order == "any" else events.steps & 1 != 0
    found: Flags = step & (events.at >= rules.start) & (events.at < rules.stop)
    return found


def _those(events: Events, which: Flags) -> tuple[Numbers, Numbers]:
    """The people and times of these events."""
    places = np.flatnonzero(which)
    return events.person[places], events.at[places]
