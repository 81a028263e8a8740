"""What is counted of days that are over before anybody asks: how often each value occurs, and whose events they are.

Of twenty million events a day's counts are a hundredth of its events: the first look at a dashboard reads these, and
the lake's events only of today. They are made by the questions themselves, and found by the day's name alone, which
stands for the very files that were counted: a late event, a merge or an erasure gives the day another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.event import Op
from pipeline.questions.daily import Piece, whole_day
from pipeline.questions.filters import Filter
from pipeline.questions.functions import SECOND, bucket
from pipeline.questions.matching import MAPPED, POSITIVE, between, columns_of, grouped, mapped_addresses, text_of
from pipeline.questions.ranges import Bounds, microseconds_of
from pipeline.questions.snapshot import Snapshot

QUARTER_HOUR = 900 * SECOND

# Fields of few values, counted by quarter hour, and fields counted by day.
BY_QUARTER = ("type", "event", "modal", "country", "device", "domain", "browser")
BY_DAY = ("path", "referrer_domain", "os", "city", "source", "utm_source", "utm_medium", "utm_campaign")
FIELDS = (*BY_QUARTER, *BY_DAY)
# Fields of many values that are often filtered by: by quarter hour, too, but read for each filter anew.
SEARCHED = ("path", "referrer")
_MOST = 50_000  # counts of a field and a day; of one with more values none are kept
_MOST_SEARCHED = 500_000
_TOLD = frozenset({Op.IS, Op.IS_NOT, Op.IS_SET, Op.IS_NOT_SET, Op.CONTAINS, Op.NOT_CONTAINS, Op.STARTS_WITH})

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The `numbers` of whoever has events, each once; `anonymous` events carry no customer id."""

    numbers: npt.NDArray[np.int32]
    anonymous: int

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes


