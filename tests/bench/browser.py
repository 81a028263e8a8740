"""The Activity page in a real browser, as a reader waits for it, alone and among others, while batches are loaded.

Times are taken inside the page, from the reader's event to the frame after what was asked for is there.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, sync_playwright

from tests.bench.dataset import DataSet
from tests.bench.figure import Figure, milliseconds
from tests.bench.fresh import BATCH, land, recent_events
from tests.browser import find
from tests.browser.conftest import ROOT, serving, settle, visit
from tests.browser.running import running_pipeline

OTHERS = (0, 4, 19)
EVERY = 15.0  # seconds between two batches
CLICKS, PAGES, FILTERS = 30, 15, 10
ALONE, AMONG = (150, 300), (400, 900)  # milliseconds, median and p95, from the click to the painted panel
_ROWS = "tr[data-row]"

# What the page is asked to watch for. Rows and panel lie in components' shadow DOM, which querySelector does not enter.
_TIMER = """([kind, wanted, text]) => {
  const hosts = () => [document, ...[...document.querySelectorAll('*')].map((el) => el.shadowRoot).filter(Boolean)];
  const seek = (selector) => hosts().map((root) => root.querySelector(selector)).find(Boolean);
  const there = {
    opened: () => seek('section.panel')?.textContent.includes(text),
    told: () => there.opened() && !seek('section.panel').querySelector('.bone'),
    moved: () => { const row = seek('tr[data-row]'); return row && row.dataset.row !== text; },
    counted: () => { const count = seek('.headline b'); return count && count.textContent !== text; },
  };
  window.benched = Object.fromEntries(wanted.map((name) => [name, new Promise((resolve) => {
    let began;
    document.addEventListener(kind, (event) => { began ??= event.timeStamp; }, { capture: true, once: true });
    const look = () => requestAnimationFrame(() => {
      if (began === undefined || !there[name]()) return look();
      return requestAnimationFrame(() => resolve(performance.now() - began));
    });
    look();
  })]));
}"""


def measure(data_set: DataSet) -> Iterator[Figure]:
    """Clicks, pages and filters of one person, while no, 4 and 19 others read and a batch comes every 15 s."""
    with (
        data_set.copied() as data,
        serving(data) as server,
        running_pipeline(data, EVERY),
        _landing(data),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find.browser(), args=list(find.ARGUMENTS))
        view = data_set.view(14, until=datetime.now(UTC))
        for others in OTHERS:
            with _visiting(server.url, view, others) as seconds:
                page = browser.new_page(base_url=server.url, viewport={"width": 1440, "height": 900})
                page.set_default_timeout(120_000)
                yield from _read(page, f"/?{view}", others)
                page.close()
            if seconds:
                yield milliseconds(f"{others} others: their clicks, answered", seconds)
        browser.close()


def _read(page: Page, address: str, others: int) -> Iterator[Figure]:
    among = f"{others} others: " if others else "alone: "
    median, p95 = AMONG if others else ALONE
    visit(page, address)
    clicks = _turns(CLICKS, lambda turn: _click(page, turn))
    painted, told = ([click[name] for click in clicks] for name in ("opened", "told"))
    yield milliseconds(f"{among}row click to painted panel", painted, at_most=median, p95_at_most=p95)
    yield milliseconds(f"{among}row click to all the server adds", told)
    visit(page, address)
    pages = [each["moved"] for each in _turns(PAGES, lambda turn: _next_page(page))]
    yield milliseconds(f"{among}next page", pages)
    filters = [each["counted"] for each in _turns(FILTERS, lambda turn: _filter(page, address, turn))]
    yield milliseconds(f"{among}new filter to its count", filters)


Times = dict[str, float]  # seconds


def _turns(turns: int, act: Callable[[int], Times]) -> list[Times]:
    act(0)  # once to warm what a running page has warm
    return [act(turn) for turn in range(1, turns + 1)]


def _click(page: Page, turn: int) -> Times:
    """Until the panel shows this event; and until it shows who it was, too, which the server looks up."""
    row = page.locator(_ROWS).nth(turn % 18)
    return _timed(page, "click", ("opened", "told"), row.get_attribute("data-row"), row.click)


def _next_page(page: Page) -> Times:
    first = page.locator(_ROWS).first.get_attribute("data-row")
    return _timed(page, "click", ("moved",), first, page.get_by_role("button", name="Next page").click)


def _filter(page: Page, address: str, turn: int) -> Times:
    """From Enter on. A different filter each time: nothing is remembered."""
    visit(page, address)
    before = page.locator(".headline b").inner_text()
    page.get_by_role("combobox", name="Add a filter").fill(f"path contains -{turn + 10}")
    settle(page)
    return _timed(page, "keydown", ("counted",), before, lambda: page.keyboard.press("Enter"))


def _timed(page: Page, kind: str, wanted: tuple[str, ...], text: str | None, act: Callable[[], None]) -> Times:
    page.evaluate(_TIMER, [kind, wanted, text])
    act()
    times = {name: page.evaluate("(name) => window.benched[name]", name) / 1000 for name in wanted}
    settle(page)
    return times


@contextmanager
def _visiting(url: str, view: str, count: int) -> Iterator[list[float]]:
    """Others on the page; afterwards the list holds how many seconds each of their clicks took."""
    seconds: list[float] = []
    if not count:
        yield seconds
        return
    command = [sys.executable, "-m", "tests.bench.visitors", url, view, str(count)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield seconds
        assert process.poll() is None, "the other readers left"
        told, _ = process.communicate("", timeout=60)
        seconds += json.loads(told)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _landing(data: Path) -> Iterator[None]:
    """A batch lands every quarter of a minute."""
    landing, stop, rng = data / "landing", threading.Event(), random.Random(1)
    landing.mkdir(exist_ok=True)

    def go() -> None:
        while not stop.wait(EVERY):
            land(landing / f"{uuid4()}.jsonl.gz", recent_events(rng, BATCH))

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
