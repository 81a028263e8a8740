"""Every number of a view against a plain-Python oracle over the same events, on the real lake."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake import Lake, Snapshot, look_ups
from pipeline.questions import activity, export, facets, people
from pipeline.questions.masking import masked
from pipeline.questions.timeline import histogram
from pipeline.questions.view import View
from tests import nasty
from tests.oracle import Oracle, as_ipv4
from tests.support import add_events, count_days, make_lake

SECRET = b"of these tests, and long enough!"
RUNS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Case:
    """A snapshot and the oracle that knows its events. No dataclass: Hypothesis would print all of them."""

    def __init__(self, snapshot: Snapshot, oracle: Oracle) -> None:
        self.snapshot = snapshot
        self.oracle = oracle


@pytest.fixture(scope="module", params=[1, 2])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    events = nasty.events(request.param, 300)
    folder: Path = tmp_path_factory.mktemp("lake")
    lake: Lake = make_lake(folder, events[::2])
    with patch.object(look_ups, "_ENOUGH", 20):  # so that look-ups read some days by time and some by person,
        assert look_ups.add_block(lake, nasty.NOW) is not None
    add_events(lake, events[1::2], key="late")  # to which late events come
    if request.param == 2:  # so that counts follow from those of whole days
        assert count_days(lake, nasty.NOW) > 5
    with (
        patch("pipeline.questions.few.CLOSE", 0 if request.param == 1 else 400_000),  # few events are read at once
        patch("pipeline.questions.activity.ROWS", 20 if request.param == 2 else 50),  # a day holds a page
    ):
        yield Case(lake.snapshot(), Oracle(events))
    lake.close()


@RUNS
@given(view=nasty.views())
def test_count_list_and_chart_are_the_same_events(case: Case, view: View) -> None:
    expected = case.oracle.view(view)
    counted = activity.counted(case.snapshot, view.with_(page=1))
    assert activity.count(case.snapshot, view) == counted.total == len(expected)
    bars = histogram(counted, view)
    assert [bar.count for bar in bars] == [
        sum(bar.start <= event["occurred_at"] < bar.end for event in expected) for bar in bars
    ]
    assert (bars[0].start, bars[-1].end) == view.bounds()
    pages = [
        activity.page(case.snapshot, view.with_(page=number), counted=counted)
        for number in range(1, -(-len(expected) // activity.ROWS) + 1)
    ]
    listed = [row["event_id"] for page in pages for row in page.rows]
    assert listed == [event["event_id"] for event in expected]


@settings(RUNS, max_examples=15)
@given(view=nasty.views(), field=nasty.fields())
def test_facets_and_people_are_the_same_events(case: Case, view: View, field: str) -> None:
    expected = case.oracle.view(view)
    counts = case.oracle.counts(expected, field)
    found = facets.facet(case.snapshot, view, field, 1_000)
    got: Counter[str | None] = Counter()
    for facet in found.top:  # rare spellings of an IPv4-mapped address are values of their own
        got[as_ipv4(facet.value) if field == "ip" and facet.value else facet.value] += facet.count
    assert got == counts
    assert (found.total, found.rest) == (len(expected), 0)
    few = facets.facet(case.snapshot, view, field, 2)
    assert few.top == found.top[:2]
    assert few.distinct == found.distinct == len(found.top)
    glance = facets.glance(case.snapshot, view)
    assert glance.people == len({case.oracle.person(event) for event in expected} - {None})
    assert glance.anonymous == sum(not event["customer_id"] for event in expected)
    assert all(facets.total == len(expected) for facets in glance.facets.values())


@settings(RUNS, max_examples=15)
@given(view=nasty.views(), text=st.sampled_from([*filter(None, nasty.TEXTS), "", "c", "C1", "page", "nobody's"]))
def test_suggestions_are_what_all_events_say(case: Case, view: View, text: str) -> None:
    """Those of kept counts, and of people, are those of every event asked for every field."""
    for limit in (3, 1_000):
        asked = facets._asked(case.snapshot, view, text, facets.SUGGESTED_FIELDS, limit)
        asked.sort(key=lambda each: (-each.count, facets.SUGGESTED_FIELDS.index(each.field), each.value))
        assert facets.suggestions(case.snapshot, view, text, limit=limit) == asked[:limit]


@settings(RUNS, max_examples=6)
@given(view=nasty.views(), bom=st.booleans())
def test_a_csv_holds_the_same_events(case: Case, view: View, bom: bool) -> None:
    expected = case.oracle.view(view)
    whole = b"".join(export.csv(case.snapshot, view, bom=bom))
    with patch.object(export, "_FIRST_SLICE", 3):  # for more than these all people are read
        assert b"".join(export.csv(case.snapshot, view, bom=bom)) == whole
        hidden = masked(case.snapshot, SECRET)
        numbered = b"".join(export.csv(hidden, view.with_(filters=())))
        with patch.object(people, "_MANY", 0):  # too many to be held at once
            assert b"".join(export.csv(hidden, view.with_(filters=()))) == numbered
    text = whole.decode("utf-8-sig" if bom else "utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["event_id"] for row in rows] == [event["event_id"] for event in expected]
    for row, event in zip(rows, expected, strict=True):
        for field in ("event", "country", "path", "customer_id", "person", "name", "email", "properties"):
            value = case.oracle.value(event, field) or ""
            assert row[field] == (f"'{value}" if value[:1] in tuple("=+-@\t\r\n") else value)
        assert row["occurred_at_local"] == event["occurred_at"].astimezone(view.zone).isoformat(timespec="microseconds")
        assert row["line"] == str(event["line"])
