"""The ledger: every object in exactly one state, and for every loaded one the equation that must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

import duckdb
import pyarrow as pa

from pipeline.errors import LakeError

State = Literal["loaded", "retrying", "rejected"]

# An object that could not be read is tried again after 15 s, then twice as long each time, up to an hour.
_FIRST_RETRY, _LAST_RETRY = 15, 3600
# A site may have no event for so long without a doubt about the clock.
_QUIET = timedelta(days=3)


class Identity(Protocol):
    """What names an object: where it lies and which of its versions it is."""

    @property
    def source(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def etag(self) -> str: ...


class RejectedLine(Protocol):
    """One line that is no event: `line` counts from 1; `raw` are its bytes (cut if very long; the reason says so)."""

    @property
    def line(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def raw(self) -> bytes: ...


@dataclass(slots=True)
class Entry:
    """One object's row in the ledger, filled while its lines are read."""

    source: str
    key: str
    etag: str
    bytes: int
    modified: datetime
    format: str = ""
    state: State = "loaded"
    lines: int = 0
    loaded: int = 0
    duplicate: int = 0
    expired: int = 0
    rejected: int = 0
    last_error: str | None = None

    def check(self) -> None:
        """lines read = loaded + duplicate + rejected + expired. Raises `LakeError` (ledger.unbalanced)."""
        accounted = self.loaded + self.duplicate + self.rejected + self.expired
        if self.lines != accounted:
            raise LakeError(
                f"{self.key}: {self.lines} lines read, but {self.loaded} loaded + {self.duplicate} duplicate + "
                f"{self.rejected} rejected + {self.expired} expired = {accounted}. Nothing was stored.",
                hint="This is a fault of the program: please report it.",
                code="ledger.unbalanced",
            )


def retry_after(attempts: int) -> timedelta:
    """How long an object waits after its `attempts`-th failure."""
    return timedelta(seconds=min(_FIRST_RETRY * 2 ** max(attempts - 1, 0), _LAST_RETRY))


def unsettled(con: duckdb.DuckDBPyConnection, refs: Sequence[Identity], now: datetime | None) -> list[int]:
    """Which of `refs` (by position) are neither loaded nor rejected; with `now`, nor still waiting to be retried."""
    if not refs:
        return []
    listed = pa.table(
        {
            "position": pa.array(range(len(refs)), pa.int64()),
            "source": [ref.source for ref in refs],
            "key": [ref.key for ref in refs],
            "etag": [ref.etag for ref in refs],
        }
    )
    con.register("listed", listed)
    rows = con.execute(
        """SELECT l.position, o.state, o.attempts, o.seen_at
           FROM listed l LEFT JOIN lake.objects o USING (source, key, etag)
           WHERE o.state IS NULL OR o.state = 'retrying' ORDER BY l.position"""
    ).fetchall()
    con.unregister("listed")
    return [
        position
        for position, state, attempts, seen_at in rows
        # A failure that lies ahead was noted by a wrong clock, and is not waited for.
        if state is None or now is None or not seen_at <= now < seen_at + retry_after(attempts)
    ]


def believable(con: duckdb.DuckDBPyConnection, now: datetime) -> datetime:
    """`now` for telling which lines are too old to be loaded, unless the clock is far ahead of the newest event.

    An event that a clock a year ahead took for expired would be lost, as its object is read only once; one that is
    loaded though it is too old goes with the next retention, which has its own guard against such clocks.
    """
    if con.execute(
        "SELECT 1 FROM lake.events WHERE occurred_at BETWEEN $1 AND $2 LIMIT 1", [now - _QUIET, now + _QUIET]
    ).fetchone():
        return now
    row = con.execute("SELECT max(received_at) FROM lake.events").fetchone()
    return now if row is None or row[0] is None else min(now, row[0].astimezone(UTC) + _QUIET)


def write_entries(con: duckdb.DuckDBPyConnection, entries: Sequence[Entry], batch_id: UUID, now: datetime) -> None:
    """Record what became of each object."""
    con.register("entries", _entry_table(entries))
    # A new version of an object, or another try, replaces what was waiting under its key.
    attempts = con.execute(
        """SELECT source, key, etag, max(attempts) FROM lake.objects JOIN entries USING (source, key, etag)
           WHERE lake.objects.state = 'retrying' GROUP BY ALL"""
    ).to_arrow_table()
    con.register("tried", attempts.rename_columns(["source", "key", "etag", "tries"]))
    con.execute(
        """DELETE FROM lake.objects WHERE state = 'retrying'
           AND (source, key) IN (SELECT (source, key) FROM entries)"""
    )
    con.execute(
        """INSERT INTO lake.objects BY NAME
           SELECT entries.*, coalesce(tries, 0) + 1 AS attempts, $1 AS batch_id, $2 AS seen_at
           FROM entries LEFT JOIN tried USING (source, key, etag)""",
        [batch_id, now],
    )
    con.unregister("entries")
    con.unregister("tried")


def _entry_table(entries: Sequence[Entry]) -> pa.Table:
    columns: dict[str, list[object]] = {
        name: [getattr(entry, name) for entry in entries]
        for name in (
            "source",
            "key",
            "etag",
            "state",
            "format",
            "bytes",
            "lines",
            "loaded",
            "duplicate",
            "rejected",
            "expired",
        )
    }
    return pa.table(
        {
            **columns,
            "modified": pa.array([entry.modified for entry in entries], pa.timestamp("us", tz="UTC")),
            "last_error": pa.array([entry.last_error for entry in entries], pa.string()),
        }
    )


def write_rejected(
    con: duckdb.DuckDBPyConnection, lines: Sequence[tuple[Entry, RejectedLine]], batch_id: UUID, now: datetime
) -> None:
    """Keep lines that are no events, each with its place and reason, and count them in their entries."""
    if not lines:
        return
    for entry, _ in lines:
        entry.rejected += 1
    # Read by its name, not registered, as in `Transaction._run`.
    rejected_lines = _rejected_table(lines)  # noqa: F841
    con.execute(
        "INSERT INTO lake.rejected BY NAME SELECT *, $1 AS seen_at, $2 AS batch_id FROM rejected_lines", [now, batch_id]
    )


def _rejected_table(rows: Sequence[tuple[Entry, RejectedLine]]) -> pa.Table:
    return pa.table(
        {
            "source": pa.array([entry.source for entry, _ in rows], pa.string()),
            "key": pa.array([entry.key for entry, _ in rows], pa.string()),
            "etag": pa.array([entry.etag for entry, _ in rows], pa.string()),
            "line": pa.array([line.line for _, line in rows], pa.int64()),
            "code": pa.array([line.code for _, line in rows], pa.string()),
            "reason": pa.array([line.reason for _, line in rows], pa.string()),
            "raw": pa.array([line.raw for _, line in rows], pa.binary()),
        }
    )
