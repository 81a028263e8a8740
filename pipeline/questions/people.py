"""Who an event belongs to: `person`, `name` and `email`, joined in when a question asks for them.

A person is the customer of the event; else the customer to whom the visitor was first linked; else the visitor
("Customers and visitors" in docs/semantics.md). `name` and `email` are the latest traits of that same customer, so
what a reader did before registering carries their name as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.questions.functions import among, among_numbers
from pipeline.questions.once import once
from pipeline.questions.snapshot import Snapshot

TRAITS = ("name", "email")
JOINED = frozenset({"person", *TRAITS})
CUSTOMER, VISITOR = "c:", "a:"  # what a person begins with
Numbers = npt.NDArray[np.integer]

_NOBODY: Numbers = np.empty(0, np.int32)
_MANY = 3_000_000  # people, not to be held in memory at once
_FEW = 5_000  # to look up; of more, all are read


def first_links(links: ir.Table) -> ir.Table:
    """(anonymous_id, customer_id): the customer each visitor was first linked to, by `received_at`, then `event_id`."""
    links = links.filter(links.anonymous_id.nullif("").notnull(), links.customer_id.nullif("").notnull())
    first = links.customer_id.first(order_by=[links.received_at, links.event_id])
    return links.group_by("anonymous_id").agg(customer_id=first)


def linked_numbers(snapshot: Snapshot) -> Numbers:
    """By a number of the lake's, the number of the person: of a visitor, the customer they were first linked to. Asked
    once for all questions about one version of the lake; not to be written to."""
    return once(snapshot, "linked numbers", lambda: _linked_numbers(snapshot))


def _linked_numbers(snapshot: Snapshot) -> Numbers:
    visitors, customers = _first_numbers(snapshot, snapshot.links)
    most = snapshot.fetch(snapshot.people.number.max().name("most").as_table())["most"][0].as_py()
    person: Numbers = np.arange((most or 0) + 1, dtype=np.int32)
    person[visitors] = customers
    person.flags.writeable = False
    return person


def _first_numbers(snapshot: Snapshot, links: ir.Table) -> tuple[Numbers, Numbers]:
    """`first_links` by numbers: visitors, and beside each their customer."""
    links = links.filter(links.visitor_number.notnull(), links.customer_number.notnull())
    told = snapshot.fetch(links.select("visitor_number", "customer_number"))
    if _repeats(told["visitor_number"].to_numpy()):  # the lake adds a link only when it is told an earlier one
        first = links.customer_number.first(order_by=[links.received_at, links.event_id])
        told = snapshot.fetch(links.group_by("visitor_number").agg(customer_number=first))
    return told["visitor_number"].to_numpy(), told["customer_number"].to_numpy()


def _repeats(numbers: Numbers) -> bool:
    """Whether any number is there twice. They are marked sooner than a set is made of them."""
    seen = np.zeros(int(numbers.max(initial=0)) + 1, dtype=bool)
    seen[numbers] = True
    return int(np.count_nonzero(seen)) < len(numbers)


@dataclass(frozen=True, slots=True)
class Everybody:
    """Who an event's `person_number` stands for, of all people or of some at once: a question that reads its events
    slice by slice would join all of them for each."""

    _row: pa.Array  # by number, the place of its person in `_told`; null for a number that nobody has
    _told: Mapping[str, pa.Array]

    def of(self, numbers: pa.Array, field: str) -> pa.Array:
        """`person`, `name` or `email` of events with these numbers; null where there is none."""
        return self._told[field].take(self._row.take(numbers))


def everybody(snapshot: Snapshot) -> Everybody | None:
    """Everybody in the lake, in some 60 bytes each; None when they are too many for that."""
    person = linked_numbers(snapshot)
    return None if len(person) > _MANY else _told(snapshot, person, snapshot.people, snapshot.traits)


def some(snapshot: Snapshot, numbers: pa.Array) -> Everybody:
    """Those of these numbers alone, looked up; null is nobody."""
    links, people, traits = snapshot.links, snapshot.people, snapshot.traits
    asked = numbers.drop_null()
    theirs = links.filter(among_numbers(links.visitor_number, asked.to_pylist()))
    visitors, customers = _first_numbers(snapshot, theirs)
    wanted = np.union1d(asked.to_numpy(), customers).astype(np.int64)
    person: Numbers = np.arange(int(wanted.max(initial=0)) + 1, dtype=np.int32)
    person[visitors] = customers
    people = people.filter(among_numbers(people.number, wanted.tolist()))
    ids = people.select(_id=people.person.substr(len(CUSTOMER)))
    return _told(snapshot, person, people, traits.semi_join(ids, traits.customer_id == ids["_id"]))


def _told(snapshot: Snapshot, person: Numbers, people: ir.Table, traits: ir.Table) -> Everybody:
    """Of `people` alone; `person` is by number that of whom it stands for."""
    latest = latest_traits(traits)
    traits = latest.select(*TRAITS, _who=ibis.literal(CUSTOMER) + latest.customer_id)
    told = snapshot.fetch(people.left_join(traits, people.person == traits["_who"]).select("number", "person", *TRAITS))
    rows = np.full(len(person), -1, dtype=np.int32)
    rows[told["number"].to_numpy()] = np.arange(len(told), dtype=np.int32)
    row = rows[person]
    return Everybody(pa.array(row, mask=row < 0), {name: told[name].combine_chunks() for name in ("person", *TRAITS)})


def persons(snapshot: Snapshot, numbers: Numbers) -> pa.Array:
    """`person` of each of these numbers, in their order."""
    people = snapshot.people
    if len(numbers) <= _FEW:
        people = people.filter(among_numbers(people.number, numbers.tolist()))
    known = snapshot.fetch(people.select("number", "person").order_by("number"))
    return known["person"].combine_chunks().take(pa.array(np.searchsorted(known["number"].to_numpy(), numbers)))


def latest_traits(traits: ir.Table) -> ir.Table:
    """(customer_id, name, email): the latest of each, by `received_at`; what a later event leaves out stays."""

    def latest(trait: ir.StringColumn) -> ir.Value:
        return trait.last(where=trait.nullif("").notnull(), order_by=[traits.received_at, traits.event_id])

    return traits.group_by("customer_id").agg(name=latest(traits.name), email=latest(traits.email))


def with_people(snapshot: Snapshot, events: ir.Table, fields: Collection[str]) -> ir.Table:
    """`events` (with `customer_id` and `anonymous_id`) and those of `person`, `name`, `email` that are in `fields`."""
    wanted = JOINED.intersection(fields)
    if not wanted:
        return events
    linked = first_links(snapshot.links).rename(_visitor="anonymous_id", _linked="customer_id")
    events = events.left_join(linked, events.anonymous_id == linked["_visitor"]).drop("_visitor")
    customer = ibis.coalesce(events.customer_id.nullif(""), events["_linked"])
    events = events.mutate(_customer=customer).drop("_linked")
    if "person" in wanted:
        visitor = ibis.literal(VISITOR) + events.anonymous_id.nullif("")
        events = events.mutate(person=ibis.coalesce(ibis.literal(CUSTOMER) + events["_customer"], visitor))
    if wanted != {"person"}:
        traits = latest_traits(snapshot.traits).rename(_named="customer_id")
        traits = traits.select("_named", *sorted(wanted - {"person"}))
        events = events.left_join(traits, events["_customer"] == traits["_named"]).drop("_named")
    return events.drop("_customer")


def identify(
    snapshot: Snapshot, customer_id: str | None, anonymous_id: str | None, number: int | None = None
) -> dict[str, str | None]:
    """`person`, `name` and `email` of an event with these ids, by a look-up rather than a join. `number` is its
    `person_number`, when known: found in a third of the time that an id takes."""
    customer = customer_id or None
    if customer is None and anonymous_id:
        links = snapshot.links
        theirs = links.anonymous_id == anonymous_id if number is None else links.visitor_number == number
        rows = snapshot.fetch(first_links(links.filter(theirs))).to_pylist()
        customer = rows[0]["customer_id"] if rows else None
    if customer is None:
        return {"person": VISITOR + anonymous_id if anonymous_id else None, "name": None, "email": None}
    traits = snapshot.traits
    rows = snapshot.fetch(latest_traits(traits.filter(traits.customer_id == customer))).to_pylist()
    known = rows[0] if rows else {"name": None, "email": None}
    return {"person": CUSTOMER + customer, "name": known["name"], "email": known["email"]}


def of_people(snapshot: Snapshot, events: ir.Table, people: Collection[str]) -> ir.BooleanValue:
    """Whether `person` is one of `people`, asked without the join: by the ids that stand for those people."""
    if _numbered(snapshot, events):
        return among_numbers(events.person_number, _recalled(snapshot, "people", people, _numbers_of_people))
    customers = [person.removeprefix(CUSTOMER) for person in people if person.startswith(CUSTOMER)]
    visitors = [person.removeprefix(VISITOR) for person in people if person.startswith(VISITOR)]
    first = _first_customers(snapshot, customers, visitors)
    wanted = set(customers)
    anonymous = [visitor for visitor, customer in first.items() if customer in wanted]
    anonymous += [visitor for visitor in visitors if visitor not in first]
    customer_id = events.customer_id.nullif("")
    return among(customer_id, customers) | (customer_id.isnull() & among(events.anonymous_id.nullif(""), anonymous))


def of_customers(snapshot: Snapshot, events: ir.Table, customers: Collection[str]) -> ir.BooleanValue:
    """Whether `customer_id` is one of `customers`."""
    if _numbered(snapshot, events):
        named = [CUSTOMER + customer for customer in customers]
        return among_numbers(events.person_number, _recalled(snapshot, "named", named, _numbers_of))
    return among(events.customer_id, customers)


def _recalled(
    snapshot: Snapshot, what: str, asked: Collection[str], ask: Callable[[Snapshot, Collection[str]], Numbers]
) -> list[int]:
    """The people's numbers that `ask` gives."""
    numbers: list[int] = once(snapshot, (what, *asked), lambda: ask(snapshot, asked)).tolist()
    return numbers


