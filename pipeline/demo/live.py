"""The demo goes on: the same customers, the real clock, a small object every few seconds.

The moves are the history's own visits played forward, so that what shows up live looks like what was there before.
What passed while the demo was down is made up for first, at the history's pace, so that a chart has no hole.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from random import Random

from pipeline.demo import objects
from pipeline.demo.history import EVENTS_PER_VISIT, due
from pipeline.demo.objects import Line
from pipeline.demo.people import Visitor, newcomer, population
from pipeline.demo.places import places
from pipeline.demo.plan import Plan
from pipeline.demo.rhythm import Rhythm
from pipeline.demo.site import Site
from pipeline.demo.visits import visit
from pipeline.landing import object_key

SECONDS_BETWEEN_OBJECTS = (3.0, 9.0)
SECONDS_BETWEEN_VISITS = 14.0  # on average; about four events each
MOST_EVENTS = 6  # in one object
SHARE_NEWCOMERS = 0.25
WARM_UP_MS = 600_000  # visits that began before we did are under way


class Live:
    """The site from `start_ms` (Unix) on."""

    def __init__(self, plan: Plan, start_ms: int) -> None:
        self._plan, self._start_ms = plan, start_ms
        self._rng = Random(f"{plan.seed}/live/{start_ms}")
        self._site = Site(plan.seed)
        self._towns = places()
        self._people = population(plan.seed, plan.customers)
        for visitor in self._people:
            visitor.settle()
        self._weights = list(accumulate(visitor.visits_weight for visitor in self._people))
        self._waiting: list[Line] = []
        self._next_visit_ms = start_ms - WARM_UP_MS
        self._play(start_ms)
        self._waiting = sorted(line for line in self._waiting if line[0] >= start_ms)

    def since(self, from_ms: int) -> Iterator[Line]:
        """What happened from then until the start, at the history's pace, in the order received."""
        pace = self._plan.events / EVENTS_PER_VISIT / (self._plan.end_ms - self._plan.start_ms)
        visitors = [self._visitor() for _ in range(round(pace * (self._start_ms - from_ms)))]
        rhythm = Rhythm(from_ms, self._start_ms)
        starts = sorted((rhythm.start(each.place.zone, self._rng), number) for number, each in enumerate(visitors))
        for at_ms, number in starts:
            yield from due(self._waiting, at_ms)
            self._visit(visitors[number], at_ms)
        yield from due(self._waiting, self._start_ms)

    def until(self, now_ms: int, most: int = MOST_EVENTS) -> list[Line]:
        """At most `most` lines received before now, each once and in order; the rest stay for the next call."""
        self._play(now_ms)
        return list(islice(due(self._waiting, now_ms), most))

    def _play(self, now_ms: int) -> None:
        while self._next_visit_ms < now_ms:
            self._visit(self._visitor(), self._next_visit_ms)
            self._next_visit_ms += 1 + int(self._rng.expovariate(1 / SECONDS_BETWEEN_VISITS) * 1000)

    def _visit(self, visitor: Visitor, at_ms: int) -> None:
        for line in visit(visitor, at_ms, self._site, self._rng):
            heapq.heappush(self._waiting, line)

    def _visitor(self) -> Visitor:
        if self._rng.random() < SHARE_NEWCOMERS:
            return newcomer(self._rng, self._towns)
        (visitor,) = self._rng.choices(self._people, cum_weights=self._weights)
        return visitor


def run(plan: Plan, data: Path, stop: threading.Event, clock: Callable[[], float] = time.time) -> int:
    """Write objects to `data/landing` until `stop` is set; returns how many. The object under way is finished."""
    landing = data / "landing"
    start_ms = int(clock() * 1000)
    site = Live(plan, start_ms)
    rng = Random(f"{plan.seed}/live objects/{start_ms}")
    newest_ms = objects.newest_ms(landing) or plan.end_ms
    written = 0
    for _ in objects.put_hours(landing, site.since(min(newest_ms + 1, start_ms)), rng, landed_ms=start_ms):
        written += 1
        if stop.is_set():
            return written
    while not stop.wait(rng.uniform(*SECONDS_BETWEEN_OBJECTS)):
        now_ms = int(clock() * 1000)
        lines = site.until(now_ms)
        if lines:
            objects.put(landing, object_key(now_ms, rng.getrandbits), (line for _, line in lines))
            written += 1
    return written
