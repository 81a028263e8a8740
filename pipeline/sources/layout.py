"""Which folders of an archive to look into: those that carry a date outside of the sweep are passed over.

Listing a whole prefix every few seconds does not scale ("Archives in S3" in docs/wire.md). A folder whose name tells
no date is always looked into, so an unknown layout is listed whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pipeline.sources.objects import ObjectRef, Sweep

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NEWEST = timedelta(minutes=5)  # of an hour's keys, as far back as the newest sweep looks

# Folders that tell no date are few in the layouts we know; beyond these a tree is listed flat, which costs one request
# per 1,000 keys instead of one per folder.
MAX_DEPTH = 6
MAX_FOLDERS = 200

_OURS = re.compile(r"(?:^|/)dt=\d{4}-\d\d-\d\d/hh=\d\d/$")
_PATTERNS = tuple(
    re.compile(rf"(?:^|/){pattern}/$")
    for pattern in (
        r"dt=(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?:/hh=(?P<hour>\d\d))?",  # our collector
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)",  # RudderStack
        r"(?P<month>\d\d)-(?P<day>\d\d)-(?P<year>\d{4})",  # RudderStack, older
        r"(?P<ms>\d{13})",  # Segment: the day received, as Unix milliseconds
        r"(?P<year>\d{4})(?:/(?P<month>\d\d)(?:/(?P<day>\d\d)(?:/(?P<hour>\d\d))?)?)?",  # Firehose
    )
)


class Tree(Protocol):
    """Folders of objects. Folders are paths from the top, empty or ending in `/`."""

    def children(self, folder: str, after: str = "") -> tuple[Sequence[str], Sequence[ObjectRef]]:
        """The folders and the objects directly in `folder` whose names are greater than `after`."""

    def everything(self, folder: str) -> Iterator[ObjectRef]:
        """All objects below `folder`, at any depth."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time a folder's name covers, `[start, end)`."""

    start: datetime
    end: datetime


def span(folder: str) -> Span | None:
    """The time that `folder` (a path ending in `/`) says it covers, or None."""
    for pattern in _PATTERNS:
        found = pattern.search(folder)
        if found is None:
            continue
        try:
            return _span(found.groupdict())
        except (ValueError, OverflowError):  # month 13: digits that are no date
            continue
    return None


def _span(parts: dict[str, str | None]) -> Span:
    given = {name: int(digits) for name, digits in parts.items() if digits is not None}
    if "ms" in given:
        start = datetime.fromtimestamp(given["ms"] // 1000, UTC)
        return Span(start, start + DAY)
    year, month = given["year"], given.get("month", 1)
    start = datetime(year, month, given.get("day", 1), given.get("hour", 0), tzinfo=UTC)
    if "hour" in given:
        return Span(start, start + HOUR)
    if "day" in given:
        return Span(start, start + DAY)
    if "month" in given:
        return Span(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))
    return Span(start, datetime(year + 1, 1, 1, tzinfo=UTC))


def wanted(found: Span, now: datetime, sweep: Sweep) -> bool:
    """Whether a sweep made at `now` looks into a folder that covers `found`.

    Both ends are generous: a writer's clock may be ahead of ours, and Firehose may name folders in local time.
    """
    if sweep in (Sweep.NEWEST, Sweep.RECENT):
        hourly = found.end - found.start <= HOUR
        floor = now.replace(minute=0, second=0, microsecond=0)
        start, end = (floor - HOUR, now + HOUR) if hourly else (floor.replace(hour=0) - DAY, now + HOUR)
    else:
        start, end = now - 3 * DAY, now + DAY
    return found.start < end and found.end > start


def begins_after(folder: str, now: datetime, sweep: Sweep) -> str:
    """The name that the newest sweep begins after in a folder of our collector's, whose names begin with their time in
    milliseconds; "" where all names are to be listed.

    An hour may hold thousands of objects, and all but the last are known. One that comes later than its name says, as
    after an outage of S3, waits for the recent sweep a minute later.
    """
    if sweep is not Sweep.NEWEST or not _OURS.search(folder):
        return ""
    return str(int((now - NEWEST).timestamp() * 1000))


def walk(tree: Tree, root: str, now: datetime, sweep: Sweep) -> Iterator[ObjectRef]:
    """Every object below `root` that is not in a folder dated outside of the sweep."""
    return tree.everything(root) if sweep is Sweep.ALL else _walk(tree, root, now, sweep, depth=0)


def _walk(tree: Tree, folder: str, now: datetime, sweep: Sweep, depth: int) -> Iterator[ObjectRef]:
    folders, objects = tree.children(folder, begins_after(folder, now, sweep))
    yield from objects
    spans = [(below, span(below)) for below in folders]
    crowded = depth >= MAX_DEPTH or sum(found is None for _, found in spans) > MAX_FOLDERS
    for below, found in spans:
        if found is None and crowded:
            yield from tree.everything(below)
        elif found is None or wanted(found, now, sweep):
            yield from _walk(tree, below, now, sweep, depth + 1)
