"""Replaying in the lake: rejected lines that are good now change sides, and their objects' numbers with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.errors import LakeError
from pipeline.lake.ledger import Entry

Place = tuple[str, str, str, int]  # source, key, etag and line: where a rejected line stands, and their order
START: Place = ("", "", "", 0)

# What kept nothing of the line has nothing to replay.
_NEXT = """
SELECT source, key, etag, line, code, reason, raw, format, modified, bytes
FROM lake.rejected r JOIN lake.objects o USING (source, key, etag)
WHERE state = 'loaded' AND coalesce(octet_length(raw), 0) > 0 AND ($1 IS NULL OR code = $1)
AND (source, key, etag, line) > ($2, $3, $4, $5)
ORDER BY source, key, etag, line LIMIT $6
"""
_FORGET = """DELETE FROM lake.rejected
             WHERE (source, key, etag, line) IN (SELECT (source, key, etag, line) FROM settled)"""
_ADD = """
UPDATE lake.objects o SET loaded = o.loaded + c.loaded, duplicate = o.duplicate + c.duplicate,
    expired = o.expired + c.expired, rejected = o.rejected + c.rejected
FROM changes c WHERE (o.source, o.key, o.etag) = (c.source, c.key, c.etag)
"""
_UNBALANCED = """SELECT count(*) FROM lake.objects JOIN changes USING (source, key, etag)
    WHERE objects.rejected < 0
       OR objects.lines != objects.loaded + objects.duplicate + objects.rejected + objects.expired"""
_RETRY = """UPDATE lake.objects SET state = 'retrying'
            WHERE state = 'rejected' AND ($1 IS NULL OR starts_with(last_error, $1 || ':'))"""
_UNREAD = """SELECT source, key, etag, bytes, modified FROM lake.objects
             WHERE state = 'rejected' AND ($1 IS NULL OR starts_with(last_error, $1 || ':')) ORDER BY source, key"""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected line as the lake keeps it, and what its object's row of the ledger says of that."""

    source: str
    key: str
    etag: str
    line: int
    code: str
    reason: str
    raw: bytes
    format: str
    modified: datetime
    bytes: int

    @property
    def place(self) -> Place:
        return self.source, self.key, self.etag, self.line


def next_rejected(con: duckdb.DuckDBPyConnection, code: str | None, after: Place, limit: int) -> list[RejectedRow]:
    """The next `limit` rejected lines of which something was kept, of one code if given."""
    return [RejectedRow(*row) for row in con.execute(_NEXT, [code, *after, limit]).fetchall()]


def retry_rejected_objects(con: duckdb.DuckDBPyConnection, code: str | None) -> list[dict[str, Any]]:
    """Make objects that were rejected whole, for one code if given, ones to be tried again; gives their rows."""
    rows: list[dict[str, Any]] = con.execute(_UNREAD, [code]).to_arrow_table().to_pylist()
    if rows:
        con.execute(_RETRY, [code])
    return rows


def forget_rejected(con: duckdb.DuckDBPyConnection, places: Sequence[Place]) -> None:
    """Remove the rejected lines that stand there."""
    names = ("source", "key", "etag", "line")
    con.register("settled", pa.table({name: [place[at] for place in places] for at, name in enumerate(names)}))
    con.execute(_FORGET)
    con.unregister("settled")


def add_to_entries(con: duckdb.DuckDBPyConnection, changes: Sequence[Entry]) -> None:
    """Add each of `changes` to its object's row of the ledger.

    Raises `LakeError` (ledger.unbalanced) when an object's numbers would not add up any more.
    """
    counted = ("source", "key", "etag", "loaded", "duplicate", "expired", "rejected")
    con.register("changes", pa.table({name: [getattr(entry, name) for entry in changes] for name in counted}))
    con.execute(_ADD)
    row = con.execute(_UNBALANCED).fetchone()
    con.unregister("changes")
    if row != (0,):
        raise LakeError(
            "An object's lines would not add up after the replay. Nothing was changed.",
            hint="This is a fault of the program: please report it.",
            code="ledger.unbalanced",
        )
