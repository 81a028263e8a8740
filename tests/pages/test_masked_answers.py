"""What pages remember of the lake as it is never answers whoever sees it masked, nor the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pages.parts import answers
from pages.parts.funnels import answers as funnels
from pages.parts.funnels.address import Behind
from pages.parts.health import answers as health
from pages.parts.installed import installation
from pages.parts.raw import raw_line
from pipeline.lake import Snapshot
from pipeline.questions.funnel import Funnel, Group
from pipeline.questions.masking import masked
from pipeline.questions.view import View
from tests.canary import SECRET, make_canary_lake, told
from tests.pages.anew import forget_installation
from tests.support import NOW

ZONE = ZoneInfo("UTC")
VIEW = View(NOW, ZONE)
FUNNEL = Funnel.parse({"steps": [{"event": "Read"}, {"event": "Registered"}]}, now=NOW, zone=ZONE)


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snapshot]:
    monkeypatch.setenv("ACTIVITY_DATA", str(tmp_path))
    make_canary_lake(tmp_path).close()
    forget_installation()
    yield installation().lake.snapshot()
    forget_installation()


def listed(snapshot: Snapshot) -> object:
    def done(answer: Future[funnels.Measured]) -> funnels.Measured:
        return answer.result(60)

    measured = done(funnels.measured(snapshot, FUNNEL))
    return funnels.listed(snapshot, measured.answer, Behind(Group("reached", 1))).result(60).rows.to_pylist()


QUESTIONS: dict[str, Callable[[Snapshot], object]] = {
    "page": lambda snapshot: answers.page(snapshot, VIEW),
    "event": lambda snapshot: answers.event(snapshot, answers.page(snapshot, VIEW)[0]["event_id"], None),
    "glance": lambda snapshot: answers.glance(snapshot, VIEW),
    "values": lambda snapshot: answers.values(snapshot, VIEW, "ip", 5),
    "proposed": lambda snapshot: answers.proposed(snapshot, VIEW),
    "found": lambda snapshot: answers.found(snapshot, VIEW, "@"),
    "most active": lambda snapshot: answers.most_active(snapshot, VIEW),
    "people": lambda snapshot: answers.people(snapshot, "cus_7"),
    "profile": lambda snapshot: answers.profile(snapshot, "c:cus_7"),
    "rejected": lambda snapshot: health.rejected(snapshot, None, 10, 0),
    "reasons": health.reasons,
    "objects": lambda snapshot: health.objects(snapshot, "loaded", "", 10, 0),
    "people of a funnel": listed,
}


@pytest.mark.parametrize("masked_first", [False, True])
def test_no_answer_is_shared(snapshot: Snapshot, masked_first: bool) -> None:
    both = [snapshot, masked(snapshot, SECRET)]
    for name, ask in QUESTIONS.items():
        found = {each.masked: told(ask(each)) for each in (reversed(both) if masked_first else both)}
        assert found[False], name
        assert found[True] == set(), name


def test_the_raw_event_says_why_it_is_not_shown(snapshot: Snapshot) -> None:
    hidden = masked(snapshot, SECRET)
    shown = raw_line(answers.page(hidden, VIEW)[0], hidden)
    assert shown["text"] is None
    assert "personal data" in shown["note"]


def test_what_names_nobody_is_answered(snapshot: Snapshot) -> None:
    for each in (snapshot, masked(snapshot, SECRET)):
        assert answers.count(each, VIEW) == health.totals(each).events
        assert health.throughput(each, NOW - timedelta(days=1), NOW, timedelta(hours=1)) is not None
        assert health.storage(each).events
