"""The newest events of a view without filters, read while it is counted: what its first page shows.

Both take the engine about as long, and neither needs the other. Where a page lies is else told by the count; but of all
events the newest are found in the first rows of the newest day's files, which is as quick.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pyarrow as pa

from pipeline.questions.daily import newest_day
from pipeline.questions.matching import matching, newest_first
from pipeline.questions.once import once
from pipeline.questions.people import JOINED
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.timeline import Timeline, timeline
from pipeline.questions.view import View


def counted(snapshot: Snapshot, view: View, rows: int, fields: Collection[str]) -> Timeline:
    """`timeline`; meanwhile the newest `rows` events with `fields` are read, where that is quick, for `known`."""
    day = newest_day(snapshot, view.bounds(), rows)
    if view.page != 1 or view.filters or day is None or not JOINED.isdisjoint(fields):
        return timeline(snapshot, view)

    def ask() -> pa.Table:
        return snapshot.fetch(newest_first(matching(snapshot, view, within=day, along=fields)).limit(rows))

    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(once, snapshot, _question(snapshot, view, rows, fields), ask)
        told = timeline(snapshot, view)
        reading.result()
    return told


def known(snapshot: Snapshot, view: View, rows: int, fields: Collection[str]) -> pa.Table | None:
    """The newest `rows` events of the view, newest first; None where they were not read, or are fewer."""
    whole = snapshot.days.whole(snapshot.version)
    found = cast(pa.Table | None, snapshot.days.recall(whole, _question(snapshot, view, rows, fields)))
    return found if found is not None and len(found) == rows else None


def _question(snapshot: Snapshot, view: View, rows: int, fields: Collection[str]) -> Hashable:
    return "newest", snapshot.hiding, view.scope(), rows, frozenset(fields)
