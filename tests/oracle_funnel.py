"""The rules of docs/semantics.md ("Funnels") in the plainest Python there is.

Every sequence of events is written down, those the rules forbid are struck out, and of the rest the longest counts.
Slow and obvious on purpose; what events match a filter, and whose they are, is `tests.oracle`'s word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from itertools import combinations, pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.questions.filters import Filter
from pipeline.questions.ranges import parse_range
from pipeline.questions.view import View
from tests.oracle import Event, Oracle, in_range, together

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
UNSEEN = ("identify", "group", "alias")  # calls that break no strict attempt
VALUES = 25  # of a breakdown; the rest is "Other"
Path = tuple[Event, ...]  # the events that fill steps, in the order of the steps (any order: of time)


@dataclass(frozen=True)
class Journey:
    """How far one person got: the counted events, how far they get without exclusions, whether they may go on."""

    person: str
    path: Path
    unexcluded: int
    open: bool

    @property
    def depth(self) -> int:
        return len(self.path)

    @property
    def entry(self) -> Event:
        return self.path[0]

    @property
    def times(self) -> list[datetime]:
        return [event["occurred_at"] for event in self.path]

    def seconds(self, start: int, end: int) -> float:
        """From the event of one step to that of another, steps numbered from 1."""
        return (self.times[end - 1] - self.times[start - 1]) / timedelta(seconds=1)


@dataclass(frozen=True)
class Step:
    """The numbers of one step; None where there is nothing to divide, or no time to tell."""

    event: str | None
    people: int
    dropped: int
    from_first: float | None
    from_previous: float | None
    median_seconds: float | None
    p90_seconds: float | None
    open: int
    excluded: int


@dataclass(frozen=True)
class FunnelOracle:
    """The answer to `spec` (the JSON of a funnel, as a dict) over all events of a lake, with every stored field."""

    events: Sequence[Event]
    spec: dict[str, Any]
    now: datetime
    zone: ZoneInfo

    # Who got how far.

    @cached_property
    def journeys(self) -> dict[str, Journey]:
        """Of everyone who entered, by person."""
        everyone = {person: self.journey(person, history) for person, history in self.histories.items()}
        return {person: journey for person, journey in everyone.items() if journey.depth}

    def journey(self, person: str, history: list[Event]) -> Journey:
        path = self.best(history, self.exclusions)
        latest = max((event["occurred_at"] for event in self.entries(history)), default=None)
        still = latest is not None and latest + self.window > self.newest
        return Journey(person, path, len(self.best(history, [])), still and len(path) < self.length)

    def best(self, history: list[Event], exclusions: list[dict[str, Any]]) -> Path:
        """The longest path; of equals the one with the earliest entry, then the earliest next, and so on."""
        entries = {event["event_id"] for event in self.entries(history)}
        paths = self.unordered if self.order == "any" else self.ordered
        for depth in range(self.length, 0, -1):
            entered = [path for path in paths(history, depth) if path[0]["event_id"] in entries]
            valid = [path for path in entered if self.valid(path, history, exclusions)]
            if valid:
                return min(valid, key=lambda path: [moment(event) for event in path])
        return ()

    def ordered(self, history: list[Event], depth: int) -> Iterator[Path]:
        """Every choice of one event for each of the first steps."""
        return product(*(self.filling(step, history) for step in range(depth)))

    def unordered(self, history: list[Event], depth: int) -> Iterator[Path]:
        """Every choice of one event for each of any `depth` steps, sorted by time."""
        for steps in combinations(range(self.length), depth):
            for path in product(*(self.filling(step, history) for step in steps)):
                yield tuple(sorted(path, key=moment))

    def valid(self, path: Path, history: list[Event], exclusions: list[dict[str, Any]]) -> bool:
        return (
            len({event["event_id"] for event in path}) == len(path)
            and all(before["occurred_at"] <= after["occurred_at"] for before, after in pairwise(path))
            and path[-1]["occurred_at"] - path[0]["occurred_at"] <= self.window
            and not (self.order == "strict" and self.interrupted(path, history))
            and not any(self.excluded(path, history, exclusion) for exclusion in exclusions)
        )

    def interrupted(self, path: Path, history: list[Event]) -> bool:
        """Whether something happened between two steps."""
        seen = [event for event in history if event["type"] not in UNSEEN]
        return any(between(before, event, after) for before, after in pairwise(path) for event in seen)

    def excluded(self, path: Path, history: list[Event], exclusion: dict[str, Any]) -> bool:
        """Whether the path has both steps of the exclusion and what it names in between."""
        if len(path) < exclusion["before_step"]:
            return False
        before, after = path[exclusion["after_step"] - 1], path[exclusion["before_step"] - 1]
        return any(between(before, event, after) for event in history if self.fits(event, exclusion))

    def entries(self, history: list[Event]) -> list[Event]:
        """The events a path may begin with."""
        steps = range(self.length) if self.order == "any" else range(1)
        found = [event for step in steps for event in self.filling(step, history) if self.within(event)]
        return [min(found, key=moment)] if found and self.spec.get("first_entry_only") else found

    # What was asked.

    @property
    def length(self) -> int:
        return len(self.spec["steps"])

    @property
    def order(self) -> str:
        return self.spec.get("order", "ordered")

    @property
    def exclusions(self) -> list[dict[str, Any]]:
        return self.spec.get("exclusions", [])

    @cached_property
    def window(self) -> timedelta:
        window = self.spec.get("window", "7d")
        if isinstance(window, int):
            return timedelta(seconds=window)
        return timedelta(seconds=int(window[:-1]) * UNITS[window[-1]])

    @cached_property
    def view(self) -> View:
        """The range alone: the view's filters are asked of each event, since later steps may fall outside."""
        range = parse_range(self.spec.get("range"), self.spec.get("from"), self.spec.get("to"))
        return View(now=self.now, zone=self.zone, range=range)

    def within(self, event: Event) -> bool:
        return in_range(event["occurred_at"], self.view)

    def filling(self, step: int, history: list[Event]) -> list[Event]:
        """The events of a history that may fill a step, steps numbered from 0."""
        return [event for event in history if self.fits(event, self.spec["steps"][step])]

    def fits(self, event: Event, asked: dict[str, Any]) -> bool:
        """Whether an event is what a step or an exclusion names; no name is any event."""
        named = asked.get("event") in (None, event["event"])
        return named and self.passes(event, asked.get("filters", []))

    def passes(self, event: Event, filters: list[str]) -> bool:
        return all(self.lake.matches(event, *condition) for condition in conditions(tuple(filters)))

    @cached_property
    def lake(self) -> Oracle:
        return Oracle(self.events)

    @cached_property
    def newest(self) -> datetime:
        return max(event["occurred_at"] for event in self.events)

    @cached_property
    def histories(self) -> dict[str, list[Event]]:
        """The events that pass the view's filters, whenever they were, by person; nobody's events are left out."""
        by_person: dict[str, list[Event]] = {}
        for event in self.events:
            person = self.lake.person(event)
            if person is not None and self.passes(event, self.spec.get("filters", [])):
                by_person.setdefault(person, []).append(event)
        return by_person

    # The numbers.

    @property
    def steps(self) -> list[Step]:
        return [self.step(number) for number in range(1, self.length + 1)]

    def step(self, number: int) -> Step:
        """The numbers of a step, steps numbered from 1."""
        reached = self.reached(number)
        seconds = [journey.seconds(number - 1, number) for journey in reached] if number > 1 else []
        last = number == self.length
        return Step(
            event=self.spec["steps"][number - 1]["event"],
            people=len(reached),
            dropped=0 if last else len(self.dropped(number)),
            from_first=ratio(len(reached), len(self.reached(1))),
            from_previous=ratio(len(reached), len(self.reached(max(number - 1, 1)))),
            median_seconds=quantile(seconds, 0.5),
            p90_seconds=quantile(seconds, 0.9),
            open=sum(journey.open for journey in self.dropped(number)),
            excluded=sum(journey.depth < number <= journey.unexcluded for journey in self.journeys.values()),
        )

    def reached(self, number: int) -> list[Journey]:
        return [journey for journey in self.journeys.values() if journey.depth >= number]

    def dropped(self, number: int) -> list[Journey]:
        """Those who got to a step and no further."""
        return [journey for journey in self.journeys.values() if journey.depth == number]

    @property
    def converted(self) -> list[Journey]:
        return self.reached(self.length)

    @property
    def to_convert(self) -> list[float]:
        """Seconds from entry to conversion, shortest first: the histogram's, and the overall median's."""
        return sorted(journey.seconds(1, self.length) for journey in self.converted)

    def overall(self, share: float) -> float | None:
        return quantile(self.to_convert, share)

    def value(self, journey: Journey) -> str | None:
        """What the breakdown puts a journey under: its entry's text, None where that is empty."""
        return self.lake.text(journey.entry, self.spec["breakdown"])

    @cached_property
    def values(self) -> list[str | None]:
        """The values with most people, equals by value, the empty one last among equals; the rest is Other."""
        counts = Counter(self.value(journey) for journey in self.journeys.values())
        order = sorted(counts, key=lambda value: (-counts[value], value is None, value or ""))
        return order[:VALUES]

    @property
    def parts(self) -> list[tuple[str | None, bool, list[int]]]:
        """(value, whether it is Other, people by step) of the breakdown, Other last and only if there is one."""
        values: list[tuple[str | None, bool]] = [(value, False) for value in self.values]
        if any(self.value(journey) not in self.values for journey in self.journeys.values()):
            values.append((None, True))
        return [
            (value, other, [len(self.under(value, other, self.reached(k + 1))) for k in range(self.length)])
            for value, other in values
        ]

    def under(self, value: str | None, other: bool, journeys: list[Journey]) -> list[Journey]:
        """Those of `journeys` in one part of the breakdown."""
        if other:
            return [journey for journey in journeys if self.value(journey) not in self.values]
        return [journey for journey in journeys if self.value(journey) == value]

    def trend(self, by: str) -> dict[date, tuple[int, int]]:
        """(entered, converted) by the day, or the week's Monday, of the counted entry, in the display zone."""
        entered = Counter(self.bucket(journey, by) for journey in self.journeys.values())
        converted = Counter(self.bucket(journey, by) for journey in self.converted)
        return {day: (entered[day], converted[day]) for day in sorted(entered)}

    def bucket(self, journey: Journey, by: str) -> date:
        day = journey.entry["occurred_at"].astimezone(self.zone).date()
        return day - timedelta(days=day.weekday()) if by == "week" else day


@cache
def conditions(filters: tuple[str, ...]) -> list[tuple[str, str, list[str]]]:
    return together([Filter.parse(text) for text in filters])


def moment(event: Event) -> tuple[datetime, str]:
    """What events are ordered by."""
    return event["occurred_at"], event["event_id"]


def between(before: Event, event: Event, after: Event) -> bool:
    """Strictly, so what happens at the very instant of a step is not between."""
    return before["occurred_at"] < event["occurred_at"] < after["occurred_at"]


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def quantile(numbers: list[float], share: float) -> float | None:
    """By linear interpolation between the two nearest."""
    if not numbers:
        return None
    place = share * (len(numbers) - 1)
    ranked = sorted(numbers)
    below, above = ranked[math.floor(place)], ranked[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))
