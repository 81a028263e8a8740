"""The Pipeline page in a real browser: parts, files, a replay from the button to the ledger, and hostile lines."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.lake import Lake
from pipeline.questions import rejects
from pipeline.state import State
from tests.browser.conftest import PATIENCE_MS, Server, serving, settle
from tests.browser.running import running_pipeline
from tests.pages.sample import HOSTILE
from tests.support import make_settings

LONG = '{"type":"track","event":"A","messageId":"m","anonymousId":"a","properties":{"x":"%s"}}' % ("y" * 2_000)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard and a scheduler over 30 hostile lines and one that was too long until the setting was raised."""
    data = tmp_path_factory.mktemp("watched")
    landing = data / "landing"
    landing.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTIVITY_MAX_LINE_BYTES", "1000")
        (landing / "bad.jsonl").write_text("".join(f"{HOSTILE[number % 6]} {number}\n" for number in range(30)))
        (landing / "long.jsonl").write_text(LONG + "\n")
        with running_pipeline(data):
            _await_rejected(data, 31)
    now = datetime.now(UTC)
    for minutes in range(90):
        State(data).lags.record(now - timedelta(minutes=minutes), 400 if minutes == 30 else 9, 0)
    with running_pipeline(data, 1), serving(data) as running:
        yield running


def _await_rejected(data: Path, lines: int) -> None:
    lake = Lake.open(make_settings(data))
    for _ in range(300):
        if rejects.count(lake.snapshot()) == lines:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the lines were not loaded")
    lake.close()


@pytest.fixture
def page(browser: Browser, watched: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=watched.url)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert not errors, "the page's scripts failed"
    assert opened.evaluate("window.hacked") is None
    context.close()


def _visit(page: Page, part: str = "") -> None:
    page.goto(f"/pipeline?part={part}" if part else "/pipeline")
    page.get_by_role("group", name="How the pipeline is").wait_for()
    settle(page)


def test_the_page_says_how_fresh_the_data_is_and_what_was_promised(page: Page) -> None:
    _visit(page)
    figures = page.get_by_role("group", name="How the pipeline is")
    expect(figures).to_contain_text("Up to date")
    expect(figures).to_contain_text("promised: within 3 minutes")
    lag = page.get_by_role("img", name="How far behind the data was")
    lag.focus()
    for _ in range(3):  # the last stretch may just have begun
        lag.press("ArrowLeft")
    expect(page.locator(".tip:visible")).to_contain_text("behind")
    expect(page.get_by_role("group", name="Lines and what became of them")).to_contain_text("Balances")


def test_parts_stand_in_the_address(page: Page) -> None:
    _visit(page)
    page.get_by_role("radio", name="Batches").click()
    expect(page.get_by_role("table", name="Last batches")).to_be_visible()
    assert "part=batches" in page.url
    page.reload()
    expect(page.get_by_role("table", name="Last batches")).to_be_visible()


def test_hostile_lines_stay_text_and_their_file_has_them_all(page: Page, tmp_path: Path) -> None:
    _visit(page, "rejected")
    table = page.get_by_role("table", name="Rejected lines", exact=True)
    expect(table).to_contain_text(HOSTILE[0])
    assert table.locator("img, script").count() == 0
    with page.expect_download() as caught:
        page.get_by_role("link", name="Export").click()
    target = tmp_path / "rejected.csv"
    caught.value.save_as(target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 30
    assert {HOSTILE[0] + " 0", "'" + HOSTILE[4] + " 4"} <= {row["raw"] for row in rows}


def test_what_is_being_typed_survives_that_the_page_is_drawn_anew(page: Page, watched: Server) -> None:
    _visit(page, "objects")
    name = page.get_by_label("Name contains")
    name.fill("lon")
    for alerts in ({"late": _ALERT, "unbalanced": _ALERT}, {}):  # what is above it comes and goes
        _show(page, State(watched.data), alerts)
        expect(name).to_have_value("lon")
    name.press("Enter")
    expect(page.get_by_role("table", name="Loaded")).to_contain_text("long.jsonl")
    expect(page.get_by_role("table", name="Loaded")).not_to_contain_text("bad.jsonl")


def _show(page: Page, state: State, alerts: dict[str, str]) -> None:
    """Wait until the page was drawn with these alerts; the scheduler's watch tells its own every now and then."""
    for _ in range(40):
        state.tell("alerts", alerts, datetime.now(UTC))
        page.wait_for_timeout(500)
        if page.get_by_text(_ALERT).count() == len(alerts):
            return
    raise AssertionError(f"the page never showed {alerts}")


_ALERT = "Made up by a test."


def test_a_replay_from_the_button_to_the_ledger(page: Page) -> None:
    _visit(page, "rejected")
    ledger = page.get_by_role("group", name="Lines and what became of them")
    expect(ledger).to_contain_text("Rejected31")
    page.get_by_role("button", name="Replay 31 lines").click()
    expect(page.get_by_text("31 lines = 1 loaded + 0 duplicate + 0 expired + 30 still rejected")).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(ledger).to_contain_text("Rejected30")
    expect(ledger).to_contain_text("Loaded1")
    expect(ledger).to_contain_text("Balances")
    page.get_by_role("radio", name="Upkeep").click()
    expect(page.get_by_role("table", name="Upkeep of the lake")).to_contain_text("Replay")
