"""Reading: every table of the lake at one version, as Ibis tables, so that all numbers of a view agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.event import EVENT_SCHEMA
from pipeline.lake.days import Days
from pipeline.lake.engine import Engine
from pipeline.lake.schema import TABLES

_IBIS_TYPE: dict[str, dt.DataType] = {
    "VARCHAR": dt.String(),
    "UUID": dt.UUID(),
    "TIMESTAMPTZ": dt.Timestamp(timezone="UTC", scale=6),
    "BIGINT": dt.Int64(),
    "INTEGER": dt.Int32(),
    "BLOB": dt.Binary(),
}

Key = tuple[int, bool]  # version, masked
Bounds = tuple[datetime, datetime]  # [from, to)


@dataclass(frozen=True)
class Snapshot:
    """The lake at `version`, committed at `committed_at` (UTC). Cache by `key`.

    The attributes are Ibis tables; nothing is read until `fetch` or `stream` is given an expression over them.
    """

    engine: Engine
    builder: ibis.BaseBackend
    days: Days
    version: int
    committed_at: datetime

    @property
    def masked(self) -> bool:
        """Whether personal data is hidden in it (`pipeline.questions.masking`)."""
        return False

    @property
    def hiding(self) -> str:
        """What answers that are kept by day are told apart by: nothing, or the secret that pseudonyms follow."""
        return ""

    @property
    def key(self) -> Key:
        """What an answer is kept by: two snapshots with equal keys answer everything alike."""
        return self.version, self.masked

    @cached_property
    def events(self) -> ir.Table:
        return self.table("events")

    @cached_property
    def links(self) -> ir.Table:
        return self.table("links")

    @cached_property
    def people(self) -> ir.Table:
        return self.table("people")

    @cached_property
    def traits(self) -> ir.Table:
        return self.table("traits")

    @cached_property
    def objects(self) -> ir.Table:
        return self.table("objects")

    @cached_property
    def batches(self) -> ir.Table:
        return self.table("batches")

    @cached_property
    def rejected(self) -> ir.Table:
        return self.table("rejected")

    @cached_property
    def removed(self) -> ir.Table:
        return self.table("removed")

    def table(self, name: str, only: Collection[str] | None = None, along: Collection[str] = ()) -> ir.Table:
        """A table of the lake by its name, read through what this snapshot lets be seen; `only` are the columns of it
        that are needed.

        Those of `along` come with every row of a question that only filters, sorts and cuts, and cannot be named in it:
        Ibis takes a quarter of a millisecond for every column that it knows of.
        """
        return self._as_table(_columns(name, only), self._select(_columns(name, _both(only, along)), name))

    def for_look_ups(
        self, order: str, only: Collection[str], within: Bounds | None = None, along: Collection[str] = ()
    ) -> ir.Table:
        """Those columns of events for a question about few of them: of days that are over they are read from the table
        where they lie in that `order` (one of `LOOK_UPS`), if all are there. Events that are not `within` may be
        missing; `along` is as of `table`."""
        until = self.days.sorted_until(self.version) if {*only, *along} <= TABLES[order].keys() else None
        if until is None or (within is not None and until <= within[0]):
            return self.table("events", only, along)
        columns = _columns("events", _both(only, along))
        sides = [self._select(columns, order)]
        if within is None or until < within[1]:
            sides.append(self._select(columns, "events", f"WHERE occurred_at >= '{until.isoformat()}'"))
        return self._as_table(_columns("events", only), " UNION ALL ".join(sides))

    def _select(self, columns: Iterable[str], name: str, condition: str = "") -> str:
        """Fixed names, whole numbers and a time of our own: nothing of a user's is in this text."""
        return f"SELECT {', '.join(columns)} FROM lake.{name} AT (VERSION => {int(self.version)}) {condition}"  # noqa: S608

    def _as_table(self, columns: Mapping[str, str], text: str) -> ir.Table:
        schema = ibis.schema({column: _IBIS_TYPE[kind] for column, kind in columns.items()})
        return self.builder.sql(text, schema=schema)

    def fetch(self, expression: ir.Expr) -> pa.Table:
        """The whole answer, in memory. Raises `SnapshotGone`, `LakeError`."""
        with self.engine.cursor() as cursor:
            return cursor.execute(self._sql(expression)).to_arrow_table()

    def stream(self, expression: ir.Expr, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
        """The answer in batches of about `rows`, in flat memory. Closing the iterator stops the query."""
        with self.engine.cursor() as cursor:
            yield from cursor.execute(self._sql(expression)).to_arrow_reader(rows)

    def tally(self, columns: ir.Table) -> pa.Table:
        """(place, value, count): how often each value occurs in each of `columns`, all of text; null is a value.

        Places count from 0. The rows are read once for all columns, which takes a third less than a question for each.
        Raises as `fetch` does.
        """
        names = [f"c{place}" for place in range(len(columns.columns))]
        everything = ", ".join(names)
        # What `grouping_id` says of a set of one column: a bit for every other one, the first column's the highest.
        others = [2 ** len(names) - 1 - 2 ** (len(names) - 1 - place) for place in range(len(names))]
        places = " ".join(f"WHEN {bits} THEN {place}" for place, bits in enumerate(others))
        # Ibis has no grouping sets. Names and numbers of our own stand around what it has compiled.
        text = f"""SELECT CASE grouping_id({everything}) {places} END AS place, coalesce({everything}) AS value,
            count(*) AS count FROM ({self._sql(columns)}) AS asked({everything})
            GROUP BY GROUPING SETS ({", ".join(f"({name})" for name in names)})"""  # noqa: S608
        with self.engine.cursor() as cursor:
            return cursor.execute(text).to_arrow_table()

    def containing(self, counts: pa.Table, text: str) -> pa.Table:
        """Those rows whose `value`, a text or null, contains `text`, whatever the case: by the engine's own table of
        lower case, which every filter follows. Raises as `fetch` does."""
        with self.engine.cursor() as cursor:
            cursor.register("counts", counts)
            asked = "SELECT * FROM counts WHERE contains(lower(value), lower($1))"
            return cursor.execute(asked, [text]).to_arrow_table()

    def _sql(self, expression: ir.Expr) -> str:
        return str(self.builder.compile(expression))


def _columns(name: str, only: Collection[str] | None) -> dict[str, str]:
    return {column: kind for column, kind in TABLES[name].items() if only is None or column in only}


def _both(only: Collection[str] | None, along: Collection[str]) -> Collection[str] | None:
    return None if only is None else {*only, *along}


assert all(name in TABLES["events"] for name in EVENT_SCHEMA.names)
