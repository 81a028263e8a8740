"""The list questions, each asked as the Activity page asks it, below what Streamlit remembers.

The page counts a view by quarter hours once (`timeline`: the count, the chart and the way to any page), reads a page of
it, with all that is stored of each event where they lie close together, and then asks for the panel and for the filter
bar's proposals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.lake import Snapshot
from pipeline.questions import activity, facets
from pipeline.questions.activity import STORED_FIELDS
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests.bench.dataset import DataSet
from tests.bench.subjects import EVENTS, PATHS, REFERRERS, Subjects, chosen

# What `pages.parts.answers` proposes, which cannot be asked without Streamlit; a test holds that it is the same.
PROPOSED = ("event", "modal", "country", "device", "domain", "path", "browser", "referrer_domain")
OF_EACH = 20

Asked = Callable[[], Any]
Ready = Callable[[Snapshot, Subjects, int], Asked]


@dataclass(frozen=True, slots=True)
class Question:
    """`ready` looks up what is known before (not timed) and gives the question; `at_most` are milliseconds, warm."""

    name: str
    ready: Ready
    at_most: float | None = None
    recent: bool = False  # of the last 14 days: as quick over any number of days before them
    again: bool = False  # asked again and again, whenever a batch came
    looked_up: bool = False  # one of many customers or addresses, of whom others were looked up before


def view_of(subjects: Subjects, name: str, turn: int) -> View:
    """The view that a question is about, the `turn`-th time."""
    base, condition = _VIEWS.get(name, ("recent", None))
    query = subjects.recent if base == "recent" else subjects.whole
    if condition is not None:
        query += "&f=" + quote(condition(subjects, turn))
    return subjects.view(query)


def page_of(subjects: Subjects, name: str) -> int:
    """Which page of the list a question is about."""
    return {"page 10,000": subjects.deep, "last page": subjects.last}.get(name, 1)


def mark_of(subjects: Subjects, turn: int) -> activity.Mark:
    """The event that a question by id is about."""
    return subjects.marks[turn % len(subjects.marks)]


def _first_page(name: str) -> Ready:
    def ready(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
        view = view_of(subjects, name, turn)

        def ask() -> tuple[int, list[dict[str, Any]]]:
            counted = activity.counted(snapshot, view, also=STORED_FIELDS)
            return counted.total, activity.page(snapshot, view, counted=counted, also=STORED_FIELDS).rows

        return ask

    return ready


def _page_alone(name: str) -> Ready:
    """A page of a view that has been counted already, as when a reader turns pages."""

    def ready(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
        view = view_of(subjects, name, turn).with_(page=page_of(subjects, name))
        counted = timeline(snapshot, view)
        return lambda: activity.page(snapshot, view, counted=counted, also=STORED_FIELDS).rows

    return ready


def _event(with_time: bool) -> Ready:
    def ready(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
        mark = mark_of(subjects, turn)
        return lambda: activity.event(snapshot, mark.event_id, near=mark.occurred_at if with_time else None)

    return ready


def _neighbours(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
    mark = mark_of(subjects, turn)
    row = activity.event(snapshot, mark.event_id, near=mark.occurred_at)
    assert row is not None
    return lambda: activity.neighbours(snapshot, row)


def _proposals(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
    view = view_of(subjects, "filter bar", turn)
    return lambda: facets.facets(snapshot, view, PROPOSED, OF_EACH)


def _typed(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
    view, text = view_of(subjects, "typed", turn), ("fran", "regist", "cus_0000", "mob", "campaign-1")[turn % 5]
    return lambda: facets.suggestions(snapshot, view, text, limit=12)


def _panel(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
    view = view_of(subjects, "panel", turn)
    counted = timeline(snapshot, view)
    return lambda: facets.glance(snapshot, view, counted=counted)


def _visit(snapshot: Snapshot, subjects: Subjects, turn: int) -> Asked:
    """All that the first draw of a session asks, in its order."""
    view = view_of(subjects, "visit", turn)

    def ask() -> None:
        counted = activity.counted(snapshot, view, also=STORED_FIELDS)
        activity.page(snapshot, view, counted=counted, also=STORED_FIELDS)
        facets.glance(snapshot, view, counted=counted)
        facets.facets(snapshot, view, PROPOSED, OF_EACH)

    return ask


_VIEWS: dict[str, tuple[str, Callable[[Subjects, int], str] | None]] = {
    "no filter": ("recent", None),
    "event": ("recent", lambda subjects, turn: f"event is {EVENTS[turn % len(EVENTS)]}"),
    "path": ("recent", lambda subjects, turn: f"path is {PATHS[turn % len(PATHS)]}"),
    "referrer contains": ("recent", lambda subjects, turn: f"referrer contains {REFERRERS[turn % len(REFERRERS)]}"),
    "customer": (
        "whole",
        lambda subjects, turn: f"customer_id is {subjects.customers[turn % len(subjects.customers)]}",
    ),
    "IP": ("whole", lambda subjects, turn: f"ip is {subjects.addresses[turn % len(subjects.addresses)]}"),
    "page 1": ("whole", None),
    "page 10,000": ("whole", None),
    "last page": ("whole", None),
}

QUESTIONS: dict[str, Question] = {
    question.name: question
    for question in (
        Question("no filter", _first_page("no filter"), 60, recent=True, again=True),
        Question("event", _first_page("event"), 80, recent=True, again=True),
        Question("path", _first_page("path"), 120, recent=True, again=True),
        Question("referrer contains", _first_page("referrer contains"), 200, recent=True),
        Question("customer", _first_page("customer"), 150, again=True, looked_up=True),
        Question("IP", _first_page("IP"), 150, looked_up=True),
        Question("page 1", _page_alone("page 1")),
        Question("page 10,000", _page_alone("page 10,000")),
        Question("last page", _page_alone("last page")),
        Question("event by id", _event(with_time=False), 50),
        Question("event by id and time", _event(with_time=True), 50),
        Question("neighbours", _neighbours),
        Question("filter bar", _proposals, recent=True),
        Question("typed", _typed, recent=True),
        Question("panel", _panel, 250, recent=True, again=True),
        Question("visit", _visit, recent=True, again=True),
    )
}
TOLD = {
    "no filter": "first page + count, no filter, 14 days",
    "event": "first page + count, event, 14 days",
    "path": "first page + count, path, 14 days",
    "referrer contains": "first page + count, referrer contains, 14 days",
    "customer": "first page + count, customer, 60 days",
    "IP": "first page + count, IP, 60 days",
    "page 1": "page 1 of 60 days, counted before",
    "page 10,000": "page 10,000 of it (or the last)",
    "last page": "last page of it",
    "event by id": "event by id",
    "event by id and time": "event by id, its time known",
    "neighbours": "the person's events before and after",
    "filter bar": "facets of the filter bar (8 fields), 14 days",
    "typed": "suggestions for typed text, 14 days",
    "panel": "summary panel, 14 days, counted before",
    "visit": "all that a session's first draw asks, 14 days",
}


class Ours:
    """The product, answering in this process; what it holds was opened here."""

    def __init__(self, data_set: DataSet, subjects: Subjects | None = None) -> None:
        self._lake = data_set.opened()
        self._snapshot = self._lake.snapshot()
        self._subjects = subjects or chosen(data_set, self._lake)

    def ready(self, name: str, turn: int = 0, again: bool = False) -> Asked:
        """A question of `QUESTIONS`; `subjects` asks what they are about here.

        It is new: what this process keeps of days is forgotten, but for what another customer or address left; or with
        `again`, only the newest day is, which is what a
        batch does to a question that was asked before.
        """
        if name == "subjects":
            return lambda: self._subjects
        days = self._snapshot.days
        asked = QUESTIONS[name].ready(self._snapshot, self._subjects, turn)
        days.forget()
        if QUESTIONS[name].looked_up:
            QUESTIONS[name].ready(self._snapshot, self._subjects, turn + 1)()
        if again:
            asked()
            seen = days.of(self._snapshot.version)
            days.forget(seen[max(seen)].mark)
            days.forget(days.whole(self._snapshot.version))
        return asked
