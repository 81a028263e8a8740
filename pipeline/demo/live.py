"""The demo goes on: the same customers, the real clock, a small object every few seconds.

The moves are the history's own visits played forward, so that what shows up live looks like what was there before.
What passed since the demo was last up is not made up: a site that was down has a gap.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import accumulate, islice
from pathlib import Path
from random import Random

from pipeline.demo import objects, wire
from pipeline.demo.history import due
from pipeline.demo.people import Visitor, newcomer, population
from pipeline.demo.places import places
from pipeline.demo.plan import Plan
from pipeline.demo.site import Site
from pipeline.demo.visits import visit

SECONDS_BETWEEN_OBJECTS = (3.0, 9.0)
SECONDS_BETWEEN_VISITS = 14.0  # on average; about four events each
MOST_EVENTS = 6  # in one object
SHARE_NEWCOMERS = 0.25
WARM_UP_MS = 600_000  # visits that began before we did are under way


class Live:
    """The site from `start_ms` (Unix) on. `until(now_ms)` gives the lines received by then, in order, once."""

    def __init__(self, plan: Plan, start_ms: int) -> None:
        self._rng = Random(f"{plan.seed}/live/{start_ms}")
        self._site = Site(plan.seed)
        self._towns = places()
        self._people = population(plan.seed, plan.customers)
        for visitor in self._people:
            visitor.settle()
        self._weights = list(accumulate(visitor.visits_weight for visitor in self._people))
        self._waiting: list[wire.Line] = []
        self._next_visit_ms = start_ms - WARM_UP_MS
        self._play(start_ms)
        # What the visits under way did before the start is not told.
        list(due(self._waiting, start_ms))

    def until(self, now_ms: int, most: int = MOST_EVENTS) -> list[wire.Line]:
        """At most `most` lines received before now; the rest stay for the next call."""
        self._play(now_ms)
        return list(islice(due(self._waiting, now_ms), most))

    def _play(self, now_ms: int) -> None:
        while self._next_visit_ms < now_ms:
            for line in visit(self._visitor(), self._next_visit_ms, self._site, self._rng):
                heapq.heappush(self._waiting, line)
            self._next_visit_ms += 1 + int(self._rng.expovariate(1 / SECONDS_BETWEEN_VISITS) * 1000)

    def _visitor(self) -> Visitor:
        if self._rng.random() < SHARE_NEWCOMERS:
            return newcomer(self._rng, self._towns)
        (visitor,) = self._rng.choices(self._people, cum_weights=self._weights)
        return visitor


def run(plan: Plan, data: Path, stop: threading.Event, clock: Callable[[], float] = time.time) -> int:
    """Write objects to `data/landing` until `stop` is set; returns how many. The object under way is finished."""
    start_ms = int(clock() * 1000)
    site = Live(plan, start_ms)
    rng = Random(f"{plan.seed}/live objects/{start_ms}")
    written = 0
    while not stop.wait(rng.uniform(*SECONDS_BETWEEN_OBJECTS)):
        now_ms = int(clock() * 1000)
        lines = site.until(now_ms)
        if lines:
            objects.put(data / "landing", objects.key(now_ms, rng), (line for _, line in lines))
            written += 1
    return written
