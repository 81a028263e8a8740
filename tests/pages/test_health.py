"""The Pipeline page: what was promised and what was kept, the ledger in front of everybody, and every part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1.element_tree import Block

from pages.parts.health import files
from pages.parts.installed import installation
from pipeline.errors import LakeError
from pipeline.lake import Entry
from pipeline.state import State
from tests.pages.anew import forget_installation
from tests.pages.asking import Answer, answer
from tests.pages.conftest import Open, _opener
from tests.pages.sample import HOSTILE, ORDINARY, make_sample

SCRIPT = "pages/views/health.py"
NOW = datetime.now(UTC)
REASONS = {"line.not_json": 30, "line.no_identity": 3}


@dataclass(frozen=True)
class Line:
    line: int
    code: str
    raw: bytes
    reason: str = f"It is no event: {HOSTILE[0]}"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that has seen trouble: bad lines, objects that wait and one that never can be read, a failed run."""
    folder = tmp_path_factory.mktemp("busy")
    lake = make_sample(folder)
    lines = [Line(number, code, HOSTILE[0].encode()) for code, lines in REASONS.items() for number in range(lines)]
    bad = Entry("made://tests", f"bad/{HOSTILE[0]}", "e", 9, NOW, lines=len(lines))
    waiting = [
        Entry("made://tests", f"late/{number:02}", "e", 9, NOW, state="retrying", last_error=f"source.x: {HOSTILE[1]}")
        for number in range(30)
    ]
    broken = Entry(
        "made://tests", "broken.gz", "e", 9, NOW, state="rejected", last_error="object.truncated: It is cut."
    )
    with lake.write(NOW) as transaction:
        transaction.reject([(bad, line) for line in lines])
        transaction.finish([bad, *waiting, broken], NOW)
    lake.close()
    state = State(folder)
    for minutes in range(100):
        state.lags.record(NOW - timedelta(minutes=minutes), 500 if minutes == 50 else 8, 3 if minutes == 50 else 0)
    state.record("made://tests", NOW, waiting=0, error=None, every=15)
    state.tell("device", {"agents": "202610", "crawlers": "0.4.2"}, NOW)
    state.tell("alerts", {"late": "The data is 900 s behind; 180 s are allowed."}, NOW)
    with pytest.raises(LakeError), state.upkeep.running("retain", lambda: NOW):
        raise LakeError("It is too much at once.")
    return folder


