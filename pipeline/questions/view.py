"""A view: a range plus filters, wholly described by its URL ("A view" in docs/semantics.md).

The query string is a contract, the same on the page and on the command line:

    range=24H|7D|14D|30D|90D   or   from=YYYY-MM-DD&to=YYYY-MM-DD
    f=FIELD OP VALUE           repeated; several values joined by |, with \\| and \\\\ as escapes
    page=N   event=ID   as_of=SNAPSHOT
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from pipeline.errors import QuestionError, did_you_mean
from pipeline.questions.filters import Filter
from pipeline.questions.ranges import DEFAULT, Bounds, Preset, Range, parse_range

PARAMETERS: Mapping[str, str] = {
    "range": "24H, 7D, 14D (default), 30D or 90D: calendar days in the display zone, today included; 24H is rolling",
    "from": "first day, YYYY-MM-DD, included (or an instant like 2026-11-23T14:30:00Z)",
    "to": "last day, YYYY-MM-DD, included (or an instant, not included)",
    "f": "a filter, FIELD OP VALUE; may be repeated: filters AND together, values joined by | OR together",
    "page": "page of the list, from 1, 50 rows each",
    "event": "id of the event that is open",
    "as_of": "snapshot of the lake to read instead of the newest",
}
_REPEATED = frozenset({"f"})
_LARGEST = 10**12  # of a page or snapshot number: far above any real one, far below any engine's limit


@dataclass(frozen=True, slots=True)
class View:
    """A frozen question: which events, seen when and in which zone.

    `now` is passed in, never read inside, so the same view always means the same events.
    `View.parse(v.query(), now=v.now, zone=v.zone) == v`.
    """

    now: datetime
    zone: ZoneInfo
    range: Range = field(default_factory=lambda: Preset(DEFAULT))
    filters: tuple[Filter, ...] = ()
    page: int = 1
    event: str | None = None
    as_of: int | None = None

    @classmethod
    def parse(cls, query: str, *, now: datetime, zone: ZoneInfo, also: Collection[str] = ()) -> View:
        """Read a query string, with or without its leading `?`; `also` names parameters that belong to the caller.

        Raises QuestionError (UnknownField, UnknownOperator) for anything that is not understood.
        """
        given: dict[str, list[str]] = {}
        for name, value in _pairs(query.removeprefix("?")):
            if name not in PARAMETERS and name not in also:
                known = [*PARAMETERS, *also]
                hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
                raise QuestionError(f"There is no parameter {name!r}.", hint=hint, code="view.unknown_parameter")
            given.setdefault(name, []).append(value)
        for name in PARAMETERS:
            if name not in _REPEATED and len(given.get(name, ())) > 1:
                raise QuestionError(f"The parameter {name!r} is given twice.", code="view.parameter_twice")
        single = {name: values[0] for name, values in given.items()}
        return cls(
            now=now,
            zone=zone,
            range=parse_range(single.get("range"), single.get("from"), single.get("to")),
            filters=tuple(Filter.parse(text) for text in given.get("f", ())),
            page=_whole("page", single.get("page", "1"), least=1),
            event=event_id(single["event"]) if "event" in single else None,
            as_of=_whole("as_of", single["as_of"], least=0) if "as_of" in single else None,
        )

    def query(self) -> str:
        """The canonical query string, without a leading `?`; what is at its default is left out, but for the range."""
        pairs = [*self.range.parameters(), *(("f", filter.text()) for filter in self.filters)]
        if self.page != 1:
            pairs.append(("page", str(self.page)))
        if self.event is not None:
            pairs.append(("event", self.event))
        if self.as_of is not None:
            pairs.append(("as_of", str(self.as_of)))
        return urlencode(pairs, quote_via=quote, safe="")

    def bounds(self) -> Bounds:
        """The time covered, `[from, to)`, as UTC instants."""
        return self.range.bounds(self.now, self.zone)

    def with_(self, **changes: Any) -> Self:
        """A changed copy. Another range or other filters lead back to page 1 with no event open, unless given."""
        if {"range", "filters"} & changes.keys():
            changes = {"page": 1, "event": None, **changes}
        return replace(self, **changes)

    def plus(self, *filters: Filter) -> Self:
        """This view narrowed by more filters; one that is there already is not added again."""
        return self.with_(filters=tuple(dict.fromkeys((*self.filters, *filters))))

    def minus(self, *filters: Filter) -> Self:
        """This view without these filters."""
        return self.with_(filters=tuple(filter for filter in self.filters if filter not in filters))

    def pinned(self, version: int) -> Self:
        """The view that *Copy link* gives: absolute dates and a snapshot, so that it means the same tomorrow."""
        return replace(self, range=self.range.absolute(self.now, self.zone), as_of=version)

    def scope(self) -> Self:
        """What decides which events are in the view: two views with equal scopes and snapshots hold the same events.

        For use as a cache key: the range is absolute and page, open event and snapshot are set aside. A 24H view
        moves with every microsecond, so give views of one page the same `now`.
        """
        absolute = self.range.absolute(self.now, self.zone)
        return replace(self, now=self.bounds()[1], range=absolute, page=1, event=None, as_of=None)


def event_id(text: str) -> str:
    """An event's id in its canonical spelling. Raises QuestionError."""
    try:
        return str(UUID(text))
    except ValueError:
        raise QuestionError(f"{text!r} is not an event id.", hint="It is a UUID.", code="view.event_id") from None


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise QuestionError(
            f"The query string {query!r} cannot be read.",
            hint="It looks like range=7D&f=country%20is%20France, percent-encoded as UTF-8.",
            code="view.malformed",
        ) from None


def _whole(name: str, text: str, *, least: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) < _LARGEST:
        return int(text)
    raise QuestionError(f"{name}={text} is not a number from {least}.", code="view.not_a_number")
