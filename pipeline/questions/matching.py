"""The events of a view as one Ibis table: the range, the filters, and the columns that a question names.

What each operator means is "A view" in docs/semantics.md. A negative operator is the exact opposite of its
positive one, so it keeps the rows where the field is empty.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple
from uuid import UUID

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from pipeline.event import NUMBER, Op
from pipeline.questions import addresses
from pipeline.questions.daily import Piece, by_day, day_of, whole_day, whole_days
from pipeline.questions.filters import PROPERTIES, Filter, field_type, metadata_key
from pipeline.questions.functions import (
    FEW,
    among,
    among_numbers,
    day_number,
    id_number,
    ip_number,
    json_is_text,
    json_text,
    of_few,
)
from pipeline.questions.once import once
from pipeline.questions.people import JOINED, of_customers, of_people, with_people
from pipeline.questions.ranges import Bounds
from pipeline.questions.refusing import refuse_filters
from pipeline.questions.shares import at_once
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

POSITIVE: Mapping[Op, Op] = {Op.IS_NOT: Op.IS, Op.NOT_CONTAINS: Op.CONTAINS, Op.NE: Op.EQ, Op.IS_NOT_SET: Op.IS_SET}
_COMPARE: Mapping[Op, Any] = {Op.EQ: eq, Op.LT: lt, Op.LE: le, Op.GT: gt, Op.GE: ge}
# Fields that are looked up by a number of the lake's.
_NUMBERS: Mapping[str, AbstractSet[str]] = {
    "event_id": {"id_number"},
    "ip": {"ip_number"},
    "person": {"person_number"},
    "customer_id": {"person_number"},
}
MAPPED = "mapped"  # the part of a day's files with its IPv4-mapped addresses
LOOKED_UP = frozenset(_NUMBERS)  # one value of which only few of all events have
_DECIMAL = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"


def matching(
    snapshot: Snapshot,
    view: View,
    fields: Iterable[str] = (),
    *,
    within: Bounds | None = None,
    along: Iterable[str] = (),
) -> ir.Table:
    """The events of `view`, with `fields` of them, stored or joined in (`person`, `name`, …), their time and their id.

    No column is there that is not asked for: Ibis takes half as long over few. `along` are stored fields that come with
    the rows without being named (`Snapshot.table`). `within` narrows the range further: questions about a page or a
    slice read only that stretch of time.
    """
    bounds = _narrowed(view.bounds(), within)
    fields, along = {*fields}, {*along}
    named = {*fields, *(filter.field for filter in view.filters if not _by_ids(filter))}
    is_joined = not JOINED.isdisjoint(named)
    columns = columns_of({*fields, *(filter.field for filter in view.filters), *(along if is_joined else ())})
    events = _events(snapshot, view.filters, columns, bounds, columns_of(along) - columns)
    if is_joined:
        events = with_people(snapshot, between(events, bounds), named)
        return events.filter(condition(snapshot, events, view.filters, bounds)) if view.filters else events
    # All in one step, which Ibis compiles in half the time that it takes for two.
    passes = [condition(snapshot, events, view.filters, bounds)] if view.filters else []
    return events.filter(*_inside(events, bounds), *passes)


def looks_up(snapshot: Snapshot, filters: Sequence[Filter]) -> bool:
    """Whether the filters leave only a few of all events, which the lake finds by number. Hidden ids have none."""
    return not snapshot.masked and any(filter.op is Op.IS and filter.field in LOOKED_UP for filter in filters)


def _events(
    snapshot: Snapshot, filters: Sequence[Filter], columns: frozenset[str], bounds: Bounds, along: frozenset[str]
) -> ir.Table:
    """The table of events from where those that pass the filters are found soonest."""
    if not looks_up(snapshot, filters):
        return snapshot.table("events", columns, along)
    sought = {filter.field for filter in filters if filter.op is Op.IS}
    if "event_id" in sought:  # which are found by their times
        return snapshot.table("events", columns, along)
    order = "by_address" if sought & LOOKED_UP == {"ip"} else "by_person"
    return snapshot.for_look_ups(order, columns, bounds, along)


def sides(snapshot: Snapshot, bounds: Bounds) -> list[Bounds]:
    """Bounds cut where look-ups read from another place, the newer side first: each is asked by a thread of its own."""
    until = None if snapshot.masked else snapshot.days.sorted_until(snapshot.version)
    if until is None or not bounds[0] < until < bounds[1]:
        return [bounds]
    return [(until, bounds[1]), (bounds[0], until)]


def columns_of(fields: Iterable[str]) -> frozenset[str]:
    """The columns of `events` that it takes to tell these fields and to filter by them."""
    columns = {"event_id", "occurred_at"}
    for field in fields:
        columns |= _NUMBERS.get(field, set())
        if field in JOINED:
            columns |= {"customer_id", "anonymous_id"}
        else:
            columns.add(field if metadata_key(field) is None else PROPERTIES)
    return frozenset(columns)


def condition(snapshot: Snapshot, events: ir.Table, filters: Sequence[Filter], bounds: Bounds) -> ir.BooleanValue:
    """Whether an event passes all of `filters`; `events` has the fields they name, and lies within `bounds`. Null
    counts as no.

    Raises `QuestionError` for one on a field that is hidden in `snapshot`.
    """
    if snapshot.masked:
        refuse_filters(filters)
    asked = _Asked(snapshot, events, bounds)
    return ibis.and_(*(_condition(asked, *group) for group in grouped(filters)))


class _Asked(NamedTuple):
    """The events that conditions are about."""

    snapshot: Snapshot
    events: ir.Table
    bounds: Bounds


def between(events: ir.Table, bounds: Bounds) -> ir.Table:
    """The events of `[from, to)`."""
    return events.filter(*_inside(events, bounds))


def newest_first(events: ir.Table) -> ir.Table:
    """Total and stable, so that paging neither skips nor repeats ("Order" in docs/semantics.md)."""
    return events.order_by(events.occurred_at.desc(), events.event_id.desc())


def _inside(events: ir.Table, bounds: Bounds) -> tuple[ir.BooleanValue, ir.BooleanValue]:
    start, end = bounds
    return events.occurred_at >= instant(start), events.occurred_at < instant(end)


def instant(at: datetime) -> ir.TimestampScalar:
    """A time as it stands in an expression."""
    return ibis.literal(at, "timestamp('UTC')")


def text_of(field: str, events: ir.Table) -> ir.StringValue:
    """A field as the text it is compared, grouped and shown by; null where it is empty (missing, null or "")."""
    key = metadata_key(field)
    if key is not None:
        return json_text(events.properties, key).nullif("")
    if field == "ip":
        return addresses.unmapped(events.ip).nullif("")
    column = events[field]
    return column.nullif("") if field_type(field) == "string" else column.cast("string")


def grouped(filters: Iterable[Filter]) -> list[tuple[str, Op, list[str]]]:
    """The values of several filters with the same field and operator, together."""
    grouped: dict[tuple[str, Op], list[str]] = {}
    for filter in filters:
        grouped.setdefault((filter.field, filter.op), []).extend(filter.values)
    return [(field, op, values) for (field, op), values in grouped.items()]


def _by_ids(filter: Filter) -> bool:
    """Whether a filter on `person` can be asked by the ids that stand for a person, without joining every event."""
    return filter.field == "person" and POSITIVE.get(filter.op, filter.op) is Op.IS


def _condition(asked: _Asked, field: str, op: Op, values: Sequence[str]) -> ir.BooleanValue:
    positive = _positive(asked, field, POSITIVE.get(op, op), values)
    return ~positive.fill_null(False) if op in POSITIVE else positive


def _positive(asked: _Asked, field: str, op: Op, values: Sequence[str]) -> ir.BooleanValue:
    """Whether any of the values, none of which is empty, matches; null or false where the field is empty."""
    snapshot, events, _ = asked
    if op in NUMBER:
        number = _number(field, events)
        return ibis.or_(*(_COMPARE[op](number, float(value)) for value in values))
    if op is Op.IS_SET:
        return text_of(field, events).notnull()
    if field == "event_id":
        ids = [UUID(value) for value in values]
        return of_ids(events, ids) & at_times(events, times_of(snapshot, ids))
    if field == "person" and op is Op.IS:
        return of_people(snapshot, events, values)
    if field == "customer_id" and op is Op.IS:
        return of_customers(snapshot, events, values)
    if field == "ip":
        return _address_matches(asked, op, values)
    return _text_matches(_plain(field, events), op, values)


def of_ids(events: ir.Table, ids: Sequence[UUID]) -> ir.BooleanValue:
    """Whether `event_id` is one of these. Asked of the number first, which is read in a tenth of the time."""
    numbers = among_numbers(events.id_number, [id_number(each) for each in ids])
    return numbers & among(events.event_id, [ibis.uuid(str(each)) for each in ids])


def times_of(snapshot: Snapshot, ids: Sequence[UUID]) -> list[datetime]:
    """When events with these ids occurred, oldest first, and perhaps others."""
    numbers = [id_number(each) for each in ids]

    def ask(within: Bounds) -> pa.Table:
        events = snapshot.for_look_ups("by_id", ("id_number", "occurred_at"), within)
        wanted = among_numbers(events.id_number, numbers), *_inside(events, within)
        return snapshot.fetch(events.filter(*wanted).select("occurred_at"))

    days = snapshot.days.of(snapshot.version)
    if not days:
        return []
    always = whole_day(min(days))[0], whole_day(max(days))[1]
    told = once(snapshot, ("times", *numbers), lambda: pa.concat_tables(at_once(ask, sides(snapshot, always))))
    return sorted(told["occurred_at"].to_pylist())


def at_times(events: ir.Table, times: Sequence[datetime]) -> ir.BooleanValue:
    """Whether an event occurred at one of these, or, of many, between the first and the last of them, which are in
    order: the engine reads what lies about there alone."""
    at = events.occurred_at
    if len(times) <= FEW:
        return of_few(at, [instant(each) for each in times])
    return (at >= instant(times[0])) & (at <= instant(times[-1]))


def _plain(field: str, events: ir.Table) -> ir.StringValue:
    """A field's text where empty needs not be told from missing: a column as it is, which the engine reads fastest."""
    stored = metadata_key(field) is None and field_type(field) == "string"
    return events[field] if stored else text_of(field, events)


