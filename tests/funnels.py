"""Random people and random funnels over them, made so that ties, repeated steps, exclusions and edges are common.

Times lie a few whole units from a few anchors: the midnights of a day on which the clock changes, the change itself,
now. Windows are a few units and ranges begin and end at the anchors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipeline.event import STORED
from tests.oracle import Event

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600
DAY = 24 * HOUR
UNITS = (1, HOUR // 2, HOUR, DAY)
CHANGES = (date(2026, 10, 25), date(2026, 3, 29))  # a day of 25 hours, and one of 23
SCRIPT = ("A", "X", "Identified", "B", "X", "C", "B", "X", "C", "A", "B", "C")  # what many do, leaving some out
NAMES = ("A", "A", "A", "B", "B", "B", "C", "C", "X", "X", "Identified", "Aliased")
CALLS = {"Identified": "identify", "Aliased": "alias", "Grouped": "group"}
FILTERS = (
    *("country is France", "country is_not France", "country is_set", "country is_not_set", "country is France|Spain"),
    *("properties.plan is gold", "properties.plan is_not gold", "properties.n >= 3", "properties.n != 2"),
    *("device is_not Bot", "type is_not identify", "event is_not X", "event is A|B", "city starts_with Kö"),
    *("person starts_with c:", "name is_set", "email contains EXAMPLE", "customer_id is_set"),
)
BREAKDOWNS = (
    *("country", "city", "city", "event", "type", "device", "person", "customer_id", "name", "message_id"),
    *("properties.plan", "properties.n"),
)


@dataclass(frozen=True)
class World:
    """Who did what: `size` people around the day the clock changed in Berlin, their times whole `unit`s of seconds, at
    most `longest` events each."""

    seed: int
    size: int
    changed: date
    unit: int
    longest: int = 10

    @property
    def now(self) -> datetime:
        """On the day after the change."""
        return self.midnights[1] + timedelta(hours=3)

    @property
    def midnights(self) -> tuple[datetime, datetime]:
        days = self.changed, self.changed + timedelta(days=1)
        first, last = (datetime.combine(day, time(), tzinfo=BERLIN).astimezone(UTC) for day in days)
        return first, last

    @property
    def anchors(self) -> tuple[datetime, ...]:
        change = datetime.combine(self.changed, time(1), tzinfo=UTC)
        week = datetime.combine(self.changed - timedelta(days=5), time(), tzinfo=BERLIN).astimezone(UTC)
        return *self.midnights, change, self.now - timedelta(days=1), self.now, week

    def events(self) -> list[Event]:
        """In the order the lake gets them, which is no order at all."""
        rng = random.Random(self.seed)
        found = [event for number in range(self.size) for event in _history(self, rng, number)]
        rng.shuffle(found)
        for position, event in enumerate(found, start=1):
            event |= {"message_id": f"m{position}", "line": position}
            event["event_id"] = str(uuid5(NAMESPACE_URL, f"{self.seed} {position}"))
        return found


def worlds(size: int, longest: int = 10) -> st.SearchStrategy[World]:
    return st.builds(
        World,
        seed=st.integers(0, 2**32),
        size=st.just(size),
        changed=st.sampled_from(CHANGES),
        unit=st.sampled_from(UNITS),
        longest=st.just(longest),
    )


def _history(world: World, rng: random.Random, number: int) -> list[Event]:
    """What one reader did: as a customer, as a visitor, or as one who became the other."""
    who = rng.choice(["customer", "visitor", "linked", "linked", "aliased"])
    found = [_event(rng, name, at) | _ids(rng, who, number) for name, at in _moments(world, rng)]
    for event in found:
        if event["type"] == "alias" and event["customer_id"] and who == "aliased":
            event["linked_anonymous_id"] = f"v{number}"
    return found


def _moments(world: World, rng: random.Random) -> list[tuple[str, datetime]]:
    """What happened when: half the time roughly the script, else anything."""
    spread = rng.choice([1, 3, 6, 8, 12])
    length = max(rng.randint(0, world.longest), rng.randint(0, world.longest))
    start = rng.choice(world.anchors) - world.unit * timedelta(seconds=rng.choice([0, 0, 1, spread, spread]))
    times = [start + timedelta(seconds=world.unit * rng.randint(0, spread)) for _ in range(length)]
    names = rng.choices(rng.choices(NAMES, k=4), k=length)
    if rng.random() < 0.5:
        times.sort()
        script = SCRIPT * -(-length // len(SCRIPT))
        names = [script[place] for place in sorted(rng.sample(range(len(script)), length))]
    return [(name, _nudged(rng, at)) for name, at in zip(names, times, strict=True)]


def _nudged(rng: random.Random, at: datetime) -> datetime:
    """Now and then the least bit beside an edge."""
    return at + timedelta(microseconds=rng.choice([-1, 1])) if rng.random() < 0.06 else at


def _event(rng: random.Random, name: str, at: datetime) -> Event:
    event: Event = {field.name: None for field in STORED}
    properties = {"plan": rng.choice(["gold", "free", ""]), "n": rng.choice([1, 2, 3.5, "4", True])}
    return event | {
        "source": "tests",
        "event": name,
        "type": CALLS.get(name, "track"),
        "occurred_at": at,
        "received_at": at + timedelta(seconds=rng.choice([0, 0, 60, DAY])),
        "country": rng.choice(["France", "France", "Spain", "", None]),
        "city": f"Köln {rng.randint(10, 49)}",
        "device": rng.choice(["Desktop", "Desktop", "Desktop", "Bot"]),
        "properties": rng.choice([json.dumps(properties), json.dumps({"n": 2}), None]),
        "trait_name": None,
        "trait_email": None,
    }


def _ids(rng: random.Random, who: str, number: int) -> dict[str, str | None]:
    """Ids of one event. Some visitors' events come on a device that another customer uses too."""
    customer, visitor = f"c{number}", f"v{number}"
    traits = {"trait_name": rng.choice([None, "Ann", "=Émile"]), "trait_email": rng.choice([None, "a@example.com"])}
    known = {"customer_id": customer, "anonymous_id": None, **traits}
    unknown = {"customer_id": None, "anonymous_id": visitor}
    both = {**known, "anonymous_id": visitor if rng.random() < 0.8 else f"v{number - 1}"}
    if rng.random() < 0.01:
        return {"customer_id": None, "anonymous_id": None}
    if who == "linked":
        return rng.choice([known, unknown, unknown, both])
    if who == "aliased":
        return rng.choice([known, unknown, unknown])
    return known if who == "customer" else unknown


