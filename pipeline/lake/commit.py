"""Writing: rows, facts and ledger in one transaction, so that an event is stored once or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.event import EVENT_SCHEMA
from pipeline.lake import look_ups
from pipeline.lake.amend import (
    Place,
    RejectedRow,
    add_to_entries,
    forget_rejected,
    next_rejected,
    retry_rejected_objects,
)
from pipeline.lake.dedupe import first_copies
from pipeline.lake.ledger import (
    Entry,
    Identity,
    RejectedLine,
    believable,
    unsettled,
    write_entries,
    write_rejected,
)
from pipeline.lake.numbers import number_people
from pipeline.lake.schema import ID_NUMBER, IP_NUMBER, PERSON, SHOWN

_INSERT_EVENTS = f"""
INSERT INTO lake.{{table}} BY NAME
SELECT fresh.* REPLACE (event_id::UUID AS event_id), number AS person_number, {ID_NUMBER} AS id_number,
       {IP_NUMBER} AS ip_number
FROM batch_rows fresh LEFT JOIN numbers ON numbers.person = {PERSON}
"""  # noqa: S608

_INSERT_IDS = f"""
INSERT INTO lake.by_id BY NAME SELECT {ID_NUMBER} AS id_number, occurred_at FROM batch_rows
"""  # noqa: S608 (fixed text)

# Of the links this batch tells, the earliest of each visitor, unless the lake knows an earlier one. An alias call may
# tell two: of the previous id it names, and of the visitor it came from.
_INSERT_LINKS = """
INSERT INTO lake.links BY NAME
SELECT told.*, visitor.number AS visitor_number, customer.number AS customer_number FROM (
    SELECT unnest([linked_anonymous_id, anonymous_id]) AS anonymous_id, customer_id, received_at,
           event_id::UUID AS event_id
    FROM batch_rows
) told
LEFT JOIN numbers visitor ON visitor.person = 'a:' || told.anonymous_id
LEFT JOIN numbers customer ON customer.person = 'c:' || told.customer_id
WHERE anonymous_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM lake.links known WHERE known.anonymous_id = told.anonymous_id
    AND (known.received_at, known.event_id) <= (told.received_at, told.event_id)
)
QUALIFY row_number() OVER (PARTITION BY anonymous_id ORDER BY received_at, event_id) = 1
"""

# The latest name and the latest email this batch tells of each customer; older facts stay, questions take the latest.
_INSERT_TRAITS = """
INSERT INTO lake.traits BY NAME
SELECT DISTINCT customer_id, trait_name AS name, trait_email AS email, received_at, event_id::UUID AS event_id
FROM batch_rows
QUALIFY (trait_name IS NOT NULL AND row_number() OVER (
            PARTITION BY customer_id, trait_name IS NULL ORDER BY received_at DESC, event_id::UUID DESC) = 1)
     OR (trait_email IS NOT NULL AND row_number() OVER (
            PARTITION BY customer_id, trait_email IS NULL ORDER BY received_at DESC, event_id::UUID DESC) = 1)
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one committed batch did. Counts are lines, except `objects` and `bytes`; times are UTC."""

    batch_id: UUID
    started_at: datetime
    committed_at: datetime
    objects: int
    lines: int
    loaded: int
    duplicate: int
    rejected: int
    expired: int
    bytes: int
    oldest_landed_at: datetime | None


class Transaction:
    """One batch being written. Use by `Lake.write()`, which holds the writer lock and rolls back on any error."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, now: datetime, dedupe_days: int) -> None:
        self._con = con
        self._now = now
        self._dedupe_days = dedupe_days
        self.batch_id = uuid4()

    @cached_property
    def _sorted_until(self) -> datetime | None:
        return look_ups.until(self._con)  # nobody else writes meanwhile

    def unsettled(self, refs: Sequence[Identity]) -> list[int]:
        """Which of `refs` (by position) still need loading, now that nobody else writes."""
        return unsettled(self._con, refs, None)

    def believable_now(self) -> datetime:
        """The time by which to tell what is too old to be loaded; not the clock's when that is far ahead of events."""
        return believable(self._con, self._now)

    def insert(self, table: pa.Table, entries: Sequence[Entry]) -> None:
        """Store the rows of `table` (`PARSED_SCHEMA`) that are new; count them in the entry its `object` points to."""
        keep = first_copies(self._con, table, self._dedupe_days)
        owner = table["object"].to_numpy()
        loaded = np.bincount(owner[keep], minlength=len(entries))
        duplicate = np.bincount(owner[~keep], minlength=len(entries))
        for entry, new, known in zip(entries, loaded, duplicate, strict=True):
            entry.loaded += int(new)
            entry.duplicate += int(known)
        fresh = table if keep.all() else table.filter(pa.array(keep))
        if len(fresh):
            self._store(fresh, [entry.key for entry in entries])

    def reject(self, lines: Sequence[tuple[Entry, RejectedLine]]) -> None:
        """Keep lines that are no events, and count each in its object's entry."""
        write_rejected(self._con, lines, self.batch_id, self._now)

    def _store(self, fresh: pa.Table, keys: Sequence[str]) -> None:
        stamp = pa.scalar(self._now, pa.timestamp("us", tz="UTC"))
        stamped = {
            "ingested_at": pa.repeat(stamp, len(fresh)),
            "object_key": pa.DictionaryArray.from_arrays(fresh["object"].combine_chunks(), pa.array(keys, pa.string())),
        }
        rows = pa.table({name: stamped.get(name, fresh[name]) for name in EVENT_SCHEMA.names})
        number_people(self._con, fresh)
        self._run(_INSERT_EVENTS.format(table="events"), rows)
        late = self._late(rows)
        for table in ("by_person", "by_address"):
            self._run(_INSERT_EVENTS.format(table=table), late)
        self._run(_INSERT_IDS, late)
        self._run(_INSERT_LINKS, _told(fresh, "linked_anonymous_id", "anonymous_id"))
        self._run(_INSERT_TRAITS, _told(fresh, "trait_name", "trait_email"))

    def _late(self, rows: pa.Table) -> pa.Table:
        """Those of days that are sorted for look-ups already."""
        if self._sorted_until is None:
            return rows.slice(0, 0)
        late = rows.filter(pc.less(rows["occurred_at"], self._sorted_until))
        return late.select([name for name in SHOWN if name in EVENT_SCHEMA.names])

    def _run(self, statement: str, batch_rows: pa.Table) -> None:
        """Run a statement over `batch_rows`. DuckDB finds it by its name here: a table that is registered is held until
        the transaction's end, registered no more or not, and so an object of any size would be held as a whole."""
        if len(batch_rows):
            self._con.execute(statement)

    def finish(self, entries: Sequence[Entry], committed_at: datetime) -> Batch:
        """Assert the ledger equation for every object and write the ledger. Raises `LakeError` (ledger.unbalanced)."""
        for entry in entries:
            entry.check()
        batch = self._summed(entries, committed_at)
        write_entries(self._con, entries, batch.batch_id, committed_at)
        self._record(batch)
        return batch

    def rejected_lines(self, code: str | None, after: Place, limit: int) -> list[RejectedRow]:
        """The next rejected lines to replay, in their order."""
        return next_rejected(self._con, code, after, limit)

    def retry_rejected_objects(self, code: str | None) -> list[dict[str, Any]]:
        """Let objects that were rejected whole be tried again; gives their rows of the ledger."""
        return retry_rejected_objects(self._con, code)

    def amend(
        self,
        changes: Sequence[Entry],
        settled: Sequence[Place],
        again: Sequence[tuple[Entry, RejectedLine]],
        committed_at: datetime,
    ) -> Batch:
        """End a replay: the rejected lines at `settled` are forgotten, those of `again` kept in their place, and each
        of `changes`, an entry of differences, is added to its object's. The batch has no lines and objects of its own,
        so that those of all batches are those of all objects. Raises `LakeError` (ledger.unbalanced)."""
        forget_rejected(self._con, settled)
        self.reject(again)
        gone = Counter(place[:3] for place in settled)
        for entry in changes:
            entry.rejected -= gone[entry.source, entry.key, entry.etag]
            entry.check()
        add_to_entries(self._con, changes)
        batch = replace(self._summed(changes, committed_at), objects=0, oldest_landed_at=None)
        self._record(batch)
        return batch

    def _summed(self, entries: Sequence[Entry], committed_at: datetime) -> Batch:
        return Batch(
            batch_id=self.batch_id,
            started_at=self._now,
            committed_at=committed_at,
            objects=len(entries),
            lines=sum(entry.lines for entry in entries),
            loaded=sum(entry.loaded for entry in entries),
            duplicate=sum(entry.duplicate for entry in entries),
            rejected=sum(entry.rejected for entry in entries),
            expired=sum(entry.expired for entry in entries),
            bytes=sum(entry.bytes for entry in entries),
            oldest_landed_at=min((entry.modified for entry in entries), default=None),
        )

    def _record(self, batch: Batch) -> None:
        values = [getattr(batch, name) for name in Batch.__slots__]
        marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        self._con.execute(f"INSERT INTO lake.batches ({', '.join(Batch.__slots__)}) VALUES ({marks})", values)  # noqa: S608


def _told(fresh: pa.Table, *hints: str) -> pa.Table:
    """The rows with a customer and any of `hints`, with only the columns that facts are made of."""
    rows = fresh.select(["customer_id", "received_at", "event_id", *hints])
    told = np.zeros(len(rows), dtype=bool)
    for hint in hints:
        told |= rows[hint].is_valid().to_numpy()
    return rows.filter(pa.array(told & rows["customer_id"].is_valid().to_numpy()))
