"""How far each person came: the one place where a funnel's rules are carried out ("Funnels" in docs/semantics.md).

The rows of many people, sorted by person and time, are worked on as whole columns. For a depth k the search
goes backwards: an event of step k ends a sequence; an event of step j can be part of one when the first later event
of step j+1 that can be is near enough. That next one is always the earliest possible, so the chain from an entry is
the earliest possible, too, and the first entry whose chain ends within the window is the one that counts.

Events of one instant, which may fill steps in either order, lie in the order of the steps. What columns cannot say
(one of them for several steps, and in any order any such event) is rare, and is searched person by person in
`pipeline.questions.funnel.instants`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.questions.funnel.considered import NEVER, Events, Flags, Numbers
from pipeline.questions.funnel.instants import Happened, Rules, any_order, in_order

NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Events of many people, in the order that `in_sequence` gives; a person's rows lie together.

    `person` numbers people from 0 without gaps; the rest is as in `Events`.
    """

    person: Numbers
    at: Numbers
    steps: Numbers
    barred: Numbers
    breaks: Flags

    def __len__(self) -> int:
        return len(self.person)

    def take(self, chosen: Numbers | Flags) -> Rows:
        """Those at these places, which are in order, or those flagged; all of them are not copied."""
        if len(chosen) == len(self) and (chosen.dtype != np.bool_ or chosen.all()):
            return self
        return Rows(self.person[chosen], self.at[chosen], self.steps[chosen], self.barred[chosen], self.breaks[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Journeys:
    """For each person, by number: how deep they came, and the rows of the sequence that counts.

    `sequence` has a row per person and a column per step: positions in the `Rows`, `NONE` beyond the depth.
    """

    depth: Numbers
    sequence: Numbers


def journeys(rows: Rows, people: int, rules: Rules) -> Journeys:
    """The journeys of two steps or more of people 0 to `people` - 1; who came less far has a depth of 0 or 1."""
    found = Journeys(np.zeros(people, np.int64), np.full((people, rules.steps), NONE, np.int64))
    intricate = _intricate(rows, people, rules)
    plain = ~intricate[rows.person]
    if rules.order == "any":
        _any(rows, np.flatnonzero(plain), rules, found)
    else:
        _ordered(rows, np.flatnonzero(plain), rules, found)
    _searched(rows, np.flatnonzero(~plain), rules, found)
    return found


def _intricate(rows: Rows, people: int, rules: Rules) -> Flags:
    """Which people have events that only a search can tell apart."""
    intricate = np.zeros(people, np.bool_)
    matched = rows.steps != 0
    if rules.order == "any":
        intricate[rows.person[(rows.steps & (rows.steps - 1)) != 0]] = True
        return intricate
    together = rows.take(matched)
    several = together.steps & (together.steps - 1) != 0
    _mark_instants(intricate, together, several[1:] | several[:-1])
    if any(before - after > 1 for _, after, before in rules.exclusions):
        # One instant's exclusion and step: it lies between the steps around, yet between no two that follow.
        both = rows.take(matched | (rows.barred != 0))
        apart = np.where(both.barred != 0, -1 - both.steps.astype(np.int64), both.steps)
        _mark_instants(intricate, replace(both, steps=apart), True)
        intricate[rows.person[matched & (rows.barred != 0)]] = True
    return intricate


def _mark_instants(marked: Flags, rows: Rows, where: Flags | bool) -> None:
    """Mark people with two events in a row of one instant that match different steps, of those pairs `where` holds."""
    together = (rows.person[1:] == rows.person[:-1]) & (rows.at[1:] == rows.at[:-1])
    marked[rows.person[1:][together & where & (rows.steps[1:] != rows.steps[:-1])]] = True


def _ordered(rows: Rows, places: Numbers, rules: Rules, found: Journeys) -> None:
    """Ordered and strict, for the rows at `places`, from the deepest depth to the second: who is found drops out."""
    for depth in range(rules.steps, 1, -1):
        places = places[found.depth[rows.person[places]] == 0]
        able = _of_those_with(rows, places, depth)
        if not len(able):
            continue
        here = rows.take(able)
        chain = _chain(here, depth, rules)
        fit = _entries(here, rules) & (chain.end != NEVER) & (chain.end - here.at <= rules.window)
        firsts = _first_of_each(here.person, np.flatnonzero(fit))
        people = here.person[firsts]
        found.depth[people] = depth
        for step in range(depth):
            found.sequence[people, step] = able[firsts]
            if step + 1 < depth:
                firsts = chain.next[step][firsts]


def _of_those_with(rows: Rows, places: Numbers, step: int) -> Numbers:
    """Those of the places that are of people with an event of the step among them."""
    person = rows.person[places]
    able = np.zeros(int(rows.person[-1]) + 1 if len(rows) else 0, np.bool_)
    able[person[_has(rows.steps[places], step)]] = True
    return places[able[person]]


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """For each row as an event of step 1: when the earliest sequence from it ends (`NEVER`), and, for each step,
    the next row of that sequence."""

    end: Numbers
    next: list[Numbers]


def _chain(rows: Rows, depth: int, rules: Rules) -> _Chain:
    end = np.where(_has(rows.steps, depth), rows.at, NEVER)
    following: list[Numbers] = []
    for step in range(depth - 1, 0, -1):
        after = _at_or_after(end != NEVER)[1:]
        near = np.minimum(after, len(rows) - 1)
        reached = (
            _has(rows.steps, step)
            & (after < len(rows))
            & (rows.person[near] == rows.person)
            & (rows.at[near] <= _limit(rows, step, depth, rules))
        )
        end = np.where(reached, end[near], NEVER)
        following.insert(0, near)
    return _Chain(end, following)


def _limit(rows: Rows, step: int, depth: int, rules: Rules) -> Numbers | int:
    """The latest time of step + 1 after an event of `step`: the first later instant that breaks the sequence."""
    barring = np.zeros(len(rows), np.bool_)
    if rules.order == "strict":
        barring |= rows.breaks
    for number, after, before in rules.exclusions:
        if after <= step < before <= depth:
            barring |= _has(rows.barred, number + 1)
    if not barring.any():
        return NEVER
    later = _at_or_after(barring)[_end_of_instant(rows)]
    near = np.minimum(later, len(rows) - 1)
    return np.where((later < len(rows)) & (rows.person[near] == rows.person), rows.at[near], NEVER)


def begins(events: Events | Rows, rules: Rules) -> Flags:
    """Whether a sequence may begin with each event."""
    flags: Flags = events.steps != 0 if rules.order == "any" else events.steps & 1 != 0
    if len(events) and not rules.start <= events.at.min() <= events.at.max() < rules.stop:
        flags &= (events.at >= rules.start) & (events.at < rules.stop)
    return flags


def _entries(rows: Rows, rules: Rules) -> Flags:
    """Where a sequence does begin: with the first entry only, nowhere else."""
    found = begins(rows, rules)
    if rules.first_entry_only:
        firsts = _first_of_each(rows.person, np.flatnonzero(found))
        found = np.zeros(len(rows), np.bool_)
        found[firsts] = True
    return found


def _any(rows: Rows, places: Numbers, rules: Rules, found: Journeys) -> None:
    """Any order, where each event matches one step: from each entry the earliest event of every step."""
    here = rows.take(places)
    begun = np.flatnonzero(_entries(here, rules))
    if not len(begun):
        return
    nearest = np.empty((len(begun), rules.steps), np.int64)
    for step in range(rules.steps):
        after = _at_or_after(_has(here.steps, step + 1))[begun]
        near = np.minimum(after, len(here) - 1)
        reached = (
            (after < len(here))
            & (here.person[near] == here.person[begun])
            & (here.at[near] - here.at[begun] <= rules.window)
        )
        nearest[:, step] = np.where(reached, near, len(here))
    nearest.sort(axis=1)  # by place, which is by time
    depth = (nearest < len(here)).sum(axis=1)
    best = np.lexsort((begun, -depth, here.person[begun]))
    best = best[_first_of_each(here.person[begun], best, sorted_already=True)]
    people = here.person[begun[best]]
    found.depth[people] = depth[best]
    reached = nearest[best] < len(here)
    found.sequence[people] = np.where(reached, places[np.minimum(nearest[best], len(here) - 1)], NONE)


def _searched(rows: Rows, places: Numbers, rules: Rules, found: Journeys) -> None:
    """The intricate people, one by one."""
    if not len(places):
        return
    starts = np.flatnonzero(np.diff(rows.person[places], prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(places)], strict=True):
        of_one = places[start:stop]
        events = [
            Happened(int(rows.at[place]), int(rows.steps[place]), int(rows.barred[place]), bool(rows.breaks[place]))
            for place in of_one
        ]
        sequence = any_order(events, rules) if rules.order == "any" else in_order(events, rules)
        person = int(rows.person[of_one[0]])
        found.depth[person] = len(sequence)
        found.sequence[person, : len(sequence)] = of_one[list(sequence)]


def _has(bits: Numbers, number: int) -> Flags:
    """Whether bit `number` (from 1) is set."""
    flags: Flags = bits & (1 << (number - 1)) != 0
    return flags


def _at_or_after(flags: Flags) -> Numbers:
    """For each place, and for the one past the last: the first flagged place from there on; their number if none."""
    size = len(flags)
    places = np.append(np.where(flags, np.arange(size), size), size)
    return np.minimum.accumulate(places[::-1])[::-1]


def _end_of_instant(rows: Rows) -> Numbers:
    """For each row: the place after the last row of the same person and instant."""
    changes = (rows.person[1:] != rows.person[:-1]) | (rows.at[1:] != rows.at[:-1])
    return _at_or_after(np.append(changes, True))[:-1] + 1


def _first_of_each(person: Numbers, places: Numbers, *, sorted_already: bool = False) -> Numbers:
    """Of `places`, which are sorted by person, the first of each person; or, of an ordering, where it lies in it."""
    of = person[places]
    firsts = np.flatnonzero(np.diff(of, prepend=-1))
    return firsts if sorted_already else places[firsts]
