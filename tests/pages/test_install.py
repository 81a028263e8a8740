"""The Install page: a key is made, picked and ended; the code bears it; the live check tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pages.parts.writekeys import slug
from pipeline.state import NewKey, State
from tests.pages.anew import forget_installation
from tests.pages.conftest import ROOT, Open, Page, _opener
from tests.pages.sample import HOSTILE
from tests.support import make_lake

SCRIPT = "pages/views/install.py"
NOW = datetime.now(UTC)


@pytest.fixture
def open_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """An installation of one event, of the source `shop`, with the collector on the dashboard's port."""
    monkeypatch.setenv("ACTIVITY_MOUNT_COLLECTOR", "true")
    event = {"message_id": "1", "occurred_at": NOW, "event": "Hello", "anonymous_id": "a", "source": "shop"}
    make_lake(tmp_path, [event]).close()
    yield from _opener(tmp_path, monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def codes(page: Page) -> dict[str, str]:
    """All code of each tab."""
    return {tab["id"]: "\n".join(code["text"] for code in tab["codes"]) for tab in page.given("codes")["tabs"]}


def press(page: Page, label: str) -> Page:
    (button,) = [each for each in page.test.button if each.label == label]
    return Page(button.click().run())


def fill(page: Page, **texts: str) -> None:
    for key, text in texts.items():
        page.test.text_input(key=key).input(text)


def stage(page: Page) -> tuple[str, list[str], str | None]:
    told = page.given("arrival")
    return told["stage"], [step["state"] for step in told["steps"]], told["href"]


def test_a_key_is_made_and_stands_in_the_snippet(open_install: Open, state: State) -> None:
    page = open_install("", SCRIPT)
    assert not page.has("keys")
    assert stage(page) == ("none", ["todo", "todo"], None)
    fill(page, key_name="The Daily Éxample", key_origins="https://www.example.com/news, http://localhost:3000")
    page = press(page, "Make the key")
    (key,) = state.keys.all()
    assert (key.name, key.source, key.kind) == ("The Daily Éxample", "the-daily-example", "browser")
    assert key.origins == ("https://www.example.com", "http://localhost:3000")
    assert page.given("keys")["selected"] == key.id
    assert page.given("keys")["text"] == key.text
    assert f'data-key="{key.text}"' in codes(page)["website"]
    assert all(key.text in text for text in codes(page).values() if key.text)
    assert stage(page)[0] == "waiting"


def test_a_server_key_is_told_once(open_install: Open, state: State) -> None:
    page = open_install("", SCRIPT)
    page.test.segmented_control(key="key_kind").set_value("Servers").run()
    fill(page, key_name="Billing")
    page = press(page, "Make the key")
    (key,) = state.keys.all()
    text = page.given("keys")["text"]
    assert text.startswith("sk_")
    assert page.given("keys")["told_once"]
    assert set(codes(page)) == {"segment", "rudderstack", "jitsu", "curl"}
    assert all(text in code for code in codes(page).values())
    again = open_install(f"key={key.id}", SCRIPT)
    assert again.given("keys")["text"] is None
    assert all("YOUR_SERVER_KEY" in code for code in codes(again).values())


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"key_name": " "}, "no source"),
        ({"key_name": "Shop", "key_origins": "javascript:alert(1)"}, "no origin of web pages"),
        ({"key_name": "Shop", "key_source": "harbour-courier"}, "the demo’s own source"),
    ],
)
def test_what_cannot_be_a_key_is_said_and_not_made(
    open_install: Open, state: State, texts: dict[str, str], said: str
) -> None:
    state.tell("demo", {"sources": "harbour-courier billing"}, NOW)
    page = open_install("", SCRIPT)
    fill(page, **texts)
    page = press(page, "Make the key")
    assert said in page.given("refused")["text"]
    assert state.keys.all() == ()


def test_names_and_origins_are_never_markup(open_install: Open, state: State) -> None:
    for number, text in enumerate(HOSTILE):
        state.keys.make(f"source-{number}", name=text, at=NOW)
    page = open_install("", SCRIPT)
    assert {item["name"] for item in page.given("keys")["keys"]} == set(HOSTILE)
    words = [
        element.value for kind in ("markdown", "caption", "header", "subheader") for element in page.test.get(kind)
    ]
    assert not any(text in said for text in HOSTILE for said in [*words, page.html()])


