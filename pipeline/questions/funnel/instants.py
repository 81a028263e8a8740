"""One person's journey by search: what holds in every case, and is needed where events share an instant or match
several steps.

Depths are tried from the deepest; candidates come in the order of time and event id, so that the first sequence found
is the one that counts ("Funnels" in docs/semantics.md).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.questions.funnel.spec import Order


@dataclass(frozen=True, slots=True)
class Rules:
    """A funnel's rules in numbers: times in microseconds, exclusions as (number, after step, before step)."""

    steps: int
    window: int
    order: Order
    first_entry_only: bool
    exclusions: tuple[tuple[int, int, int], ...]
    start: int
    stop: int


class Happened(NamedTuple):
    """One event; the bits are those of `Rows`."""

    at: int
    steps: int
    barred: int
    breaks: bool


def in_order(events: Sequence[Happened], rules: Rules) -> tuple[int, ...]:
    """The places of the sequence that counts, ordered or strict; empty when it has less than two steps."""
    entries = [place for place, event in enumerate(events) if event.steps & 1 and rules.start <= event.at < rules.stop]
    if rules.first_entry_only:
        entries = entries[:1]
    search = _Search(events, rules)
    for depth in range(rules.steps, 1, -1):
        for entry in entries:
            if search.complete([entry], depth, events[entry].at + rules.window, set()):
                return tuple(search.found)
    return ()


@dataclass
class _Search:
    events: Sequence[Happened]
    rules: Rules
    found: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._times = [event.at for event in self.events]
        self._of_step = [
            [place for place, event in enumerate(self.events) if event.steps >> step & 1]
            for step in range(self.rules.steps)
        ]
        self._breaking = [event.at for event in self.events if event.breaks]
        self._barred = {
            number: [event.at for event in self.events if event.barred >> number & 1]
            for number, _, _ in self.rules.exclusions
        }

    def complete(self, begun: list[int], depth: int, deadline: int, failed: set[tuple[object, ...]]) -> bool:
        """Whether `begun` can be completed to `depth` by `deadline`; `found` is then the whole sequence."""
        if len(begun) == depth:
            self.found = list(begun)
            return True
        last = self.events[begun[-1]].at
        used = frozenset(place for place in begun if self._times[place] == last)
        state = (len(begun), last, used, *(self._times[begun[after - 1]] for after in self._open(len(begun), depth)))
        if state in failed:
            return False
        places = self._of_step[len(begun)]
        for at in range(bisect_left(places, bisect_left(self._times, last)), len(places)):
            place = places[at]
            if self._times[place] > deadline or self._broken(begun, self._times[place], depth):
                break
            if place not in used and self.complete([*begun, place], depth, deadline, failed):
                return True
        failed.add(state)
        return False

    def _open(self, taken: int, depth: int) -> list[int]:
        """The first steps of exclusions that are under way after `taken` steps."""
        return [after for _, after, before in self.rules.exclusions if after <= taken < before <= depth]

    def _broken(self, begun: list[int], at: int, depth: int) -> bool:
        """Whether going on with an event at that time breaks the sequence; then so does every later one."""
        if self.rules.order == "strict" and _between(self._breaking, self._times[begun[-1]], at):
            return True
        return any(
            after <= len(begun) < before <= depth and _between(self._barred[number], self._times[begun[after - 1]], at)
            for number, after, before in self.rules.exclusions
        )


def _between(times: list[int], start: int, stop: int) -> bool:
    """Whether any of the times lies strictly between."""
    return bisect_right(times, start) < bisect_left(times, stop)


def any_order(events: Sequence[Happened], rules: Rules) -> tuple[int, ...]:
    """The places of the events that count, in any order of steps; empty without an entry."""
    entries = [place for place, event in enumerate(events) if event.steps and rules.start <= event.at < rules.stop]
    if rules.first_entry_only:
        entries = entries[:1]
    alike: dict[int, list[int]] = {}  # the steps that events match → those events
    for place, event in enumerate(events):
        if event.steps:
            alike.setdefault(event.steps, []).append(place)
    most = len(
        _taken(events, sorted(place for places in alike.values() for place in places[: rules.steps]), rules.steps)
    )
    best: tuple[int, ...] = ()
    for entry in entries:
        found = _taken(events, _near(events, entry, alike, rules), rules.steps)
        if len(found) > len(best):
            best = found
        if len(best) == most:  # more is not in these events, whatever the window
            break
    return best


def _near(events: Sequence[Happened], entry: int, alike: Mapping[int, list[int]], rules: Rules) -> list[int]:
    """The events from `entry` on within the window; of those that match the same steps, as many as there are steps."""
    deadline = events[entry].at + rules.window
    near: list[int] = []
    for places in alike.values():
        first = bisect_left(places, entry)
        near += [place for place in places[first : first + rules.steps] if events[place].at <= deadline]
    return sorted(near)


def _taken(events: Sequence[Happened], places: Sequence[int], steps: int) -> tuple[int, ...]:
    """The most of these events that can each have a step of their own, the earliest such.

    Sets of events that can be matched to steps form a matroid: taking each that still fits gives the largest set, and
    of those the earliest.
    """
    holder: dict[int, int] = {}  # step → the event that has it
    return tuple(place for place in places if len(holder) < steps and _fits(events, place, holder, set(), steps))


def _fits(events: Sequence[Happened], place: int, holder: dict[int, int], tried: set[int], steps: int) -> bool:
    """Give the event a step, moving others to other steps of theirs where that is needed."""
    for step in range(steps):
        if events[place].steps >> step & 1 and step not in tried:
            tried.add(step)
            if step not in holder or _fits(events, holder[step], holder, tried, steps):
                holder[step] = place
                return True
    return False
