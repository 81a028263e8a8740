"""How many events of a view lie in each stretch of time: the chart, the total, and the way to any page at once.

Counting by quarter hours is one quick pass. From the counts follow the exact total; the bars of the chart (every
time zone of today begins its days and hours on a quarter hour); the stretch that holds page 39,000, so that no
question skips two million rows to show fifty; and the slices an export streams by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.questions import tallies
from pipeline.questions.daily import Piece, daily, day_of
from pipeline.questions.few import few
from pipeline.questions.functions import bucket
from pipeline.questions.matching import matching
from pipeline.questions.ranges import Bounds, microseconds_of, midnight
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.tallies import QUARTER_HOUR
from pipeline.questions.view import View

_FINER = 300  # a bucket too full to sort quickly is counted again in this many parts
_TOO_FULL = 100_000  # events
_HOURLY_UP_TO = timedelta(days=2, hours=1)  # two days, one of them of 25 hours

_QUARTERS = 96  # of a day

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The non-empty buckets of a view, newest first: `buckets` (numbers since 1970) and `counts` (events in each).

    `width` is in microseconds. Keep it with its (snapshot `key`, `view.scope()`) to page without counting again.
    """

    width: int
    buckets: _Numbers
    counts: _Numbers

    @property
    def nbytes(self) -> int:
        """What it takes in memory, about."""
        return self.buckets.nbytes + self.counts.nbytes

    @property
    def total(self) -> int:
        """The exact number of events."""
        return int(self.counts.sum())

    def bounds(self, newest: int, oldest: int) -> Bounds:
        """The time from bucket `oldest` to bucket `newest`, both included (places in `buckets`)."""
        return (
            _at(int(self.buckets[oldest]) * self.width),
            _at((int(self.buckets[newest]) + 1) * self.width),
        )


_NOTHING = Timeline(QUARTER_HOUR, np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart: `count` events in `[start, end)`, UTC."""

    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time and how many of its newest events come before the ones wanted; `count` are in it."""

    bounds: Bounds
    skip: int
    count: int


def timeline(snapshot: Snapshot, view: View) -> Timeline:
    """Count the events of `view` by quarter hour."""
    rows = few(snapshot, view)
    if rows is not None:
        return _of_rows(rows)

    def ask(bounds: Bounds) -> Mapping[date, Timeline]:
        return _by_day(_counted(snapshot, view, bounds))

    def known(piece: Piece) -> Timeline | None:
        found = tallies.by_quarter(snapshot, view.filters, piece)
        return None if found is None else Timeline(QUARTER_HOUR, *found)

    parts = daily(snapshot, view, "timeline", ask, _NOTHING, known)
    newest_first = [*reversed(parts)] or [_NOTHING]
    return Timeline(
        QUARTER_HOUR,
        np.concatenate([part.buckets for part in newest_first]),
        np.concatenate([part.counts for part in newest_first]),
    )


def _of_rows(rows: pa.Table) -> Timeline:
    buckets, counts = np.unique(rows["occurred_at"].cast(pa.int64()).to_numpy() // QUARTER_HOUR, return_counts=True)
    return Timeline(QUARTER_HOUR, buckets[::-1].copy(), counts[::-1].astype(np.int64))


def _counted(snapshot: Snapshot, view: View, within: Bounds, width: int = QUARTER_HOUR) -> Timeline:
    """Count those of `view` that lie within bounds, by `width` microseconds."""
    events = matching(snapshot, view, within=within)
    counted = snapshot.fetch(events.group_by(bucket=bucket(events.occurred_at, width)).agg(count=events.count()))
    buckets = counted["bucket"].to_numpy().astype(np.int64)
    newest_first = np.argsort(-buckets)
    return Timeline(width, buckets[newest_first], counted["count"].to_numpy().astype(np.int64)[newest_first])


def _by_day(counted: Timeline) -> dict[date, Timeline]:
    """A timeline by quarter hour, taken apart into days, oldest first."""
    days, firsts, counts = np.unique(counted.buckets // _QUARTERS, return_index=True, return_counts=True)
    return {
        day_of(int(day)): Timeline(
            counted.width,
            counted.buckets[first : first + count].copy(),
            counted.counts[first : first + count].copy(),
        )
        for day, first, count in zip(days, firsts, counts, strict=True)
    }


def stretch(snapshot: Snapshot, view: View, counted: Timeline, offset: int, rows: int) -> Stretch:
    """The shortest known stretch that holds the events from `offset` to `offset + rows`, newest first.

    `offset` lies below `counted.total`.
    """
    through = np.cumsum(counted.counts)
    newest = int(np.searchsorted(through, offset, side="right"))
    oldest = min(int(np.searchsorted(through, offset + rows, side="left")), len(through) - 1)
    before = int(through[newest - 1]) if newest else 0
    count = int(through[oldest]) - before
    if count <= _TOO_FULL or counted.width < _FINER:
        return Stretch(counted.bounds(newest, oldest), offset - before, count)
    finer = _counted(snapshot, view, counted.bounds(newest, oldest), counted.width // _FINER)
    return stretch(snapshot, view, finer, offset - before, rows)


def slices(snapshot: Snapshot, view: View, counted: Timeline, rows: Callable[[], int], first: int) -> Iterator[Stretch]:
    """The whole view as consecutive stretches, newest first: one of about `first` events, then of about as many as
    `rows` says before each."""
    newest, wanted = 0, first
    while newest < len(counted.counts):
        through = np.cumsum(counted.counts[newest:])
        oldest = newest + max(0, int(np.searchsorted(through, wanted, side="right")) - 1)
        bounds, count = counted.bounds(newest, oldest), int(through[oldest - newest])
        if count > max(_TOO_FULL, wanted) and counted.width >= _FINER:
            finer = _counted(snapshot, view, bounds, counted.width // _FINER)
            yield from slices(snapshot, view, finer, rows, wanted)
        else:
            yield Stretch(bounds, 0, count)
        newest, wanted = oldest + 1, rows()


def histogram(counted: Timeline, view: View) -> tuple[Bar, ...]:
    """Bars by hour for up to two days, else by day of the display zone, oldest first, empty ones included.

    They cover the view's range and sum to its total. `counted` is by quarter hour.
    """
    edges = _edges(view)
    inner = np.array([microseconds_of(edge) for edge in edges[1:-1]], dtype=np.int64)
    # A bucket lies wholly in one bar, since edges are quarter hours but for the first and the last.
    bar = np.searchsorted(inner, counted.buckets * counted.width, side="right")
    counts = np.bincount(bar, weights=counted.counts, minlength=len(edges) - 1).astype(np.int64)
    return tuple(Bar(start, end, int(count)) for start, end, count in zip(edges, edges[1:], counts, strict=False))


def _edges(view: View) -> list[datetime]:
    start, end = view.bounds()
    if end - start <= _HOURLY_UP_TO:
        hour = start.astimezone(view.zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        inside = (hour + timedelta(hours=n) for n in range(1, 51))
    else:
        day = start.astimezone(view.zone).date()
        inside = (midnight(day + timedelta(days=n), view.zone) for n in range(1, (end - start).days + 2))
    return [start, *(edge for edge in inside if start < edge < end), end]


def _at(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
