"""A funnel page's URL: `?funnel=JSON`, and what is open on the page. Reading it is the page's whole state.

funnel=JSON        the funnel, as `Funnel.spec()` writes it; none is the first template
as_of=SNAPSHOT     the data it is asked of, else the newest
people=dropped:2   the people listed, on `page=N`; `of="France"` (JSON) narrows them to a value of the breakdown
compare=before     or a filter: a second funnel beside it; `side=2` lists its people
trend=week         the trend by week
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from pages.parts.funnels.templates import TEMPLATES
from pipeline.errors import QuestionError, did_you_mean
from pipeline.event import NEGATIVE
from pipeline.questions.filters import Filter
from pipeline.questions.funnel import Funnel, Group
from pipeline.questions.view import View

BEFORE = "before"
OTHER = {"other": True}  # how `of` names all values that have no row of their own
_PARAMETERS = ("funnel", "as_of", "people", "of", "page", "compare", "side", "trend")
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Behind:
    """Whose list is open: a group of the funnel's people, of one value of the breakdown if `narrowed`."""

    group: Group
    narrowed: bool = False
    value: str | None = None
    other: bool = False
    side: int = 1
    page: int = 1

    def text(self) -> str:
        return "converted" if self.group.kind == "converted" else f"{self.group.kind}:{self.group.step}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for."""

    funnel: Funnel
    as_of: int | None = None
    behind: Behind | None = None
    compare: str | Filter | None = None
    weekly: bool = False

    def of(self, funnel: Funnel) -> Asked:
        """The same page about another funnel, with nobody listed: the list was of people it may not have."""
        return replace(self, funnel=funnel, behind=None)

    def query(self) -> str:
        return urlencode(_pairs(self), quote_via=quote, safe="")

    def pinned(self, version: int) -> Asked:
        """The same with absolute dates and a snapshot, so that a link means the same tomorrow."""
        return replace(self, funnel=pinned(self.funnel), as_of=version)


def pinned(funnel: Funnel) -> Funnel:
    view = funnel.view
    return replace(funnel, view=replace(view, range=view.range.absolute(view.now, view.zone)))


def canonical(funnel: Funnel) -> str:
    """A funnel's JSON, one spelling for one funnel."""
    return json.dumps(funnel.spec(), ensure_ascii=False, separators=(",", ":"))


def read(now: datetime, zone: ZoneInfo) -> Asked:
    """Raises `QuestionError` for what the URL says and nobody understands."""
    given = st.query_params
    for name in given:
        if name not in _PARAMETERS:
            hint = did_you_mean(name, _PARAMETERS) or f"There are: {', '.join(_PARAMETERS)}."
            raise QuestionError(f"There is no parameter {name!r}.", hint=hint, code="view.unknown_parameter")
    funnel = parse(given["funnel"], now, zone) if "funnel" in given else TEMPLATES[0].funnel(now, zone)
    compare, behind = _compared(given.get("compare")), _behind(funnel)
    if behind is not None and behind.side == 2 and compare is None:
        raise QuestionError("side=2 is of a comparison.", hint="Add compare=before.", code="funnel.people")
    return Asked(funnel, _number("as_of"), behind, compare, _weekly())


def parse(text: str, now: datetime, zone: ZoneInfo) -> Funnel:
    """The funnel that JSON text describes. Raises `QuestionError`."""
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError):
        raise QuestionError(
            "The link’s funnel cannot be read: it is not complete JSON.",
            hint="Copy the whole link again.",
            code="funnel.malformed",
        ) from None
    return Funnel.parse(spec, now=now, zone=zone)


def write(asked: Asked) -> None:
    """Go there, in one step of the browser's history."""
    st.query_params.from_dict(dict(_pairs(asked)))


def narrow(view: View, funnel: Funnel) -> Funnel:
    """The funnel over another range or other filters."""
    return replace(funnel, view=replace(funnel.view, range=view.range, filters=view.filters))


def alternatives(filters: Iterable[Filter], added: Filter) -> bool:
    """Whether a view would take one more condition for an alternative to one it has, and not narrow it."""
    if added.op in NEGATIVE or not added.values:
        return False
    return any((each.field, each.op) == (added.field, added.op) and each != added for each in filters)


def _pairs(asked: Asked) -> list[tuple[str, str]]:
    pairs = [("funnel", canonical(asked.funnel))]
    if asked.as_of is not None:
        pairs.append(("as_of", str(asked.as_of)))
    if asked.compare is not None:
        pairs.append(("compare", asked.compare if isinstance(asked.compare, str) else asked.compare.text()))
    if asked.weekly:
        pairs.append(("trend", "week"))
    return [*pairs, *listed(asked.behind)]


def listed(behind: Behind | None) -> list[tuple[str, str]]:
    """The parameters that name the people listed; the file's address has the same."""
    if behind is None:
        return []
    pairs = [("people", behind.text())]
    if behind.narrowed:
        pairs.append(("of", json.dumps(OTHER if behind.other else behind.value, ensure_ascii=False)))
    if behind.side != 1:
        pairs.append(("side", str(behind.side)))
    if behind.page != 1:
        pairs.append(("page", str(behind.page)))
    return pairs


def _behind(funnel: Funnel) -> Behind | None:
    given = st.query_params
    if "people" not in given:
        return None
    return behind_of(
        funnel, given["people"], given.get("of"), side=_number("side") or 1, page=max(1, _number("page") or 1)
    )


def behind_of(funnel: Funnel, people: str, of: str | None, *, side: int = 1, page: int = 1) -> Behind:
    """The people that `people=` and `of=` name. Raises `QuestionError`."""
    group = Group.parse(people, len(funnel.steps))
    if side not in (1, 2):
        raise QuestionError("There are the sides 1 and 2.", code="funnel.people")
    if of is None:
        return Behind(group, side=side, page=page)
    value = _json_or(of)
    if funnel.breakdown is None or not (value is None or isinstance(value, str) or value == OTHER):
        raise QuestionError(
            f"of={of} names no part of this funnel.",
            hint="Break the funnel down, and click a number of the table.",
            code="funnel.people",
        )
    other = value == OTHER
    return Behind(group, narrowed=True, value=None if other else value, other=other, side=side, page=page)


def _json_or(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _compared(text: str | None) -> str | Filter | None:
    return text if text in (None, BEFORE) else Filter.parse(text)


def _weekly() -> bool:
    text = st.query_params.get("trend", "day")
    if text not in ("day", "week"):
        raise QuestionError(f"There is no trend by {text!r}.", hint="There are: day, week.", code="funnel.trend")
    return text == "week"


def _number(name: str) -> int | None:
    text = st.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        raise QuestionError(f"{name}={text} is not a number.", hint="Write digits only.", code="view.not_a_number")
    return int(text)
