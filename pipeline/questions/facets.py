"""What a view is made of: exact counts by value, and the panel that shows a view at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import QuestionError
from pipeline.questions import tallies
from pipeline.questions.daily import by_block, in_shares
from pipeline.questions.filters import known_field, operators
from pipeline.questions.matching import matching, text_of
from pipeline.questions.people import JOINED, customers_containing, linked_numbers
from pipeline.questions.ranges import Bounds
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.tallies import Seen
from pipeline.questions.timeline import Bar, Timeline, histogram, timeline
from pipeline.questions.view import View

GLANCE_FIELDS = ("event", "country", "device", "path", "domain")
SUGGESTED_FIELDS = ("event", "modal", "customer_id", "path", "country", "city", "device", "domain", "utm_campaign")


@dataclass(frozen=True, slots=True)
class Facet:
    """`count` events whose field is `value`; None where it is empty (missing, null or "")."""

    value: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The most frequent values of a field, most events first, equals by value, the empty one last among equals.

    `distinct` counts all values, the empty one too; `total` is the number of events in the view, so `rest`, the
    events of the values not in `top`, is exact.
    """

    field: str
    top: tuple[Facet, ...]
    distinct: int
    total: int

    @property
    def rest(self) -> int:
        return self.total - sum(facet.count for facet in self.top)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value that exists in the view, with its field and how many events have it."""

    field: str
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Glance:
    """A view at a glance: `total` events of `people` persons, of which `anonymous` events carry no customer id."""

    total: int
    people: int
    anonymous: int
    histogram: tuple[Bar, ...]
    facets: dict[str, Facets]


def facet(snapshot: Snapshot, view: View, field: str, limit: int = 20) -> Facets:
    """Exact counts of the values of any field that can be filtered. Raises UnknownField, QuestionError."""
    return facets(snapshot, view, [field], limit)[known_field(field)]


def facets(snapshot: Snapshot, view: View, fields: Sequence[str], limit: int = 20) -> dict[str, Facets]:
    """The same for several fields."""
    fields = [_countable(field) for field in fields]

    parts = _parts(snapshot, view, fields)
    return {field: _largest_of(parts, field, place, limit) for place, field in enumerate(fields)}


def _parts(snapshot: Snapshot, view: View, fields: Sequence[str]) -> list[pa.Table]:
    """(place, value, count) of all values of `fields`, in parts that are to be summed."""

    def ask(bounds: Bounds) -> pa.Table:
        events = matching(snapshot, view, fields, within=bounds)
        texts = {f"c{place}": text_of(field, events) for place, field in enumerate(fields)}
        return snapshot.tally(events.select(**texts))

    if not JOINED.isdisjoint(fields):  # whose an event is may change while its day does not
        return in_shares(snapshot, view, ask)
    known = partial(tallies.values, snapshot, view.filters, fields)
    return by_block(snapshot, view, ("facets", *fields), ask, tallies.joined, known)


def _largest_of(parts: Sequence[pa.Table], field: str, place: int, limit: int) -> Facets:
    """The counts of all parts together."""
    if not parts:
        return Facets(field, (), 0, 0)
    counts = pa.concat_tables(part.filter(pc.equal(part["place"], place)) for part in parts)
    counts = counts.group_by("value").aggregate([("count", "sum")])
    order = [("count_sum", "descending"), ("value", "ascending")]  # the empty one last
    top = counts.sort_by(order).slice(0, limit).to_pylist()
    total = pc.sum(counts["count_sum"]).as_py() or 0
    return Facets(field, tuple(Facet(row["value"], row["count_sum"]) for row in top), len(counts), total)


def glance(snapshot: Snapshot, view: View, *, counted: Timeline | None = None, limit: int = 5) -> Glance:
    """Totals, people, chart and the top values of the main fields. `counted`: the view's timeline, when at hand."""
    counted = timeline(snapshot, view) if counted is None else counted
    people, anonymous = _people(snapshot, view)
    return Glance(
        total=counted.total,
        people=people,
        anonymous=anonymous,
        histogram=histogram(counted, view),
        facets=facets(snapshot, view, GLANCE_FIELDS, limit),
    )


