"""Retention: events older than the window leave the lake, whole UTC days at a time, and so do the texts of lines that
were rejected before it: their time is not known, and whom they name neither. Their reasons stay, for the ledger.

A clock that jumps must never cause a mass deletion, so a run that would remove more than `MOST_DAYS` days or
`MOST_SHARE` of the events stops and asks ("Retention and erasure" in docs/semantics.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import LakeError
from pipeline.lake import day_files
from pipeline.lake.lock import writer_lock
from pipeline.lake.schema import LOOK_UPS
from pipeline.words import counted

if TYPE_CHECKING:
    from pipeline.lake import Lake

MOST_DAYS, MOST_SHARE = 3, 0.05

_DAYS = """SELECT (occurred_at AT TIME ZONE 'UTC')::DATE AS day, count(*) FROM lake.events WHERE occurred_at < $1
           GROUP BY day ORDER BY day"""
_RECORD = """INSERT INTO lake.removed BY NAME
    SELECT $1::TIMESTAMPTZ AS removed_at, 'retention' AS kind, object_key AS key, count(*) AS events,
           0 AS rejected, 0 AS lines
    FROM lake.events WHERE occurred_at < $2 GROUP BY object_key"""
_REMOVE = (
    "DELETE FROM lake.events WHERE occurred_at < $1",
    *(f"DELETE FROM lake.{table} WHERE occurred_at < $1" for table in LOOK_UPS),  # noqa: S608 (fixed names)
)
# A line is no older than its object: what was read while this machine's clock was behind only looks old.
_OLD = """seen_at < $1 AND octet_length(raw) > 0 AND NOT EXISTS (
    FROM lake.objects AS whole
    WHERE (whole.source, whole.key, whole.etag) = (rejected.source, rejected.key, rejected.etag)
        AND whole.modified >= $1)"""
_TEXTS = f"""SELECT (seen_at AT TIME ZONE 'UTC')::DATE AS day, count(*) FROM lake.rejected
             WHERE {_OLD} GROUP BY day ORDER BY day"""  # noqa: S608 (fixed text)
_EMPTY = f"UPDATE lake.rejected SET raw = ''::BLOB WHERE {_OLD}"  # noqa: S608 (fixed text)


@dataclass(frozen=True, slots=True)
class Due:
    """What retention is to remove: the events of `days` (UTC), all before `cutoff`, of `total` events in the lake; and
    the texts of the lines that were rejected on the days of `rejected`.

    `cutoff` is None, and nothing is due, where events are kept for ever.
    """

    cutoff: datetime | None
    days: tuple[tuple[date, int], ...] = ()
    total: int = 0
    rejected: tuple[tuple[date, int], ...] = ()

    @property
    def events(self) -> int:
        return sum(events for _, events in self.days)

    @property
    def lines(self) -> int:
        return sum(lines for _, lines in self.rejected)

    @property
    def told(self) -> str:
        """As `1,204 events of 1 day and the texts of 3 rejected lines`, or `nothing`."""
        parts = [f"{counted(self.events, 'event')} of {counted(len(self.days), 'day')}"] if self.days else []
        parts += [f"the texts of {counted(self.lines, 'rejected line')}"] if self.rejected else []
        return " and ".join(parts) or "nothing"

    @property
    def too_much(self) -> str:
        """Why somebody must say so before this much is removed; empty when it may go."""
        if len({day for day, _ in (*self.days, *self.rejected)}) > MOST_DAYS:
            return f"it is more than {MOST_DAYS} days"
        if self.events > MOST_SHARE * self.total:
            return f"it is more than {MOST_SHARE:.0%} of all events"
        return ""


def cutoff(now: datetime, days: int) -> datetime | None:
    """Events before it are too old at `now`: a UTC midnight, `days` before today's. None (0 days) keeps for ever."""
    if not days:
        return None
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def due(lake: Lake, now: datetime, days: int) -> Due:
    """What a run at `now` would remove, with events kept for `days`."""
    with lake.engine.cursor() as cursor:
        return _due(cursor, cutoff(now, days))


def retain(lake: Lake, now: datetime, days: int, *, force: bool = False) -> Due:
    """Remove what is too old, and count the events as removed from their objects, in one transaction.

    Raises `LakeError` (retention.too_much), and removes nothing, when that is more than a day-to-day run removes:
    `force` is the go-ahead for it.
    """
    with writer_lock(lake.lock_path, wait=600), lake.changing() as cursor:
        found = _due(cursor, cutoff(now, days))
        if found.too_much and not force:
            raise LakeError(
                f"Retention would remove {found.told} before {found.cutoff:%Y-%m-%d}, and {found.too_much}. "
                "Nothing was removed.",
                hint="Is this machine's clock right, and ACTIVITY_RETENTION_DAYS? Then: python -m pipeline retain "
                "--force",
                code="retention.too_much",
            )
        if found.days:
            cursor.execute(_RECORD, [now, found.cutoff])
            for statement in _REMOVE:
                cursor.execute(statement, [found.cutoff])
        if found.rejected:
            cursor.execute(_EMPTY, [found.cutoff])
    if found.days:
        day_files.clear(lake)
    return found


def _due(cursor: duckdb.DuckDBPyConnection, before: datetime | None) -> Due:
    if before is None:
        return Due(None)
    row = cursor.execute("SELECT count(*) FROM lake.events").fetchone()
    return Due(before, _by_day(cursor, _DAYS, before), int(row[0]) if row else 0, _by_day(cursor, _TEXTS, before))


def _by_day(cursor: duckdb.DuckDBPyConnection, question: str, before: datetime) -> tuple[tuple[date, int], ...]:
    return tuple((day, int(number)) for day, number in cursor.execute(question, [before]).fetchall())