def by_quarter(snapshot: Snapshot, filters: Sequence[Filter], piece: Piece) -> tuple[Numbers, Numbers] | None:
    """(quarter hours, counts of events) that pass the filters, newest first; None where that is to be asked."""
    field = _field_of(filters)
    edges = [microseconds_of(edge) for edge in piece.bounds]
    if snapshot.masked or field is None or any(edge % QUARTER_HOUR for edge in edges):
        return None
    table = _searched(snapshot, piece, field, filters) if field in SEARCHED else _kept(snapshot, piece, field)
    if table is None:
        return None
    texts = table["value"].unify_dictionaries().combine_chunks()
    quarters = table["quarter"].to_numpy()
    passing = (quarters >= edges[0] // QUARTER_HOUR) & (quarters < edges[1] // QUARTER_HOUR)
    for _, op, wanted in grouped(filters):
        passing &= _passes(snapshot, texts, op, wanted)
    found, place = np.unique(quarters[passing], return_inverse=True)
    counts = np.bincount(place, weights=table["count"].to_numpy()[passing], minlength=len(found)).astype(np.int64)
    return found[::-1].copy(), counts[::-1].copy()


def values(snapshot: Snapshot, filters: Sequence[Filter], fields: Sequence[str], piece: Piece) -> pa.Table | None:
    """(place, value, count) of all values of `fields`, as `Snapshot.tally` gives them; None where that is to be
    asked."""
    if snapshot.masked or filters or not piece.is_whole or not {*fields} <= {*FIELDS}:
        return None
    table = snapshot.days.files.read(piece.name, "values")
    if table is None:
        return None
    names = pa.array(fields, pa.string())
    table = table.filter(pc.is_in(table["field"], names))
    places = pc.index_in(table["field"], names)
    if pc.count_distinct(places).as_py() < len(fields):
        return None
    return pa.table({"place": places, "value": table["value"], "count": table["count"]})


def joined(parts: Iterable[pa.Table]) -> pa.Table:
    """Counts of several stretches of time, together."""
    together = pa.concat_tables(parts, promote_options="default")
    summed = together.group_by(["place", "value"]).aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"}).select(["place", "value", "count"])


def people(snapshot: Snapshot, filters: Sequence[Filter], piece: Piece) -> Seen | None:
    """Whose events a day has; None where that is to be asked."""
    if snapshot.masked or filters or not piece.is_whole:
        return None
    table = snapshot.days.files.read(piece.name, "people")
    if table is None:
        return None
    return Seen(table["number"].to_numpy(), int(table.schema.metadata[b"anonymous"]))


def people_joined(parts: Sequence[Seen]) -> Seen:
    """Whoever has events in any of several stretches of time."""
    seen = np.zeros(max((int(part.numbers.max(initial=0)) for part in parts), default=0) + 1, dtype=bool)
    for part in parts:
        seen[part.numbers] = True
    return Seen(np.flatnonzero(seen).astype(np.int32), sum(part.anonymous for part in parts))


def events_of(snapshot: Snapshot, name: str) -> int | None:
    """How many events a day of that name has by what was counted; None where it was not."""
    table = snapshot.days.files.read(name, BY_QUARTER[0])
    return None if table is None else int(pc.sum(table["count"]).as_py() or 0)


def _field_of(filters: Sequence[Filter]) -> str | None:
    """The one field whose counts by quarter hour tell how many events pass."""
    fields = {filter.field for filter in filters} or {BY_QUARTER[0]}
    known = fields <= {*BY_QUARTER, *SEARCHED} and all(filter.op in _TOLD for filter in filters)
    return fields.pop() if known and len(fields) == 1 else None


def _passes(snapshot: Snapshot, texts: pa.DictionaryArray, op: Op, wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether a text passes, as `pipeline.questions.matching` has it; the empty one is null here."""
    positive = POSITIVE.get(op, op)
    matches = np.append(_matches(snapshot, texts.dictionary, positive, wanted), False)  # null, at the end, never does
    passes: npt.NDArray[np.bool_] = matches[texts.indices.fill_null(len(matches) - 1).to_numpy()]
    return passes if op is positive else ~passes


def _matches(snapshot: Snapshot, texts: pa.Array, op: Op, wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
    if op is Op.IS_SET:
        return np.ones(len(texts), dtype=bool)
    if op is Op.IS:
        is_wanted: npt.NDArray[np.bool_] = pc.is_in(texts, pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
        return is_wanted
    matches = np.zeros(len(texts), dtype=bool)
    for each in wanted:
        if op is Op.STARTS_WITH:
            matches |= pc.starts_with(texts, each).to_numpy(zero_copy_only=False)
        else:
            places = pa.table({"value": texts, "place": pa.array(np.arange(len(texts)))})
            matches[snapshot.containing(places, each)["place"].to_numpy()] = True
    return matches


def _searched(snapshot: Snapshot, piece: Piece, field: str, filters: Sequence[Filter]) -> pa.Table | None:
    """Those counts of a field of that day by quarter hour that filters may let pass: they lie by value."""
    wanted = next((values for _, op, values in grouped(filters) if op is Op.IS), None)
    return snapshot.days.files.read(piece.name, field, among=wanted, encoded=("value",))


def _kept(snapshot: Snapshot, piece: Piece, field: str) -> pa.Table | None:
    """The counts of a field of that day by quarter hour. Many filters ask for them, so they stay in memory."""
    question = ("by quarter", field)
    found = snapshot.days.recall(piece.mark, question)
    if found is None:
        found = snapshot.days.files.read(piece.name, field, encoded=("value",))
        if found is not None:
            snapshot.days.keep(piece.mark, question, found)
    return cast(pa.Table | None, found)


def count(snapshot: Snapshot, day: date) -> Mapping[str, pa.Table]:
    """All that is kept of a day (UTC): of each field of `BY_QUARTER` and `SEARCHED` (value, quarter, count), by value;
    the `values` of `FIELDS` (field, value, count); the `people`; and the addresses that are `mapped` ones.

    Of a field with too many values there is none.
    """
    bounds = whole_day(day)
    parts = {field: _by_quarter(snapshot, bounds, field) for field in (*BY_QUARTER, *SEARCHED)}
    parts[MAPPED] = mapped_addresses(snapshot, bounds).select(["ip"])
    few = {name: part for name, part in parts.items() if len(part) <= (_MOST_SEARCHED if name in SEARCHED else _MOST)}
    return few | {"values": _values(snapshot, bounds), "people": _people(snapshot, bounds)}


def _by_quarter(snapshot: Snapshot, bounds: Bounds, field: str) -> pa.Table:
    events = between(snapshot.table("events", columns_of([field])), bounds)
    told = events.select(value=text_of(field, events), quarter=bucket(events.occurred_at, QUARTER_HOUR))
    counted = told.group_by("value", "quarter").agg(count=lambda rows: rows.count())
    return snapshot.fetch(counted.order_by("value", "quarter").select("value", "quarter", "count"))


def _values(snapshot: Snapshot, bounds: Bounds) -> pa.Table:
    events = between(snapshot.table("events", columns_of(FIELDS)), bounds)
    told = snapshot.tally(events.select(**{f"c{place}": text_of(field, events) for place, field in enumerate(FIELDS)}))
    sizes = told.group_by("place").aggregate([("place", "count")])
    few = sizes.filter(pc.less_equal(sizes["place_count"], _MOST))["place"].combine_chunks()
    told = told.filter(pc.is_in(told["place"], few))
    return told.set_column(0, "field", pa.array(FIELDS).take(told["place"].combine_chunks()))


def _people(snapshot: Snapshot, bounds: Bounds) -> pa.Table:
    events = between(snapshot.table("events", ("occurred_at", "person_number", "customer_id")), bounds)
    nobody = events.customer_id.nullif("").isnull()
    told = events.group_by(number=events.person_number).agg(anonymous=nobody.sum())
    rows = snapshot.fetch(told.order_by("number"))
    anonymous = str(int(pc.sum(rows["anonymous"]).as_py() or 0))
    numbers = rows["number"].drop_null().cast(pa.int32())
    return pa.table({"number": numbers}).replace_schema_metadata({"anonymous": anonymous})
