"""What is kept of days never tells anything else than the lake itself: asked again after every kind of change, and of
older versions, a lake that remembers answers as one that was opened just now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake import Lake, Snapshot, maintain
from pipeline.lake.day_files import DayFiles
from pipeline.lake.days import Days
from pipeline.questions import activity, facets
from pipeline.questions.masking import masked
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests import nasty
from tests.support import add_events, count_days, make_lake, make_settings

SECRET = b"of these tests, and long enough!"
RUNS = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
BLOCK = 16  # days
EVENTS = nasty.events(5, 400)
WHOLE = View.parse("from=1970-01-01&to=2199-12-31", now=nasty.NOW, zone=nasty.PARIS)


class Case:
    """A lake that remembers, and versions of it. No dataclass: Hypothesis would print the lake."""

    def __init__(self, folder: Path, lake: Lake) -> None:
        self.folder = folder
        self.lake = lake
        self.versions: list[int] = []
        self.counts: list[int] = []  # of events, as the engine counts them
        self.loaded = self.removed = 0

    def load(self, events: int = 60) -> None:
        """Events of all days, in no order."""
        add_events(self.lake, EVENTS[self.loaded : self.loaded + events], key=f"{self.loaded}.jsonl")
        self.loaded += events

    def late(self) -> None:
        """One event of a day amid others, and none of any other day."""
        days = [*self.lake.snapshot().days.of(self.lake.snapshot().version)]
        amid = [day for before, day in pairwise(days) if before.toordinal() // BLOCK == day.toordinal() // BLOCK]
        at = datetime.combine(amid[len(amid) // 2], time(12), UTC)
        add_events(self.lake, [{"message_id": f"late {self.loaded}", "occurred_at": at}], key=f"late {self.loaded}")

    def merge(self) -> None:
        maintain.merge(self.lake)

    def count(self) -> None:
        """Ahead, all days but the newest ones."""
        assert count_days(self.lake, nasty.NOW) > 5

    def remove(self) -> None:
        """Some rows of several days, as retention and erasure do."""
        self.removed += 1
        with self.lake.changing() as cursor:
            cursor.execute("DELETE FROM lake.events WHERE line % 7 = $1", [self.removed])


CHANGES: tuple[Callable[[Case], None], ...] = (
    *(Case.load, Case.count, Case.load, Case.late, Case.merge, Case.count, Case.load),
    *(Case.remove, Case.count, Case.load, Case.merge, Case.merge, Case.count, Case.remove),
)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Asked everything after every change, so that parts of all versions are kept."""
    folder = tmp_path_factory.mktemp("lake")
    with closing(make_lake(folder, [])) as lake, pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipeline.questions.daily._BLOCKS", (BLOCK,))  # or all but the newest day would be one part
        case = Case(folder, lake)
        for change in CHANGES:
            change(case)
            case.versions.append(lake.snapshot().version)
            case.counts.append(activity.count(lake.snapshot(), WHOLE))
            answers(lake.snapshot(), WHOLE)
        yield case


def answers(snapshot: Snapshot, view: View) -> list[object]:
    counted = timeline(snapshot, view)
    found = [
        facets.facets(snapshot, view, fields, 4) for fields in (["path", "event", "name", "ip"], ["path", "modal"])
    ]
    return [np.stack([counted.buckets, counted.counts]).tolist(), found, facets.glance(snapshot, view)]


@contextmanager
def opened_anew(case: Case) -> Iterator[Lake]:
    """The lake without anything that was counted of it before."""
    with closing(Lake.open(make_settings(case.folder))) as fresh:
        fresh.snapshot().days.files = DayFiles(case.folder / "nothing")
        yield fresh


@RUNS
@given(view=nasty.views(), place=st.integers(0, len(CHANGES) - 1), hidden=st.booleans())
def test_what_is_kept_of_days_is_what_the_lake_says(case: Case, view: View, place: int, hidden: bool) -> None:
    with opened_anew(case) as fresh:
        version = case.versions[place]
        here, there = case.lake.snapshot(version), fresh.snapshot(version)
        if hidden:
            here, there = masked(here, SECRET), masked(there, SECRET)
            view = view.with_(filters=())
        assert answers(here, view) == answers(there, view)
        assert answers(here, view) == answers(there, view), "asked again"


def test_every_version_keeps_its_own_answers(case: Case) -> None:
    """Files that were merged since are read in part by older versions, and rows are deleted from the same files."""
    with opened_anew(case) as fresh:
        for version in (case.versions[-1], *case.versions[::-3]):  # as built they were asked, oldest first
            fresh.snapshot(version).days.forget()  # or it would keep the same of the version before
            assert answers(case.lake.snapshot(version), WHOLE) == answers(fresh.snapshot(version), WHOLE)
        seen = [timeline(case.lake.snapshot(version), WHOLE).total for version in case.versions]
    assert seen == case.counts


def test_only_what_changed_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    real = Days.keep
    monkeypatch.setattr(Days, "keep", lambda self, *given: kept.append(given) or real(self, *given))  # type: ignore[func-returns-value]
    with closing(make_lake(tmp_path, EVENTS[:50])) as lake:
        answers(lake.snapshot(), WHOLE)
        days, kept[:] = len(lake.snapshot().days.of(lake.snapshot().version)), []
        add_events(lake, [{"message_id": "new", "occurred_at": nasty.NOW}], key="new")
        answers(lake.snapshot(), WHOLE)
        assert days > 5
        of_day = [question for _, question, _ in kept if question != "linked numbers"]
        assert len(of_day) == 4, "of the newest day: the timeline, the people, some fields' values and the main ones'"


def test_who_an_event_belongs_to_may_change_while_its_day_does_not(tmp_path: Path) -> None:
    days = "from=2026-11-01&to=2026-11-01"
    here = {"now": nasty.NOW, "zone": nasty.PARIS}
    plain, hers = View.parse(days, **here), View.parse(f"{days}&f=person%20is%20c:k", **here)
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    told = [{"message_id": "a", "anonymous_id": "v"}, {"message_id": "b", "customer_id": "k"}]
    with closing(make_lake(tmp_path, [{**event, "occurred_at": at} for event in told])) as lake:

        def seen(view: View) -> tuple[int, int, int]:
            found = facets.glance(lake.snapshot(), view)
            return found.total, found.facets["event"].total, found.people

        assert (seen(plain), seen(hers)) == ((2, 2, 2), (1, 1, 1))
        add_events(
            lake, [{"message_id": "c", "customer_id": "k", "anonymous_id": "v", "occurred_at": nasty.NOW}], key="c"
        )
        assert (seen(plain), seen(hers)) == ((2, 2, 1), (2, 2, 1))


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.lake.days._BYTES", 20_000)
    with closing(make_lake(tmp_path, EVENTS[:80])) as lake:
        snapshot = lake.snapshot()
        first = answers(snapshot, WHOLE)
        assert answers(snapshot, WHOLE) == first
        days = snapshot.days
        assert 0 < days._bytes <= 20_000
        assert days._bytes == sum(part.nbytes + 800 for part in days._parts.values())
        days.keep("a day", "asked", np.zeros(20_000 // 8, np.uint8))
        assert days.recall("a day", "asked") is None, "it would push out most others"
        days.forget()
        assert days._bytes == 0
