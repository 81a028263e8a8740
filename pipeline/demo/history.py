"""Thirty days of the demo's site, written hour by hour as the collector would have written them.

    population → visits, drawn over the days → played in order → lines, by the time received → one object an hour

Memory stays flat: beside the people, only the lines of visits under way are held.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

import orjson

from pipeline.demo import objects, wire
from pipeline.demo.objects import Line
from pipeline.demo.people import Visitor, population
from pipeline.demo.places import write_database
from pipeline.demo.plan import Plan
from pipeline.demo.rhythm import Rhythm
from pipeline.demo.site import Site
from pipeline.demo.visits import visit

EVENTS_PER_VISIT = 4.465  # measured over the default plan; turns the number of events asked for into visits
REDELIVERED = 24  # lines that a client sends twice
GEO_FILE = Path("geo/demo.mmdb")

# What reaches a real collector's bucket sooner or later. Each is rejected, with its reason, on the Pipeline page.
BROKEN = (
    b'{"type":"track","event":"Registered","userId":"cus_0',
    b'["not","an","object"]',
    b'{"type":"track","userId":"cus_00000000000001","messageId":"ins-broken-1"}',
    b'{"type":"page","name":"Front page","messageId":"ins-broken-2","userId":"undefined","anonymousId":null}',
    b'{"messageId":"ins-broken-3","anonymousId":"a","properties":{"scroll_percent":40}}',
    b'{"type":"track","event":"Video Played","anonymousId":"a","properties":{"watched":NaN}}',
    b"\x1f\x8b\x08\x00garbage",
    b'{"type":"track","event":"Article Shared","anonymousId":"b","title":"\\ud800"}',
    b'{"type":"track","event":"","anonymousId":"c","messageId":"ins-broken-4"}',
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"type":"track","event":"Subscribed","userId":"cus_00000000000002","properties":{"amount":9.99,}}',
    b"null",
)


@dataclass(slots=True)
class Written:
    """What a history came to: objects, and lines in them (the broken and the repeated ones included)."""

    objects: int = 0
    lines: int = 0


def write(plan: Plan, data: Path, progress: Callable[[int, int], None] = lambda at_ms, lines: None) -> Written:
    """Write the plan's history to `data/landing`, its geo database to `data/geo`, and the plan itself.

    `progress` is told the time reached (Unix ms) and the lines of each object. The plan is marked complete last, so
    that an interrupted demo is known as one and can be made again in place.
    """
    plan.write(data)
    write_database(data / GEO_FILE, plan.end)
    rng = Random(f"{plan.seed}/objects/{plan.end_ms}")
    written = Written()
    for received_ms, count in objects.put_hours(data / "landing", _with_faults(plan), rng):
        written.objects += 1
        written.lines += count
        progress(received_ms, count)
    plan.finished().write(data)
    return written


def lines(plan: Plan) -> Iterator[Line]:
    """The history's well-formed lines, each once, in the order received, none after the plan's end."""
    rng = Random(f"{plan.seed}/history/{plan.end_ms}")
    people = population(plan.seed, plan.customers)
    site = Site(plan.seed)
    waiting: list[Line] = []
    for start_ms, number, renews in _agenda(plan, people, rng):
        yield from due(waiting, start_ms)
        made = [wire.renewal(people[number], start_ms, rng)] if renews else visit(people[number], start_ms, site, rng)
        for line in made:
            heapq.heappush(waiting, line)
    yield from due(waiting, plan.end_ms)


def due(waiting: list[Line], now_ms: int) -> Iterator[Line]:
    """Take from the heap what has been received by now."""
    while waiting and waiting[0][0] < now_ms:
        yield heapq.heappop(waiting)


def _agenda(plan: Plan, people: list[Visitor], rng: Random) -> list[tuple[int, int, bool]]:
    """(start in ms, the visitor's number, whether it is a renewal and not a visit), in order of time."""
    rhythm = Rhythm(plan.start_ms, plan.end_ms)
    agenda: list[tuple[int, int, bool]] = []
    for number, count in sorted(_visits(plan, people, rng).items()):
        visitor = people[number]
        visitor.fate(count, rng)
        # Crawlers know no night.
        draw = rng.randrange if visitor.crawler else None
        zone = visitor.place.zone
        for _ in range(count):
            start_ms = draw(plan.start_ms, plan.end_ms) if draw else rhythm.start(zone, rng)
            agenda.append((start_ms, number, False))
        if visitor.subscribed and rng.random() < 0.9:
            agenda.append((rng.randrange(plan.start_ms, plan.end_ms), number, True))
    return sorted(agenda)


def _visits(plan: Plan, people: list[Visitor], rng: Random) -> Counter[int]:
    """How many visits each visitor makes: one for every customer where that is possible, the rest by inclination."""
    total = round(plan.events / EVENTS_PER_VISIT)
    everyone = range(plan.customers) if plan.customers <= total else rng.sample(range(plan.customers), total)
    counts = Counter(everyone)
    weights = list(accumulate(visitor.visits_weight for visitor in people))
    counts.update(rng.choices(range(len(people)), cum_weights=weights, k=total - len(counts)))
    return counts


def _with_faults(plan: Plan) -> Iterator[Line]:
    """The history as it lands: a few lines broken on the way, a few delivered twice."""
    rng = Random(f"{plan.seed}/faults/{plan.end_ms}")
    span = (plan.start_ms, plan.end_ms)
    broken = sorted((rng.randrange(*span), line) for line in BROKEN)
    repeat_at = sorted(rng.randrange(*span) for _ in range(REDELIVERED))
    pending = list(broken)  # a sorted list is a heap
    for received_ms, line in lines(plan):
        yield from due(pending, received_ms)
        yield received_ms, line
        if repeat_at and received_ms >= repeat_at[0]:
            repeat_at.pop(0)
            again_ms = received_ms + rng.randrange(900, 90_000_000)
            heapq.heappush(pending, (again_ms, _redelivered(line, again_ms - received_ms)))


def _redelivered(line: bytes, later_ms: int) -> bytes:
    """The same event as a retrying client sends it: only what delivery adds differs."""
    event = orjson.loads(line)
    return orjson.dumps({**event, **{name: wire.later(event[name], later_ms) for name in ("sentAt", "receivedAt")}})
