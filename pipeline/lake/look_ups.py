"""Events of days that are over once more, sorted for look-ups: to find a few among all is then to read a few rows.

By time, the fifty events of one customer lie in fifty row groups, each to be unpacked (docs/design.md). `by_person` and
`by_address` hold what lists and profiles show of them, `by_id` when each occurred, in blocks of some days.

They hold exactly the events before the midnight that `sorted_until` names; later ones are only in `events`. Upkeep adds
blocks once their days are over; whatever else changes `events` changes all of them in the same transaction.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from pipeline.lake.lock import writer_lock
from pipeline.lake.schema import LOOK_UPS, TABLES

if TYPE_CHECKING:
    from pipeline.lake import Lake

# A block takes about eight seconds a million events, for which a batch waits; few events are read quickly by time, too.
_ENOUGH, _DAYS = 2_000_000, 16
_LATE = timedelta(hours=1)  # after a day's end, when most of its events have come

_GROUP = 61_440  # rows; of more each takes longer to unpack, of fewer more is to be read to find the right ones
# DuckLake does not take it in the transaction that makes a table.
_OPTION = "CALL lake.set_option('parquet_row_group_size', '{}', table_name => '{}')"
_ADD = """INSERT INTO lake.{table} BY NAME SELECT {columns} FROM lake.events
    WHERE occurred_at >= $1 AND occurred_at < $2 ORDER BY {order}"""


class Block(NamedTuple):
    """Days that are added together, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def until(con: duckdb.DuckDBPyConnection, version: int | None = None) -> datetime | None:
    """The midnight (UTC) before which all events are there, too, now or at `version`; None when it holds none."""
    at = "" if version is None else f"AT (VERSION => {int(version)})"  # a whole number of our own
    row = con.execute(f"SELECT max(until) FROM lake.sorted_until {at}").fetchone()  # noqa: S608
    return None if row is None or row[0] is None else row[0].astimezone(UTC)


def next_block(lake: Lake, now: datetime) -> Block | None:
    """The oldest days that are over at `now`, not there yet, and worth a block together. Reads the catalog alone."""
    snapshot = lake.snapshot()
    over = (now.astimezone(UTC) - _LATE).date()
    done = snapshot.days.sorted_until(snapshot.version)
    first, events = None, 0
    for day, known in snapshot.days.of(snapshot.version).items():
        if day >= over or (done is not None and day < done.date()):
            continue
        first, events = first or day, events + known.events
        if events >= _ENOUGH or (day - first).days + 1 >= _DAYS:
            return Block(first, day)
    return None


def add_block(lake: Lake, now: datetime) -> Block | None:
    """Add that block, and say which it was. Takes the writer lock meanwhile."""
    with writer_lock(lake.lock_path, wait=600):
        block = next_block(lake, now)
        if block is not None:
            with lake.engine.cursor() as cursor:
                for table in LOOK_UPS:
                    cursor.execute(_OPTION.format(_GROUP, table))
            start, end = _midnight(block.first), _midnight(block.last) + timedelta(days=1)
            with lake.changing() as cursor:
                for table, order in LOOK_UPS.items():
                    columns = ", ".join(TABLES[table])
                    cursor.execute(_ADD.format(table=table, columns=columns, order=order), [start, end])
                cursor.execute("INSERT INTO lake.sorted_until VALUES ($1)", [end])
        return block


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
