"""What the peers have in common: the rows they are given, and the questions in SQL.

The texts differ only in how each engine spells a few things (`Dialect`). Values come from the bench's own subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.questions.activity import LIST_FIELDS, ROWS, STORED_FIELDS
from pipeline.questions.facets import GLANCE_FIELDS
from pipeline.questions.filters import Filter
from pipeline.questions.people import with_people
from tests.bench.asked import OF_EACH, PROPOSED, mark_of, page_of, view_of
from tests.bench.dataset import DataSet
from tests.bench.subjects import Subjects

GIVEN = (*STORED_FIELDS, "person")
_AT_A_GLANCE = 5
_FIRST_PAGES = ("no filter", "event", "path", "referrer contains", "customer", "IP")
_PAGES = ("page 1", "page 10,000", "last page")
_EVENTS = ("event by id", "event by id and time")
ASKED = (*_FIRST_PAGES, *_PAGES, *_EVENTS, "filter bar", "panel")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine spells an instant, an id, its way back to text, and `contains` whatever the case."""

    instant: Callable[[datetime], str]
    identifier: Callable[[str], str]
    id_as_text: str
    contains: Callable[[str, str], str]
    people: str  # how many different persons there are, exactly


Rows = list[dict[str, Any]]


class Peer:
    """Answers the questions of `ASKED`; `query` gives the rows of a statement as dicts."""

    def __init__(self, dialect: Dialect, subjects: Subjects, query: Callable[[str], Rows]) -> None:
        self._dialect, self._subjects, self._query = dialect, subjects, query

    def ready(self, name: str, turn: int = 0) -> Callable[[], Any]:
        where = self._where(name, turn)
        if name in _FIRST_PAGES:
            # Of these, which lie far apart, ours reads no more than the list shows.
            fields = LIST_FIELDS if name in ("customer", "IP") else STORED_FIELDS
            return lambda: (self._count(where), self._page(where, 1, fields))
        if name in _PAGES:
            return lambda: self._page(where, page_of(self._subjects, name))
        if name in _EVENTS:
            return lambda: self._event(turn, name == "event by id and time")
        if name == "filter bar":
            return lambda: self._facets(where, PROPOSED, OF_EACH)
        return lambda: self._glance(where)

    def _where(self, name: str, turn: int) -> str:
        if name in _EVENTS:
            return ""
        view = view_of(self._subjects, name, turn)
        start, end = map(self._dialect.instant, view.bounds())
        return " AND ".join([f"occurred_at >= {start} AND occurred_at < {end}", *map(self._condition, view.filters)])

    def _condition(self, condition: Filter) -> str:
        (value,) = condition.values
        if condition.op.value == "contains":
            return self._dialect.contains(condition.field, value)
        return f"{condition.field} = {_quoted(value)}"

    def _count(self, where: str) -> int:
        return int(self._query(f"SELECT count(*) AS n FROM events WHERE {where}")[0]["n"])  # noqa: S608

    def _page(self, where: str, number: int, fields: Sequence[str] = STORED_FIELDS) -> Rows:
        return self._query(
            f"SELECT {self._columns(fields)} FROM events WHERE {where} "  # noqa: S608
            f"ORDER BY occurred_at DESC, events.event_id DESC LIMIT {ROWS} OFFSET {(number - 1) * ROWS}"
        )

    def _event(self, turn: int, with_time: bool) -> dict[str, Any]:
        mark = mark_of(self._subjects, turn)
        where = f"events.event_id = {self._dialect.identifier(mark.event_id)}"
        if with_time:
            where += f" AND occurred_at = {self._dialect.instant(mark.occurred_at)}"
        return self._query(f"SELECT {self._columns(STORED_FIELDS)} FROM events WHERE {where} LIMIT 1")[0]  # noqa: S608

    def _columns(self, fields: Sequence[str]) -> str:
        as_text = self._dialect.id_as_text
        return ", ".join(f"{as_text} AS event_id" if name == "event_id" else name for name in fields)

    def _facets(self, where: str, fields: tuple[str, ...], limit: int) -> Mapping[str, Any]:
        """By field: distinct values, events, and the most frequent values. One statement, as ours is."""
        parts = [
            f"""SELECT * FROM (SELECT '{field}' AS field, nullif({field}, '') AS value, count(*) AS n,
                count(*) OVER () AS different, sum(count(*)) OVER () AS total FROM events WHERE {where}
                GROUP BY nullif({field}, '') ORDER BY n DESC, value ASC NULLS FIRST LIMIT {limit})"""  # noqa: S608
            for field in fields
        ]
        rows = self._query(" UNION ALL ".join(parts))
        found: dict[str, Any] = {}
        for field in fields:
            mine = [row for row in rows if row["field"] == field]
            mine.sort(key=lambda row: (-row["n"], row["value"] is None, row["value"]))
            top = [(row["value"], int(row["n"])) for row in mine]
            found[field] = (int(mine[0]["different"]), int(mine[0]["total"]), top)
        return found

    def _glance(self, where: str) -> tuple[int, int, int, Mapping[str, Any]]:
        row = self._query(
            f"SELECT count(*) AS n, {self._dialect.people} AS people, "  # noqa: S608
            f"sum(CASE WHEN customer_id IS NULL OR customer_id = '' THEN 1 ELSE 0 END) AS anonymous "
            f"FROM events WHERE {where}"
        )[0]
        facets = self._facets(where, GLANCE_FIELDS, _AT_A_GLANCE)
        return int(row["n"]), int(row["people"]), int(row["anonymous"]), facets


def rows_for_peers(data_set: DataSet) -> Path:
    """The folder of Parquet files, one a day, newest first inside, that peers are filled from; made once."""
    folder = data_set.folder / "rows"
    if (folder / "made").exists():
        return folder
    folder.mkdir(exist_ok=True)
    lake = data_set.opened()
    snapshot = lake.snapshot()
    events = with_people(snapshot, snapshot.events, ["person"])
    for day in range(data_set.days):
        start = data_set.end - timedelta(days=data_set.days - day)
        of_day = events.filter(events.occurred_at >= start, events.occurred_at < start + timedelta(days=1))
        given = of_day.select(*GIVEN).order_by(of_day.occurred_at.desc(), of_day.event_id.desc())
        table = snapshot.fetch(given)
        pq.write_table(_ids_as_text(table), folder / f"{day:05d}.parquet", compression="zstd")
    lake.close()
    (folder / "made").touch()
    return folder


def _ids_as_text(table: pa.Table) -> pa.Table:
    place = table.column_names.index("event_id")
    return table.set_column(place, "event_id", pa.array(map(str, table["event_id"].to_pylist()), pa.string()))


def _quoted(value: str) -> str:
    """As SQL text: the bench's own values, none of which has a quote in it."""
    assert "'" not in value
    return f"'{value}'"
