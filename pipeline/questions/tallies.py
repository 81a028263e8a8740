"""Counts of values and people, found out a day each and added up: what a day holds is asked once.

The same numbers as one question over the whole view gives, and several times as soon while only the newest day changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.questions.daily import daily, day_of
from pipeline.questions.functions import day_number
from pipeline.questions.matching import matching, text_of
from pipeline.questions.people import linked_numbers
from pipeline.questions.ranges import Bounds
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

# Fields of which a day has values by the thousand at most, mostly; of the others it may have one an event.
FEW_VALUED = frozenset(
    {
        *("event", "modal", "type", "country", "country_code", "region", "city", "timezone", "device", "browser", "os"),
        *("domain", "path", "referrer_domain", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
        "source",
    }
)
_MANY = 300_000  # values and their days, of one question: not worth to be kept


class TooMany(Exception):
    """There are too many values for counting them a day each."""


@dataclass(frozen=True, slots=True)
class People:
    """The numbers of the people with events on a day, and how many events have no customer id."""

    numbers: npt.NDArray[np.int32]
    anonymous: int

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes


def values(snapshot: Snapshot, view: View, fields: Sequence[str]) -> pa.Table:
    """(field, value, count) of every value of `fields`; `field` is its place among them. Null is a value, too.

    Raises `TooMany`.
    """
    question = ("values", *fields)

    def ask(bounds: Bounds) -> Mapping[date, pa.Table]:
        return _by_day(_fetched(snapshot, matching(snapshot, view, fields, within=bounds), fields))

    parts = daily(snapshot, view, question, ask, _NO_VALUES)
    if sum(map(len, parts)) > _MANY:
        raise TooMany
    if len(parts) == 1:
        return parts[0]
    summed = pa.concat_tables([*parts, _NO_VALUES]).group_by(["field", "value"]).aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"})


def people(snapshot: Snapshot, view: View) -> tuple[int, int]:
    """How many people the view has, each counted once whatever they are known by; and its events without customer."""

    def ask(bounds: Bounds) -> Mapping[date, People]:
        events = matching(snapshot, view, within=bounds)
        nobody = (events.customer_id.nullif("").isnull()).cast("int64")
        found = events.group_by(day=day_number(events.occurred_at), number=events.person_number).agg(
            anonymous=nobody.sum()
        )
        return {day: _people_of(rows) for day, rows in _days(snapshot.fetch(found.order_by("day")))}

    parts = daily(snapshot, view, "people", ask, _NOBODY)
    person = linked_numbers(snapshot)
    seen = np.zeros(len(person), dtype=bool)
    for part in parts:
        seen[person[part.numbers]] = True
    return int(np.count_nonzero(seen)), sum(part.anonymous for part in parts)


_NO_VALUES = pa.table(
    {"field": pa.array([], pa.int32()), "value": pa.array([], pa.string()), "count": pa.array([], pa.int64())}
)
_NOBODY = People(np.empty(0, np.int32), 0)


def _fetched(snapshot: Snapshot, events: ir.Table, fields: Sequence[str]) -> pa.Table:
    """(day, field, value, count), by day."""
    counts = [
        events.group_by(day=day_number(events.occurred_at), value=text_of(field, events)).agg(
            field=ibis.literal(place), count=events.count()
        )
        for place, field in enumerate(fields)
    ]
    return snapshot.fetch(ibis.union(*counts).select("day", *_NO_VALUES.column_names).order_by("day"))


def _by_day(rows: pa.Table) -> dict[date, pa.Table]:
    if len(rows) > _MANY:
        raise TooMany
    kept = ((day, part.select(_NO_VALUES.column_names).cast(_NO_VALUES.schema)) for day, part in _days(rows))
    return {day: part.combine_chunks() for day, part in kept}


def _days(rows: pa.Table) -> list[tuple[date, pa.Table]]:
    """Rows that are sorted by `day`, taken apart; the oldest day first."""
    days, firsts, counts = np.unique(rows["day"].to_numpy(), return_index=True, return_counts=True)
    return [
        (day_of(int(day)), rows.slice(int(first), int(count)))
        for day, first, count in zip(days, firsts, counts, strict=True)
    ]


def _people_of(rows: pa.Table) -> People:
    numbers = rows["number"].drop_null().to_numpy().astype(np.int32)
    return People(numbers, int(pc.sum(rows["anonymous"]).as_py()))