def test_the_check_goes_from_waiting_over_received_to_seen(open_install: Open, state: State) -> None:
    made = state.keys.make("elsewhere", at=NOW)
    assert stage(open_install("", SCRIPT)) == ("waiting", ["now", "todo"], None)
    state.keys.count({made.key.id: 2}, datetime.now(UTC))
    page = open_install("", SCRIPT)
    assert stage(page) == ("received", ["done", "now"], None)
    assert "2 events, at " in page.given("arrival")["steps"][0]["note"]
    assert "python -m pipeline run" in page.given("arrival")["steps"][1]["note"]
    mine = received(state, "shop")
    page = open_install(f"key={mine.key.id}", SCRIPT)
    assert stage(page) == ("shown", ["done", "done"], "/?range=24H&f=source%20is%20shop")
    assert page.given("arrival")["steps"][1]["note"] == "1 event of this source"


def received(state: State, source: str) -> NewKey:
    now = datetime.now(UTC)
    made = state.keys.make(source, at=now)
    state.keys.count({made.key.id: 1}, now)
    return made


def test_the_link_of_the_check_opens_just_that_source(open_install: Open, state: State) -> None:
    received(state, "shop")
    href = stage(open_install("", SCRIPT))[2]
    assert href is not None
    page = open_install(href.removeprefix("/?"), "pages/views/activity.py")
    assert page.given("grid")["total"] == 1


def test_an_event_that_does_not_come_through_sends_one_to_look_for_it(open_install: Open, state: State) -> None:
    made = state.keys.make("elsewhere", at=NOW)
    state.keys.count({made.key.id: 1}, NOW - timedelta(minutes=3))
    state.record("file:///landing", datetime.now(UTC), waiting=0, error=None, every=15)
    assert "rejected" in open_install("", SCRIPT).given("arrival")["steps"][1]["note"]


def test_a_key_is_revoked_only_after_asking(open_install: Open, state: State) -> None:
    kept, gone = received(state, "kept"), received(state, "gone")
    page = act(open_install("", SCRIPT), {"do": "revoke", "id": gone.key.id})
    assert len(state.keys.all()) == 2
    press(page, "Revoke")
    assert [key.id for key in state.keys.all()] == [kept.key.id]


def act(page: Page, action: dict[str, Any]) -> Page:
    """What the component `keys` would report."""
    page.test.session_state["revoking"] = action["id"]
    return Page(page.test.run())


def test_keys_say_what_they_have_received(open_install: Open, state: State) -> None:
    own = state.keys.make("shop", at=NOW - timedelta(days=1))
    state.keys.count({own.key.id: 1204}, NOW - timedelta(hours=3))
    received(state, "news")
    told = open_install("", SCRIPT).given("keys")["keys"]
    assert [(item["source"], item["state"]) for item in told] == [("news", "sending"), ("shop", "quiet")]
    assert told[1]["said"] == "1,204 events, last 3 hours ago"


def test_the_demos_keys_are_not_the_readers(open_install: Open, state: State) -> None:
    """A newcomer finds the form, and how the demo stands to what will come in."""
    state.tell("demo", {"sources": "harbour-courier billing"}, NOW)
    received(state, "harbour-courier")
    page = open_install("", SCRIPT)
    assert not page.has("keys")
    assert page.test.text_input(key="key_name")
    assert any("demo --remove" in code.value for code in page.test.code)
    assert "/demo-site/" in page.html()


def test_without_a_demo_nothing_is_said_of_one(open_install: Open) -> None:
    assert not open_install("", SCRIPT).test.code


def test_the_collectors_address_is_the_setting_else_the_pages_own_else_its_own_port(
    open_install: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_install("", SCRIPT)
    assert "http://localhost:8501/activity.js" in codes(page)["website"]
    assert not page.has("no_collector")
    monkeypatch.setenv("ACTIVITY_MOUNT_COLLECTOR", "false")
    forget_installation()
    page = open_install("", SCRIPT)
    assert "http://localhost:8502/activity.js" in codes(page)["website"]
    assert "python -m pipeline collect" in page.given("no_collector")["text"]
    monkeypatch.setenv("ACTIVITY_COLLECTOR_URL", "https://events.example.com")
    forget_installation()
    page = open_install("", SCRIPT)
    assert "https://events.example.com/activity.js" in codes(page)["website"]
    assert not page.has("no_collector")
    assert not page.test.caption


@pytest.mark.parametrize(
    ("name", "source"),
    [("The Daily Éxample!", "the-daily-example"), ("  A--b ", "a-b"), ("新聞", "新聞"), ("100 % news", "100-news")],
)
def test_a_source_is_made_from_the_name(name: str, source: str) -> None:
    assert slug(name) == source


def test_the_page_is_the_last_tab() -> None:
    assert '("install", "Install", "install"),\n)' in (ROOT / "app.py").read_text()