@st.composite
def specs(draw: st.DrawFn, world: World, longest: int = 4) -> dict[str, Any]:
    """A funnel as its JSON, parts at their default left out."""
    length = draw(st.integers(2, longest))
    steps = (
        [{"event": name} for name in "ABCA"[:length]] if draw(st.booleans()) else [_step(draw) for _ in range(length)]
    )
    spec: dict[str, Any] = {"steps": steps, **draw(_ranges(world))}
    order = draw(st.sampled_from(["ordered", "strict", "any", None]))
    if order:
        spec["order"] = order
    if draw(st.integers(0, 3)) == 0:
        spec["first_entry_only"] = True
    if order != "any" and draw(st.booleans()):
        spec["exclusions"] = [_exclusion(draw, length) for _ in range(draw(st.sampled_from([1, 1, 2])))]
    if draw(st.integers(0, 7)):
        units = [4, 6, 8, 12] if "exclusions" in spec else [1, 2, 3, 4, 6, 8]  # room for something in between
        seconds = world.unit * draw(st.sampled_from(units))
        spec["window"] = draw(st.sampled_from([seconds, *_spelt(seconds)]))
    if draw(st.booleans()):
        spec["breakdown"] = draw(st.sampled_from(BREAKDOWNS))
    if draw(st.integers(0, 2)) == 0:
        spec["filters"] = draw(st.lists(st.sampled_from(FILTERS), min_size=1, max_size=2))
    return spec


def _spelt(seconds: int) -> list[str]:
    """A window in the units of time it is whole in."""
    lengths = {"s": 1, "m": 60, "h": HOUR, "d": DAY}
    return [f"{seconds // length}{name}" for name, length in lengths.items() if seconds % length == 0]


def _step(draw: st.DrawFn) -> dict[str, Any]:
    step: dict[str, Any] = {"event": draw(st.sampled_from(["A", "A", "B", "B", "C", None, "Identified"]))}
    if draw(st.integers(0, 5)) == 0:
        step["filters"] = draw(st.lists(st.sampled_from(FILTERS), min_size=1, max_size=2))
    return step


def _exclusion(draw: st.DrawFn, length: int) -> dict[str, Any]:
    after, before = sorted(draw(st.sets(st.integers(1, length), min_size=2, max_size=2)))
    event = draw(st.sampled_from(["X", "X", "X", "A", "B", "Identified", None]))
    exclusion = {"event": event, "after_step": after, "before_step": before}
    if event is None or draw(st.integers(0, 5)) == 0:
        exclusion["filters"] = [draw(st.sampled_from(FILTERS))]
    return exclusion


def _ranges(world: World) -> st.SearchStrategy[dict[str, str]]:
    """Mostly one that holds everything; else one that begins or ends where something happens."""
    day, next = world.changed.isoformat(), (world.changed + timedelta(days=1)).isoformat()
    edges = [anchor.strftime("%Y-%m-%dT%H:%M:%SZ") for anchor in sorted(world.anchors)]
    return st.sampled_from(
        [
            *[{"range": "90D"}, {"range": "90D"}, {"range": "30D"}, {}, {"range": "7D"}, {"range": "24H"}],
            *[{"from": day, "to": day}, {"from": day, "to": next}, {"from": next, "to": next}],
            *[{"from": edges[0], "to": edges[-1]}, {"from": edges[1], "to": edges[3]}],
        ]
    )


def told(events: Sequence[Event]) -> str:
    """A history on one line, for a failure's message."""
    rows = sorted(events, key=lambda event: (event["occurred_at"], event["event_id"]))
    return "  ".join(f"{event['event']}@{event['occurred_at']:%d %H:%M:%S.%f}" for event in rows)
