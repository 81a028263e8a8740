"""The URL is the state: pages read their view from it, and whatever the reader does becomes a new URL.

So Back, reload, bookmarks and links need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from pipeline.errors import QuestionError
from pipeline.event import FIELD, Op
from pipeline.questions.filters import Filter, metadata_field
from pipeline.questions.ranges import Days, Instants
from pipeline.questions.view import View

KNOWN_CUSTOMERS = Filter("customer_id", Op.IS_SET)
NO_BOTS = Filter("device", Op.IS_NOT, ("Bot",))


def query() -> str:
    """The page's query string as the browser shows it."""
    given = st.query_params
    return urlencode([(name, value) for name in given for value in given.get_all(name)])


def read(now: datetime, zone: ZoneInfo, also: Collection[str] = ()) -> View:
    """Raises `QuestionError` for what the URL says and nobody understands; `also` are the page's own parameters."""
    return View.parse(query(), now=now, zone=zone, also=also)


def write(view: View, also: Mapping[str, str] | None = None, without: Collection[str] = ()) -> None:
    """Go to another view, in one step of the browser's history; `also` are the page's own parameters."""
    given = parse_qs(view.query(), keep_blank_values=True)
    st.query_params.from_dict({**(also or {}), **{name: given[name] for name in given if name not in without}})


def as_of() -> int | None:
    """The snapshot the URL asks for, needed before the view can be read; nonsense is reported with the rest."""
    text = st.query_params.get("as_of", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def condition(field: str, op: str, value: str | None, key: str | None = None) -> Filter:
    """One condition as a click or the filter bar gives it. An absent value asks for rows where the field is empty."""
    if field == "properties" and key is not None:
        field = metadata_field(key)
    if value is None or value == "":
        return Filter(field, Op.IS_NOT_SET if op == Op.IS else Op.IS_SET)
    if field in FIELD and FIELD[field].type == "integer":
        op = {"is": Op.EQ, "is_not": Op.NE}.get(op, op)
    return Filter(field, Op(op) if op in set(Op) else op, (value,))  # type: ignore[arg-type]


def narrowed(view: View, added: Filter) -> View:
    """The view with one more condition; values of the same field and operator join in one chip."""
    filters = list(view.filters)
    for at, present in enumerate(filters):
        if (present.field, present.op) == (added.field, added.op) and added.values:
            values = tuple(dict.fromkeys((*present.values, *added.values)))
            filters[at] = replace(present, values=values)
            return view.with_(filters=tuple(filters))
    return view.plus(added)


def toggled(view: View, condition: Filter, on: bool) -> View:
    return view.plus(condition) if on else view.minus(condition)


def between(start: str, end: str) -> Days | Instants:
    """A brushed range: from the first bucket's start to the last one's end, as days where they are days."""
    if "T" in start:
        return Instants(datetime.fromisoformat(start), datetime.fromisoformat(end))
    return Days(date.fromisoformat(start), date.fromisoformat(end))


def after(view: View, action: Mapping[str, Any]) -> View:
    """The view that a reader's action in a component leads to. Raises `QuestionError` for one that has no meaning."""
    match action:
        case {"do": "open", "id": str(event)}:
            return view.with_(event=event)
        case {"do": "close"}:
            return view.with_(event=None)
        case {"do": "filter", "field": str(field), "op": str(op), **rest}:
            value = rest.get("value")
            return narrowed(view, condition(field, op, None if value is None else str(value), rest.get("key")))
        case {"do": "remove", "index": int(index)} if index < len(view.filters):
            return view.with_(filters=view.filters[:index] + view.filters[index + 1 :])
        case {"do": "range", "from": str(start), "to": str(end)}:
            return view.with_(range=between(start, end))
        case {"do": "person", "value": str(person)}:
            return view.with_(filters=(Filter("person", Op.IS, (person,)),))
        case {"do": "page", "page": int(page)}:
            return view.with_(page=page, event=None)
        case _:
            raise QuestionError("That cannot be done here.", code="page.unknown_action")
