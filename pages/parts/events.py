"""An event as the browser gets it: a flat record of texts, and which fields the inspector shows in which section."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from pages.parts import words
from pipeline.event import FIELDS, Field, Group
from pipeline.questions.view import View

# Rows carry the whole event, so that a click paints the inspector at once; longer metadata follows when opened, and so
# does what was not read (`missing`).
CARRIED = 4_000

_SECTIONS: tuple[tuple[str, Group, bool], ...] = (
    ("Customer", "who", False),
    ("Geo", "geo", False),
    ("Page", "page", False),
    ("Device", "device", False),
    ("Where it came from", "identity", True),
)
_FIRST = ("customer_id", "name", "email", "ip", "anonymous_id")  # then the rest of the group
_LINKS = {"url", "referrer"}
_MONO = {"customer_id", "anonymous_id", "person", "event_id", "message_id", "object_key", "ip"}
# Shown as “—” when empty; every other field is left out then.
_ALWAYS = {
    "person",
    "customer_id",
    "name",
    "email",
    "ip",
    "country",
    "region",
    "city",
    "timezone",
    "url",
    "path",
    "domain",
    "referrer",
    "device",
    "browser",
    "os",
}
_HIDDEN = {"properties", "country_code"}  # the metadata tree, and the flag
_LABELS = {"customer_id": "ID"}


def schema(offered: Collection[Field]) -> list[dict[str, Any]]:
    """The inspector's sections, derived from the declaration of an event; `offered` are the fields to filter by."""
    return [
        {"title": title, "folded": folded, "fields": [_described(field, field in offered) for field in _fields(group)]}
        for title, group, folded in _SECTIONS
    ]


def _fields(group: Group) -> Iterable[Field]:
    groups = (group, "rest", "when") if group == "identity" else (group,)
    shown = [field for field in FIELDS if field.group in groups and field.name not in _HIDDEN]
    return sorted(shown, key=lambda field: _FIRST.index(field.name) if field.name in _FIRST else len(_FIRST))


def _described(field: Field, offered: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": _LABELS.get(field.name, field.label),
        "filterable": offered,
        "optional": field.name not in _ALWAYS,
        "link": field.name in _LINKS,
        "mono": field.name in _MONO,
        "pinned": field.name == "customer_id",
        "customers": field.name in {"name", "email"},
    }


def record(row: Mapping[str, Any], view: View, *, whole: bool = False) -> dict[str, Any]:
    """One event as JSON-safe values. Without `whole`, long metadata is left out and marked `cut`."""
    values: dict[str, Any] = {}
    for field in FIELDS:
        value = row.get(field.name)
        values[field.name] = words.iso(value) if isinstance(value, datetime) else None if value is None else str(value)
    at: datetime = row["occurred_at"]
    values["line"] = row.get("line")
    values["missing"] = [field.name for field in FIELDS if field.name not in row]
    values["time"] = words.short_time(at, view)
    values["time_full"] = words.iso(at)
    values["time_long"] = words.long_time(at, view.zone, values["timezone"])
    if not whole and len(values["properties"] or "") > CARRIED:
        values |= {"properties": None, "cut": True}
    return values