def _text_matches(text: ir.StringValue, op: Op, values: Sequence[str]) -> ir.BooleanValue:
    if op is Op.CONTAINS:
        # The engine lowers both sides, so that both follow the same table of Unicode.
        return ibis.or_(*(text.lower().contains(ibis.literal(value).lower()) for value in values))
    if op is Op.STARTS_WITH:
        return ibis.or_(*(text.startswith(value) for value in values))
    return among(text, values)


def _address_matches(asked: _Asked, op: Op, values: Sequence[str]) -> ir.BooleanValue:
    address = asked.events.ip
    if op is Op.IN_NETWORK:
        return addresses.in_networks(address, values, _with_colon(asked))
    if op is Op.IS:
        wanted = _spellings(asked.snapshot, asked.bounds, values)
        return among_numbers(asked.events.ip_number, [ip_number(text) for text in wanted]) & among(address, wanted)
    mapped = _mapped(asked.snapshot, asked.bounds)
    matches = _text_matches(address, op, values)
    if not mapped:
        return matches
    chosen = [text for text, ipv4 in mapped.items() if any(_ipv4_matches(ipv4, op, value) for value in values)]
    return ibis.cases((among(address, mapped), among(address, chosen)), else_=matches)


def _spellings(snapshot: Snapshot, bounds: Bounds, values: Sequence[str]) -> list[str]:
    """Those addresses, in order, as events within bounds spell them."""
    wanted = {addresses.unmapped_text(value) for value in values}
    return sorted(wanted | {text for text, ipv4 in _mapped(snapshot, bounds).items() if ipv4 in wanted})


