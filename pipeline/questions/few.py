"""The events of a view that looks for a few among all: of a person, of an address.

All that its list needs is read at once, so that the count, the chart and every page follow from one question.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir
import pyarrow as pa

from pipeline.questions.daily import events_among
from pipeline.questions.matching import looks_up, matching, newest_first, sides
from pipeline.questions.once import once
from pipeline.questions.ranges import Bounds
from pipeline.questions.shares import at_once
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

LIST_FIELDS = (
    *("event_id", "occurred_at", "event", "type", "modal", "customer_id", "anonymous_id"),
    *("path", "country", "country_code", "device"),
)
_MOST = 2_000  # events
# Events of the lake among which a page's events may lie to be read with all that is stored of them, by the page itself.
# The engine reads a column of a row group (30,720 events) that holds one of them: all columns take three times as long
# as those of the list.
CLOSE = 400_000


@dataclass(frozen=True, slots=True)
class _Asked:
    rows: pa.Table | None

    @property
    def nbytes(self) -> int:
        return 0 if self.rows is None else self.rows.nbytes


def few(snapshot: Snapshot, view: View) -> pa.Table | None:
    """`LIST_FIELDS` of all events of `view`, newest first, asked once for each version of the lake.

    None for a view that looks for nothing, that holds more than 2,000 events, or whose days hold so few that they are
    read quickly anyway.
    """
    if not looks_up(snapshot, view.filters) or events_among(snapshot, view.bounds()) <= CLOSE:
        return None
    return once(snapshot, ("few", snapshot.hiding, view.scope()), lambda: _Asked(_ask(snapshot, view))).rows


def _ask(snapshot: Snapshot, view: View) -> pa.Table | None:
    def on(side: Bounds) -> ir.Table:
        return newest_first(matching(snapshot, view, within=side, along=LIST_FIELDS)).limit(_MOST + 1)

    # Who is meant is looked up with the first of them, for all.
    asked = [on(side) for side in sides(snapshot, view.bounds())]
    rows = pa.concat_tables(told.select([*LIST_FIELDS]) for told in at_once(snapshot.fetch, asked))
    return rows if len(rows) <= _MOST else None
