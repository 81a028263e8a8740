"""Who entered, and how few events have to be looked at in their order.

Whoever has no event of a later step near an entry came as far as the first step, and that is nearly everyone: their
first entry says it all. Of the others only the events are sorted that a longer sequence may be made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from pipeline.questions.funnel.considered import NEVER, Events, Flags, Numbers, together
from pipeline.questions.funnel.instants import Rules
from pipeline.questions.funnel.journeys import begins

_STRETCHES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """By a person's number, in microseconds, where `NEVER` and -`NEVER` stand for no such event: `first`, the time of
    the first entry; `late`, whether an entry's window had not ended by the newest event of the lake; `came` and
    `went`, a row per step that has to be waited for (any, or else the second), when it happened first and last;
    `end`, the last time of any step but the first; `near`, a bit for each of the `_STRETCHES` of the funnel's time in
    which the second step happened."""

    first: Numbers
    late: Flags
    came: Numbers
    went: Numbers
    end: Numbers
    near: Numbers

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
            near=np.zeros(people, np.uint64),
        )
        for some in events:
            crowd._enter(some, rules, newest)
            crowd._wait(some, waited_for, rules)
        return crowd

    def _enter(self, events: Events, rules: Rules, newest: int) -> None:
        begun = np.flatnonzero(begins(events, rules))
        person, at = events.person[begun], events.at[begun]
        np.minimum.at(self.first, person, at)
        if len(at) and at.max() + rules.window > newest:
            self.late[person[at + rules.window > newest]] = True

    def _wait(self, events: Events, waited_for: Iterable[int], rules: Rules) -> None:
        if 0 not in waited_for:
            events = events.take(np.flatnonzero(events.steps > 1))
            np.maximum.at(self.end, events.person, events.at)
        for row, step in enumerate(waited_for):
            filling = np.flatnonzero(events.steps & (1 << step))
            person, at = events.person[filling], events.at[filling]
            np.minimum.at(self.came[row], person, at)
            np.maximum.at(self.went[row], person, at)
            np.bitwise_or.at(self.near, person, np.uint64(1) << _stretch(at, rules))

    @classmethod
    def together(cls, crowds: Iterable[Crowd]) -> Crowd:
        """Of the events of all of them. It takes the first one's place, so that no memory is asked for."""
        return reduce(cls._and, crowds)

    def _and(self, other: Crowd) -> Crowd:
        np.minimum(self.first, other.first, out=self.first)
        np.logical_or(self.late, other.late, out=self.late)
        np.minimum(self.came, other.came, out=self.came)
        np.maximum(self.went, other.went, out=self.went)
        np.maximum(self.end, other.end, out=self.end)
        np.bitwise_or(self.near, other.near, out=self.near)
        return self

    def entered(self) -> Numbers:
        """The numbers of those who entered, in order."""
        return np.flatnonzero(self.first != NEVER)

    def spans(self, rules: Rules) -> Spans:
        """Where a sequence of two steps or more may be."""
        if rules.order == "any":
            # Of two steps one is not the first to come, and one not the last to go: the other is near.
            came = np.partition(self.came, 1, axis=0)[1]
            ended = np.partition(self.went, -2, axis=0)[-2] + rules.window
            nobody = came == NEVER
        else:
            came, ended = self.came[0], self.end
            nobody = (came == NEVER) | (self.went[0] < self.first)
        begun = self.first if rules.first_entry_only else np.maximum(self.first, came - rules.window)
        return Spans(np.where(nobody, NEVER, begun), ended, self.near, rules)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """By a person's number, the times from `low` to `high`, and, as in `Crowd`, what is `near`."""

    low: Numbers
    high: Numbers
    near: Numbers
    rules: Rules

    def within(self, events: Events) -> Events:
        """The events that a sequence of two steps or more may be made of, or that may break one, in their order."""
        alone = self._is_alone(events)
        others = np.flatnonzero(~alone)
        person, at = events.person[others], events.at[others]
        kept = np.zeros(len(events), np.bool_)
        kept[others[(at >= self.low[person]) & (at <= self.high[person])]] = True
        kept[self._followed(events, np.flatnonzero(alone))] = True
        return events.take(np.flatnonzero(kept))

    def _is_alone(self, events: Events) -> Flags:
        """Which events are a first step and nothing else: without a second within the window they are nothing."""
        if self.rules.order == "any" or self.rules.first_entry_only:
            return np.zeros(len(events), np.bool_)
        alone: Flags = events.steps == 1
        if not events.has_only_steps:
            alone &= (events.barred == 0) & ~events.breaks
        return alone

    def _followed(self, events: Events, places: Numbers) -> Numbers:
        """Those of the places after which a second step happens in the same stretch or in as many as a window spans."""
        after = np.uint64((1 << min((self.rules.window >> _width(self.rules)) + 2, _STRETCHES)) - 1)
        near = self.near[events.person[places]] >> _stretch(events.at[places], self.rules)
        followed: Flags = near & after != 0
        return places[followed]


def _width(rules: Rules) -> int:
    """How many bits a stretch is long, in microseconds."""
    return max((rules.stop + rules.window - rules.start).bit_length() - _STRETCHES.bit_length() + 1, 0)


def _stretch(at: Numbers, rules: Rules) -> Numbers:
    """The number of the stretch that each time lies in."""
    return ((at - rules.start) >> _width(rules)).view(np.uint64)


def groups(low: Numbers, most: int) -> Numbers:
    """The people who have a span, parted by number into up to so many groups: where each but the first begins."""
    people = np.flatnonzero(low != NEVER)
    return np.unique(people[np.arange(1, most) * len(people) // most]) if len(people) else people


def travelled(events: Sequence[Events], spans: Spans, groups: Numbers) -> list[Events]:
    """By group, the events within the spans of their people."""
    found = together([spans.within(some) for some in events])
    group = np.searchsorted(groups, found.person, side="right").astype(np.uint8)
    found = found.take(np.argsort(group, kind="stable"))
    ends = np.bincount(group, minlength=len(groups) + 1).cumsum().tolist()
    return [found.take(slice(start, stop)) for start, stop in pairwise([0, *ends])]
