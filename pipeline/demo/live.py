"""The demo goes on: the same customers, the real clock, a small batch to the collector every few seconds.

The moves are the history's own visits played forward, so that what shows up live looks like what was there before.
What passed while the demo was down is made up for first, at the history's pace, so that a chart has no hole.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate, islice
from random import Random

from pipeline.demo.history import EVENTS_PER_VISIT, due
from pipeline.demo.objects import Line
from pipeline.demo.people import Visitor, newcomer, population
from pipeline.demo.places import places
from pipeline.demo.plan import Plan
from pipeline.demo.post import Post
from pipeline.demo.rhythm import Rhythm
from pipeline.demo.site import Site
from pipeline.demo.visits import visit
from pipeline.demo.wire import renewal
from pipeline.state import State

NOTE = "demo live"  # how far the live demo has come, in the state database
SECONDS_BETWEEN_BATCHES = (3.0, 9.0)
SECONDS_BETWEEN_VISITS = 14.0  # on average; about four events each
MOST_EVENTS = 6  # in one batch of the present
EVENTS_A_BATCH = 500  # of the meantime
SHARE_NEWCOMERS = 0.25
RENEWAL_PER_VISIT = 0.03  # of subscribers: their payment falls due
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
        made = visit(visitor, at_ms, self._site, self._rng)
        if visitor.subscribed and self._rng.random() < RENEWAL_PER_VISIT:
            made.append(renewal(visitor, at_ms, self._rng))
        for line in made:
            heapq.heappush(self._waiting, line)

    def _visitor(self) -> Visitor:
        if self._rng.random() < SHARE_NEWCOMERS:
            return newcomer(self._rng, self._towns)
        (visitor,) = self._rng.choices(self._people, cum_weights=self._weights)
        return visitor


def run(plan: Plan, state: State, post: Post, stop: threading.Event, clock: Callable[[], float] = time.time) -> int:
    """Send events until `stop` is set; returns how many the collector has stored. A batch under way is not split.

    How far it came is noted in the state database, so that what is made up the next time begins there.
    """
    start_ms = int(clock() * 1000)
    site = Live(plan, start_ms)
    rng = Random(f"{plan.seed}/live batches/{start_ms}")
    sent = 0
    for lines in _batches(site, min(max(plan.end_ms, _reached_ms(state)), start_ms)):
        if not post.send([line for _, line in lines]):
            return sent
        sent += len(lines)
        _reach(state, lines)
    while not stop.wait(rng.uniform(*SECONDS_BETWEEN_BATCHES)):
        lines = site.until(int(clock() * 1000))
        if lines and post.send([line for _, line in lines]):
            sent += len(lines)
            _reach(state, lines)
    return sent


def _batches(site: Live, from_ms: int) -> Iterator[list[Line]]:
    """What happened meanwhile, in batches."""
    meanwhile = site.since(from_ms)
    while lines := list(islice(meanwhile, EVENTS_A_BATCH)):
        yield lines


def _reached_ms(state: State) -> int:
    """Up to when (Unix ms) the demo's live events have been sent; 0 when they never were."""
    return int((state.told(NOTE) or {}).get("until_ms", 0))


def _reach(state: State, lines: list[Line]) -> None:
    last_ms = lines[-1][0]
    state.tell(NOTE, {"until_ms": str(last_ms + 1)}, datetime.fromtimestamp(last_ms / 1000, UTC))