@pytest.fixture
def open_busy(busy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    # The module may have been read long ago, and the page asks whether the pipeline is at work now.
    State(busy).record("made://tests", datetime.now(UTC), waiting=0, error=None, every=15)
    yield from _opener(busy, monkeypatch)


def _values(items: list[dict[str, str] | str]) -> dict[str, str]:
    return {item["label"]: item["value"] for item in items if not isinstance(item, str)}


def test_the_ledger_is_two_equations(open_page: Open) -> None:
    page = open_page("", SCRIPT)
    items = page.given("ledger")["items"]
    assert [item for item in items if isinstance(item, str)] == ["=", "+", "+", "+"]
    figures = _values(items)
    assert figures["Lines read"] == figures["Loaded"] == str(ORDINARY + 1)
    assert figures["Check"] == "Balances"
    lake = page.given("lake_ledger")["items"]
    assert [item for item in lake if isinstance(item, str)] == ["=", "−"]
    assert _values(lake) == {
        "Events in the lake": str(ORDINARY + 1),
        "Loaded": str(ORDINARY + 1),
        "Removed": "0",
        "Check": "Balances",
    }


def test_what_stands_below_the_alerts_keeps_its_place_whether_one_stands_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the browser makes it anew, and what somebody is typing there is gone."""
    make_sample(tmp_path).close()
    state = State(tmp_path)
    state.record("made://tests", datetime.now(UTC), waiting=0, error=None, every=15)
    for open_it in _opener(tmp_path, monkeypatch):
        places = []
        standing: tuple[dict[str, str], ...] = ({}, {"late": "Late."}, {"late": "Late.", "unbalanced": "Off."})
        for alerts in standing:
            state.tell("alerts", alerts, NOW)
            page = open_it("", SCRIPT)
            assert {kind for kind in ("late", "unbalanced") if page.has(f"alert_{kind}")} == alerts.keys()
            places.append(_places(page.test.main))
        assert places[0] == places[1] == places[2]


def _places(block: Block) -> list[int]:
    """Where the parts of the page lie: the numbers by which Streamlit tells them apart."""
    inner = block.children[0] if len(block.children) == 1 else block  # a fragment is a block of its own
    return sorted(inner.children)


def test_a_ledger_that_does_not_balance_says_by_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_sample(tmp_path)
    with lake.engine.cursor() as cursor:
        cursor.execute("DELETE FROM lake.events WHERE message_id = 'sample-7'")
    lake.close()
    for open_lost in _opener(tmp_path, monkeypatch):
        page = open_lost("", SCRIPT)
        assert _values(page.given("ledger")["items"])["Check"] == "Balances"
        assert _values(page.given("lake_ledger")["items"])["Check"] == "Off by -1"


def test_a_pipeline_that_never_ran_says_how_to_start_it(open_page: Open) -> None:
    page = open_page("", SCRIPT)
    items = page.given("health")["items"]
    assert items[0]["value"] == "Not run yet"
    assert "python -m pipeline run" in items[0]["note"]
    assert page.given("geo")["items"][0]["value"] == "Missing"
    assert page.given("rejected")["rows"] == []
    assert page.given("lag")["empty"]


def test_an_installation_without_data_has_a_page_too(open_empty: Open) -> None:
    for part in ("rejected", "objects", "batches", "storage", "upkeep"):
        page = open_empty(f"part={part}", SCRIPT)
        assert page.given("throughput")["empty"] == "Nothing was committed in this time."
        assert _values(page.given("ledger")["items"])["Lines read"] == "0"


def test_freshness_stands_against_the_promise(open_busy: Open) -> None:
    page = open_busy("", SCRIPT)
    tiles = {item["label"]: item for item in page.given("health")["items"]}
    assert tiles["Pipeline"]["value"] == "Up to date"
    assert "promised: within 3 minutes" in tiles["Data through"]["note"]
    assert tiles["Promise kept"]["value"] == "99%"
    assert tiles["Waiting"]["note"] == "30 to be tried again"
    assert page.given("alert_late")["text"] == "The data is 900 s behind; 180 s are allowed."
    lag = page.given("lag")
    assert lag["limit"] == 180
    worst = max((span for span in lag["spans"] if span["values"]), key=lambda span: span["values"])
    assert worst["values"] == [500]
    assert "at most 8 minutes behind, 3 objects waiting" in worst["title"]
    through = page.given("throughput")["spans"]
    assert sum(span["values"][0] for span in through if span["values"]) == ORDINARY + 1
    assert sum(span["values"][1] for span in through if span["values"]) == sum(REASONS.values())


def test_rejected_lines_are_grouped_and_quoted_as_text(open_busy: Open) -> None:
    page = open_busy("part=rejected", SCRIPT)
    assert [(row[0], row[1]) for row in page.given("reasons")["rows"]] == [
        (str(lines), code) for code, lines in REASONS.items()
    ]
    rows = page.given("rejected")["rows"]
    assert len(rows) == 20
    assert rows[0][4] == HOSTILE[0]
    assert HOSTILE[0] not in page.html()
    links = page.given("rejected_files")["links"]
    assert links[0]["label"] == "Export 33 lines"
    page.test.selectbox(key="reason").set_value("line.no_identity").run()
    assert not page.test.exception
    assert len(page.given("rejected")["rows"]) == 3
    assert "reason=line.no_identity" in page.given("rejected_files")["links"][0]["href"]


def test_objects_are_told_by_state_with_their_last_error(open_busy: Open) -> None:
    page = open_busy("part=objects", SCRIPT)
    told = page.given("objects")
    assert (told["label"], len(told["rows"])) == ("To be tried again", 25)
    assert told["rows"][0][2] == f"source.x: {HOSTILE[1]}"
    page.test.text_input(key="object_name").set_value("late/2").run()
    assert len(page.given("objects")["rows"]) == 10
    page.test.text_input(key="object_name").set_value("").run()
    page.test.segmented_control(key="object_state").set_value("rejected").run()
    [row] = page.given("objects")["rows"]
    assert (row[0], row[2]) == ("broken.gz", "object.truncated: It is cut.")


def test_a_replay_is_asked_for_and_what_it_came_to_is_told(open_busy: Open, busy: Path) -> None:
    upkeep = State(busy).upkeep
    page = open_busy("part=rejected", SCRIPT)
    page.test.button(key="replay_").click().run()
    assert not page.test.exception
    assert upkeep.asked("replay") == ("",)
    assert page.test.button(key="replay_").disabled
    assert "A replay is asked for" in page.html()
    with upkeep.running("replay", lambda: NOW) as said:
        said(f"33 lines: 33 still rejected {HOSTILE[0]}")
    upkeep.answered("replay", "")
    page.test.run()
    assert "33 lines: 33 still rejected &lt;img" in page.html()
    page = open_busy("part=objects", SCRIPT)
    page.test.segmented_control(key="object_state").set_value("rejected").run()
    page.test.button(key="replay_").click().run()
    assert upkeep.asked("replay") == ("",)
    upkeep.answered("replay", "")


def test_batches_storage_and_upkeep_are_listed(open_busy: Open) -> None:
    assert len(open_busy("part=batches", SCRIPT).given("batches")["rows"]) == 2
    storage = open_busy("part=storage", SCRIPT)
    days = storage.given("days")["rows"]
    assert sum(int(row[1]) for row in days) == ORDINARY + 1
    assert _values(storage.given("storage")["items"])["Retention"] == "400 days"
    runs = open_busy("part=upkeep", SCRIPT).given("upkeep")["rows"]
    assert runs[-1][1:2] + runs[-1][3:] == ["Retention", "Failed: It is too much at once."]


def test_databases_tell_their_age(open_busy: Open) -> None:
    geo, agents = open_busy("", SCRIPT).given("geo")["items"]
    assert geo["value"] == "Missing"
    assert agents["value"] == "ua-parser 202610"
    assert "of 1 Oct 2026" in agents["note"]


def _get(path: str) -> Answer:
    return answer(files.ROUTES, path)


def test_the_files_hold_exactly_what_the_page_counts(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_DATA", str(busy))
    forget_installation()
    version = installation().lake.snapshot().version
    found = _get(f"/export/rejected.jsonl?as_of={version}&reason=line.no_identity")
    assert [json.loads(line)["raw"] for line in found.text.splitlines()] == [HOSTILE[0]] * 3
    assert found.headers["content-disposition"] == 'attachment; filename="rejected.jsonl"'
    assert len(_get("/export/rejected.csv").text.splitlines()) == 1 + sum(REASONS.values())
    for path, status in (
        ("/export/rejected.xlsx", 404),
        ("/export/rejected.csv?raeson=x", 400),
        ("/export/rejected.csv?as_of=-1", 400),
        ("/export/rejected.csv?as_of=99999", 410),
    ):
        assert _get(path).status == status, path
    forget_installation()