def _ipv4_matches(ipv4: str, op: Op, value: str) -> bool:
    return value.lower() in ipv4 if op is Op.CONTAINS else ipv4.startswith(value)


def _with_colon(asked: _Asked) -> list[str]:
    """The distinct addresses that hold a colon: IPv6, whose many spellings only a library tells apart."""
    events = asked.events
    told = asked.snapshot.fetch(events.filter(events.ip.contains(":")).select("ip").distinct())
    return [str(text) for text in told["ip"]]


class _Spelt(dict[str, str]):
    """The IPv4-mapped addresses of a day, each with its IPv4 spelling."""

    @property
    def nbytes(self) -> int:
        return 300 * len(self)


def _mapped(snapshot: Snapshot, within: Bounds) -> Mapping[str, str]:
    """The IPv4-mapped addresses of these days."""

    def ask(bounds: Bounds) -> Mapping[date, _Spelt]:
        told = mapped_addresses(snapshot, bounds)
        spelt: dict[date, _Spelt] = {}
        for number, text in zip(told["day"].to_pylist(), told["ip"].to_pylist(), strict=True):
            spelt.setdefault(day_of(number), _Spelt()).update(addresses.mapped([text]))
        return spelt

    def known(piece: Piece) -> _Spelt | None:
        told = None if snapshot.masked else snapshot.days.files.read(piece.name, MAPPED)
        return None if told is None else _Spelt(addresses.mapped(told["ip"].to_pylist()))

    return ChainMap(*by_day(snapshot, whole_days(within), "mapped addresses", ask, _Spelt(), known))


def mapped_addresses(snapshot: Snapshot, bounds: Bounds) -> pa.Table:
    """(ip, day): the addresses of each day that may be IPv4-mapped ones, all of which hold `ffff`."""
    events = between(snapshot.table("events", columns_of(["ip"])), bounds)
    events = events.filter(events.ip.contains(":"), events.ip.lower().contains("ffff"))
    return snapshot.fetch(events.select("ip", day=day_number(events.occurred_at)).distinct())


def _number(field: str, events: ir.Table) -> ir.NumericValue:
    """A number field; or, of the metadata, a JSON number or decimal text as a double; null where it is neither."""
    key = metadata_key(field)
    if key is None:
        return events[field]
    text = json_text(events.properties, key)
    numeric = ~json_is_text(events.properties, key) | text.re_search(_DECIMAL)
    return ibis.cases((numeric, text.try_cast("float64")))


def _narrowed(bounds: Bounds, within: Bounds | None) -> Bounds:
    return bounds if within is None else (max(bounds[0], within[0]), min(bounds[1], within[1]))