def _numbers_of(snapshot: Snapshot, named: Collection[str]) -> Numbers:
    """The lake's numbers of these (`c:…`, `a:…`), of which an event's `person_number` is the customer's or else the
    visitor's: read in a fraction of the time that the ids take."""
    if not named:
        return _NOBODY
    people = snapshot.people
    numbers: Numbers = snapshot.fetch(people.filter(among(people.person, named)).select("number"))["number"].to_numpy()
    return numbers


def _numbers_of_people(snapshot: Snapshot, people: Collection[str]) -> Numbers:
    """The numbers that stand for these people: of customers their own and those of the visitors that were first linked
    to them; of visitors their own, unless they have become a customer."""
    customers, visitors = (
        _numbers_of(snapshot, [person for person in people if person.startswith(kind)]) for kind in (CUSTOMER, VISITOR)
    )
    linked, theirs = _linked(snapshot, customers, visitors)
    return np.concatenate([customers, linked[np.isin(theirs, customers)], np.setdiff1d(visitors, linked)])


def _linked(snapshot: Snapshot, customers: Numbers, visitors: Numbers) -> tuple[Numbers, Numbers]:
    """Of these visitors and of all that were ever linked to these customers, by numbers: those who were linked to any
    customer, and beside each the first one."""
    links = snapshot.links
    told = links.filter(among_numbers(links.customer_number, customers.tolist())).select("visitor_number")
    ever = snapshot.fetch(told)["visitor_number"].drop_null().to_numpy() if len(customers) else _NOBODY
    asked = np.union1d(ever, visitors)
    if not len(asked):
        return _NOBODY, _NOBODY
    return _first_numbers(snapshot, links.filter(among_numbers(links.visitor_number, asked.tolist())))


