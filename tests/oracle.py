"""The rules of docs/semantics.md ("Time", "A view", "Customers and visitors") in the plainest Python there is.

Slow and obvious on purpose: property tests hold the real engine to it. It shares no code with `pipeline.questions`
but the values `View` and `Filter` themselves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from pipeline.questions.filters import Filter
from pipeline.questions.ranges import Days, Instants
from pipeline.questions.view import View

Event = dict[str, Any]
PRESET_DAYS = {"7D": 7, "14D": 14, "30D": 30, "90D": 90}
NEGATIVE = {"is_not": "is", "not_contains": "contains", "!=": "=", "is_not_set": "is_set"}


@dataclass(frozen=True)
class Oracle:
    """All events of a lake; each has every stored field, and what it tells of traits."""

    events: Sequence[Event]

    def view(self, view: View) -> list[Event]:
        """The events of the view, newest first."""
        chosen = [event for event in self.events if in_range(event["occurred_at"], view)]
        for field, op, values in together(view.filters):
            chosen = [event for event in chosen if self.matches(event, field, op, values)]
        return sorted(chosen, key=lambda event: (event["occurred_at"], event["event_id"]), reverse=True)

    def matches(self, event: Event, field: str, op: str, values: list[str]) -> bool:
        if op in NEGATIVE:
            return not self.matches(event, field, NEGATIVE[op], values)
        if op in ("=", "<", "<=", ">", ">="):
            number = self.number(event, field)
            return number is not None and any(compare(op)(number, float(value)) for value in values)
        text = self.text(event, field)
        if text is None or op == "is_set":
            return text is not None
        if op == "in_network":
            return any(in_network(text, value) for value in values)
        if field == "ip" and op == "is":
            values = [as_ipv4(value) for value in values]
        return any(
            {"is": text == value, "contains": lower(value) in lower(text), "starts_with": text.startswith(value)}[op]
            for value in values
        )

    def text(self, event: Event, field: str) -> str | None:
        """The field as text, None where it is empty."""
        value = self.value(event, field)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return as_ipv4(value) if field == "ip" else value
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def value(self, event: Event, field: str) -> Any:
        if field.startswith("properties."):
            name = field.removeprefix("properties.")
            if name.startswith('"'):
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            return json.loads(event["properties"] or "{}").get(name)
        if field == "person":
            return self.person(event)
        if field in ("name", "email"):
            return self.trait(event, field)
        return event[field]

    def number(self, event: Event, field: str) -> float | None:
        value = self.value(event, field)
        if isinstance(value, bool):
            return None
        if isinstance(value, str) and re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", value):
            return float(value)
        return value if isinstance(value, int | float) else None

    def customer(self, event: Event) -> str | None:
        """The customer of the event, or whom its visitor was first linked to."""
        return event["customer_id"] or self.first_customer.get(event["anonymous_id"])

    @cached_property
    def first_customer(self) -> dict[str, str]:
        """By visitor. An alias call names a previous visitor as well."""
        known = [event for event in self.events if event["customer_id"]]
        known.sort(key=lambda event: (event["received_at"], event["event_id"]), reverse=True)
        visitors = [(event, event.get(id)) for event in known for id in ("anonymous_id", "linked_anonymous_id")]
        return {visitor: event["customer_id"] for event, visitor in visitors if visitor}

    def person(self, event: Event) -> str | None:
        customer = self.customer(event)
        if customer is not None:
            return f"c:{customer}"
        return f"a:{event['anonymous_id']}" if event["anonymous_id"] else None

    def trait(self, event: Event, name: str) -> str | None:
        customer = self.customer(event)
        return None if customer is None else self.latest[name].get(customer)

    @cached_property
    def latest(self) -> dict[str, dict[str, str]]:
        """What was told last of each customer, by trait."""
        told = sorted(self.events, key=lambda event: (event["received_at"], event["event_id"]))
        return {
            name: {event["customer_id"]: event[f"trait_{name}"] for event in told if event[f"trait_{name}"]}
            for name in ("name", "email")
        }

    def counts(self, events: Sequence[Event], field: str) -> Counter[str | None]:
        return Counter(self.text(event, field) for event in events)


def in_range(at: datetime, view: View) -> bool:
    if isinstance(view.range, Instants):
        return view.range.start <= at < view.range.end
    day = at.astimezone(view.zone).date()
    if isinstance(view.range, Days):
        return view.range.first <= day <= view.range.last
    if view.range.name == "24H":
        return view.now - timedelta(hours=24) <= at < view.now
    today = view.now.astimezone(view.zone).date()
    return today - timedelta(days=PRESET_DAYS[view.range.name] - 1) <= day <= today


def together(filters: Sequence[Filter]) -> list[tuple[str, str, list[str]]]:
    """The values of filters with the same field and operator count as one filter's."""
    merged: dict[tuple[str, str], list[str]] = {}
    for filter in filters:
        merged.setdefault((filter.field, filter.op.value), []).extend(filter.values)
    return [(field, op, values) for (field, op), values in merged.items()]


def lower(text: str) -> str:
    """Unicode lower case, a character at a time (no context, one character for one)."""
    return "".join(character.lower()[0] for character in text)


def as_ipv4(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return str(address.ipv4_mapped) if isinstance(address, IPv6Address) and address.ipv4_mapped else text


def in_network(text: str, network: str) -> bool:
    """A network of IPv4-mapped addresses counts as the IPv4 one, like its addresses."""
    wide = ip_network(network)
    if isinstance(wide, IPv6Network) and wide.prefixlen >= 96 and wide.network_address.ipv4_mapped:
        wide = ip_network(f"{wide.network_address.ipv4_mapped}/{wide.prefixlen - 96}")
    try:
        return ip_address(text) in wide
    except ValueError:
        return False


def compare(op: str) -> Callable[[float, float], bool]:
    return {
        "=": lambda a, b: a == b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }[op]
