"""When people read: by the clock on their own wall, less at weekends, a little more each week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

# Visits by local hour: breakfast, lunch and above all the evening.
_HOURS = (9, 5, 3, 2, 3, 8, 22, 42, 50, 42, 36, 38, 46, 42, 34, 32, 36, 42, 48, 54, 60, 56, 40, 20)
_HOURS_CUMULATIVE = tuple(accumulate(_HOURS))
# From Monday: news is read at work, less at weekends.
_WEEKDAYS = (1.08, 1.1, 1.06, 1.05, 0.98, 0.74, 0.84)
GROWTH_A_WEEK = 0.04
_DAY_MS = 86_400_000


class Rhythm:
    """Draws the starts of visits in `[start_ms, end_ms)`, so that busy hours are busy in the reader's own zone."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._start_ms, self._end_ms = start_ms, end_ms
        first = datetime.fromtimestamp(start_ms / 1000, UTC).date() - timedelta(days=1)
        # A day before and after, since a local day overlaps three UTC days at most.
        count = (end_ms - start_ms) // _DAY_MS + 3
        self._days = [first + timedelta(days=number) for number in range(count)]
        growth = GROWTH_A_WEEK / 7
        self._weights = list(
            accumulate(_WEEKDAYS[day.weekday()] * (1 + growth * number) for number, day in enumerate(self._days))
        )

    def start(self, zone: ZoneInfo, rng: Random) -> int:
        """When a visitor of this zone begins a visit, in Unix ms."""
        while True:
            (day,) = rng.choices(self._days, cum_weights=self._weights)
            (hour,) = rng.choices(range(24), cum_weights=_HOURS_CUMULATIVE)
            wall = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            at_ms = int(wall.timestamp() * 1000) + rng.randrange(3_600_000)
            if self._start_ms <= at_ms < self._end_ms:
                return at_ms