def customers_containing(snapshot: Snapshot, text: str) -> bool:
    """Whether the id of any customer of the lake may contain `text`, whatever the case. Asked of people, of whom there
    are far fewer than events."""
    if snapshot.masked:  # whose ids are hidden otherwise there
        return True
    person = snapshot.people.person
    customers = person.startswith(CUSTOMER) & person.substr(len(CUSTOMER)).lower().contains(ibis.literal(text).lower())
    return bool(snapshot.fetch(snapshot.people.filter(customers).select("number").limit(1)).num_rows)


def _numbered(snapshot: Snapshot, events: ir.Table) -> bool:
    """Whether ids are the lake's own, and not hidden ones that it has no numbers of."""
    return not snapshot.masked and "person_number" in events.columns


def visitors_of(snapshot: Snapshot, customer_id: str) -> list[str]:
    """The anonymous ids that were first linked to a customer, in order."""
    first = _first_customers(snapshot, [customer_id], [])
    return sorted(visitor for visitor, customer in first.items() if customer == customer_id)


def _first_customers(snapshot: Snapshot, customers: Collection[str], visitors: Collection[str]) -> dict[str, str]:
    """The first customer of each of `visitors` and of each visitor ever linked to any of `customers`."""
    links = snapshot.links
    told = links.filter(among(links.anonymous_id, visitors) | among(links.customer_id, customers)).anonymous_id
    rows = snapshot.fetch(first_links(links.filter(links.anonymous_id.isin(told)))).to_pylist()
    return {row["anonymous_id"]: row["customer_id"] for row in rows}
