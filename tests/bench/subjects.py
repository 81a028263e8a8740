"""What the list questions are asked about: customers, addresses, paths and events that the data set really has.

Each question goes round several of them, so that an answer that is merely remembered does not pass for a quick one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.lake import Lake
from pipeline.questions import activity
from pipeline.questions.activity import ROWS, STORED_FIELDS, Mark
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests.bench.dataset import DataSet

_PLACES = 6  # pages of the list, evenly spread, that customers, addresses and events are taken from
_DEEP = 10_000  # the page that deep paging is asked for, where there are as many

EVENTS = ("Modal Displayed", "Registered", "Video Played", "Page Viewed", "Comment Posted")
PATHS = ("/news", "/", "/news/a-story-worth-reading-120", "/culture/a-story-worth-reading-2001", "/opinion")
REFERRERS = ("google", "facebook.com", "t.co/00", "blog-1", "a-story-worth")
ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Subjects:
    """`deep` and `last` are pages of the list of `whole`, the view of all days (or of 60, where there are more)."""

    recent: str
    whole: str
    end: datetime
    deep: int
    last: int
    customers: tuple[str, ...]
    addresses: tuple[str, ...]
    marks: tuple[Mark, ...]

    def view(self, query: str) -> View:
        return View.parse(query, now=self.end, zone=ZONE)


def chosen(data_set: DataSet, lake: Lake) -> Subjects:
    """Of a lake of any size. A customer or address is as busy as one met in the list is."""
    snapshot, days = lake.snapshot(), min(data_set.days, 60)
    whole = data_set.view(days)
    view = View.parse(whole, now=data_set.end, zone=ZONE)
    counted = timeline(snapshot, view)
    last = max(1, -(-counted.total // ROWS))
    pages = [view.with_(page=1 + place * last // _PLACES) for place in range(_PLACES)]
    rows = [row for each in pages for row in activity.page(snapshot, each, counted=counted, fields=STORED_FIELDS).rows]
    rows = rows[:: max(1, len(rows) // 100)]
    return Subjects(
        recent=data_set.view(min(data_set.days, 14)),
        whole=whole,
        end=data_set.end,
        deep=min(_DEEP, last),
        last=last,
        customers=tuple(dict.fromkeys(row["customer_id"] for row in rows if row["customer_id"]))[:25],
        addresses=tuple(dict.fromkeys(row["ip"] for row in rows))[:25],
        marks=tuple(Mark(row["event_id"], row["occurred_at"]) for row in rows)[:25],
    )
