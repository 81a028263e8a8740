"""The time a view covers, in one display zone ("Time" in docs/semantics.md).

    Preset("14D")     calendar days in the zone, today included, so 14D shows fourteen dates
    Preset("24H")     rolling: the 24 hours before now
    Days(a, b)        first day to last day, both included
    Instants(a, b)    from one instant up to another; what a pinned link of 24H or a brushed hour needs

All of them become a half-open interval of UTC instants, so a day of 23 or 25 hours is just a shorter or longer one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.errors import QuestionError

PRESETS: Mapping[str, int] = {"24H": 1, "7D": 7, "14D": 14, "30D": 30, "90D": 90}
ROLLING = "24H"
DEFAULT = "14D"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?Z")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200  # within what every engine's timestamps hold

Bounds = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Preset:
    """A named range that moves with now."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in PRESETS:
            raise QuestionError(
                f"There is no range {self.name!r}.",
                hint=f"There are: {', '.join(PRESETS)}; or give from and to.",
                code="view.unknown_range",
            )

    def bounds(self, now: datetime, zone: ZoneInfo) -> Bounds:
        if self.name == ROLLING:
            end = now.astimezone(UTC)
            return end - timedelta(hours=24), end
        return self._days(now, zone).bounds(now, zone)

    def parameters(self) -> list[tuple[str, str]]:
        return [("range", self.name)]

    def absolute(self, now: datetime, zone: ZoneInfo) -> Days | Instants:
        """The same time, no longer moving with now."""
        return Instants(*self.bounds(now, zone)) if self.name == ROLLING else self._days(now, zone)

    def _days(self, now: datetime, zone: ZoneInfo) -> Days:
        today = now.astimezone(zone).date()
        return Days(today - timedelta(days=PRESETS[self.name] - 1), today)


@dataclass(frozen=True, slots=True)
class Days:
    """First day to last day, both included, in the display zone."""

    first: date
    last: date

    def __post_init__(self) -> None:
        _in_order(self.first, self.last, "day")

    def bounds(self, now: datetime, zone: ZoneInfo) -> Bounds:
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)

    def parameters(self) -> list[tuple[str, str]]:
        return [("from", self.first.isoformat()), ("to", self.last.isoformat())]

    def absolute(self, now: datetime, zone: ZoneInfo) -> Days:
        return self


@dataclass(frozen=True, slots=True)
class Instants:
    """From `start` (included) up to `end` (not included)."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        _in_order(self.start, self.end, "instant")

    def bounds(self, now: datetime, zone: ZoneInfo) -> Bounds:
        return self.start, self.end

    def parameters(self) -> list[tuple[str, str]]:
        return [("from", _spelt(self.start)), ("to", _spelt(self.end))]

    def absolute(self, now: datetime, zone: ZoneInfo) -> Instants:
        return self


Range = Preset | Days | Instants


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a day begins. Where midnight comes twice it is the first; where it is skipped, the next instant."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


class Change(NamedTuple):
    """From `since` on, local time is UTC and `offset`; both in microseconds."""

    since: int
    offset: int


def clock_changes(start: datetime, end: datetime, zone: ZoneInfo) -> list[Change]:
    """How local time follows from UTC in `[start, end)`: at its start, and from each change of the clocks on."""

    def offset(at: datetime) -> int:
        return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)

    changes = [Change(microseconds_of(start), offset(start))]
    at = start
    while at < end:
        later = min(at + timedelta(days=1), end)
        if offset(later) != changes[-1].offset:
            before, after = at, later
            while after - before > timedelta(microseconds=1):
                middle = before + (after - before) // 2
                before, after = (middle, after) if offset(middle) == changes[-1].offset else (before, middle)
            changes.append(Change(microseconds_of(after), offset(after)))
        at = later
    return changes


def microseconds_of(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def parse_range(name: str | None, start: str | None, end: str | None) -> Range:
    """The range that the URL parameters `range`, `from` and `to` spell. Raises QuestionError."""
    if start is None and end is None:
        return Preset(DEFAULT if name is None else name)
    if name is not None:
        raise QuestionError(
            "A view has either a range or from and to, not both.", hint="Leave one out.", code="view.two_ranges"
        )
    if start is None or end is None:
        missing = "from" if start is None else "to"
        raise QuestionError(f"The parameter {missing!r} is missing.", hint="Give both days.", code="view.half_a_range")
    if _INSTANT.fullmatch(start) and _INSTANT.fullmatch(end):
        return Instants(_instant(start), _instant(end))
    return Days(_day("from", start), _day("to", end))


def _day(parameter: str, text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise QuestionError(
        f"{parameter}={text} is not a day.", hint="Write it as YYYY-MM-DD, like 2026-11-23.", code="view.not_a_day"
    )


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise QuestionError(
            f"{text!r} is not a time.", hint="Write it like 2026-11-23T14:30:00Z.", code="view.not_a_time"
        ) from None


def _spelt(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat() + "Z"


def _in_order(start: date, end: date, what: str) -> None:
    if start > end or (what == "instant" and start == end):
        raise QuestionError(
            f"The range ends ({end.isoformat()}) before it begins ({start.isoformat()}).",
            hint="Swap from and to.",
            code="view.backwards",
        )
    if start.year < _FIRST_YEAR or end.year > _LAST_YEAR:
        raise QuestionError(f"A range lies between the years {_FIRST_YEAR} and {_LAST_YEAR}.", code="view.out_of_range")