def suggestions(
    snapshot: Snapshot, view: View, text: str, *, fields: Sequence[str] = SUGGESTED_FIELDS, limit: int = 10
) -> list[Suggestion]:
    """Values of `fields` that contain `text`, whatever the case, most events first. Without a text, the top values."""
    fields = [_countable(field) for field in fields]
    kept = [field for field in fields if field in tallies.FIELDS]
    rest = [field for field in fields if field not in tallies.FIELDS]
    found = _suggested(snapshot, view, text, kept, limit) if kept else []
    if "customer_id" in rest and text and not customers_containing(snapshot, text):
        rest.remove("customer_id")  # the field of most values, which seldom has what somebody types
    found += _asked(snapshot, view, text, rest, limit) if rest else []
    return sorted(found, key=lambda each: (-each.count, fields.index(each.field), each.value))[:limit]


def _suggested(snapshot: Snapshot, view: View, text: str, fields: Sequence[str], limit: int) -> list[Suggestion]:
    """Of fields of not too many values: all are counted, and kept for the next letter."""
    parts = _parts(snapshot, view, fields)
    if not parts:
        return []
    counts = tallies.joined(parts)
    counts = snapshot.containing(counts, text) if text else counts.filter(pc.is_valid(counts["value"]))
    top = counts.sort_by([("count", "descending"), ("place", "ascending"), ("value", "ascending")]).slice(0, limit)
    return [Suggestion(fields[row["place"]], row["value"], row["count"]) for row in top.to_pylist()]


def _asked(snapshot: Snapshot, view: View, text: str, fields: Sequence[str], limit: int) -> list[Suggestion]:
    """Of any fields."""
    events = matching(snapshot, view, fields)
    found = []
    for place, field in enumerate(fields):
        values = _counts(events, field)
        # Among the distinct values, which are far fewer than the events.
        wanted = values.value.lower().contains(ibis.literal(text).lower()) if text else values.value.notnull()
        found.append(_largest(values.filter(wanted), limit).select("value", "count", field=ibis.literal(place)))
    rows = snapshot.fetch(ibis.union(*found) if len(found) > 1 else found[0]).to_pylist()
    return [Suggestion(fields[row["field"]], row["value"], int(row["count"])) for row in rows]


def _countable(field: str) -> str:
    field = known_field(field)
    if not operators(field):
        raise QuestionError(
            f"The values of {field!r} are not counted.",
            hint="Name one key of it: properties.NAME." if field == "properties" else "Each event has its own.",
            code="facets.not_countable",
        )
    return field


def _counts(events: ir.Table, field: str) -> ir.Table:
    """(value, count) of every value of a field."""
    return events.select(value=text_of(field, events)).group_by("value").agg(count=lambda rows: rows.count())


def _largest(counts: ir.Table, limit: int) -> ir.Table:
    return counts.order_by(counts["count"].desc(), counts.value.asc(nulls_first=False)).limit(limit)


def _people(snapshot: Snapshot, view: View) -> tuple[int, int]:
    """(people, anonymous events). People are told apart by the lake's numbers, and whoever became a customer is one."""

    def ask(bounds: Bounds) -> Seen:
        events = matching(snapshot, view, ("person_number", "customer_id"), within=bounds)
        asked = events.select(number=events.person_number, nobody=events.customer_id.nullif("").isnull())
        seen, anonymous = np.zeros(len(person), dtype=bool), 0
        for batch in snapshot.stream(asked):  # numbers are marked sooner than a group is made of each
            seen[batch["number"].drop_null().to_numpy()] = True
            anonymous += batch["nobody"].true_count
        return Seen(np.flatnonzero(seen).astype(np.int32), anonymous)

    person = linked_numbers(snapshot)
    known = partial(tallies.people, snapshot, view.filters)
    parts = by_block(snapshot, view, "people", ask, tallies.people_joined, known)
    seen = np.zeros(len(person), dtype=bool)
    for part in parts:
        seen[person[part.numbers]] = True
    return int(np.count_nonzero(seen)), sum(part.anonymous for part in parts)
