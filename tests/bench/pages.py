"""The Activity page and the export over 2 million events, in a real browser, as a reader waits for them."""

from __future__ import annotations

import re
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from tests.bench.load import peak_memory
from tests.browser import find
from tests.browser.conftest import Server, serving, settle, visit

ROWS = "tr[data-row]"
TURNS = 15


def measure(data: Path) -> dict[str, float]:
    """Milliseconds (medians) of what a reader does, and how the export streams; `data` holds the lake."""
    with serving(data) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find.browser(), args=list(find.ARGUMENTS))
        page = browser.new_page(base_url=server.url, viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        visit(page, "/?range=30D")
        figures = {
            "row click to panel": _median(TURNS, lambda turn: _click_row(page, turn)),
            "next page": _median(TURNS, lambda turn: _next_page(page)),
            "last page": _median(3, lambda turn: _last_page(page)),
            "filter change": _median(8, lambda turn: _filter(page, turn)),
        }
        figures |= _export(server, page)
        browser.close()
    return figures


def _median(turns: int, act: Callable[[int], float]) -> float:
    act(0)  # once to warm what a running server has warm
    return statistics.median(act(turn) for turn in range(1, turns + 1)) * 1000


def _click_row(page: Page, turn: int) -> float:
    """From the click until the panel shows this event's id in the page's own words."""
    row = page.locator(ROWS).nth(turn % 18)
    moment = row.locator("td").nth(5).inner_text().split(", ")[1]
    started = time.perf_counter()
    row.click()
    page.locator("section.panel").get_by_text(re.compile(moment)).first.wait_for()
    elapsed = time.perf_counter() - started
    settle(page)
    return elapsed


def _next_page(page: Page) -> float:
    first = page.locator(ROWS).first
    before = first.get_attribute("data-row")
    started = time.perf_counter()
    page.get_by_role("button", name="Next page").click()
    page.wait_for_function(_MOVED, arg=[ROWS, before])
    elapsed = time.perf_counter() - started
    settle(page)
    return elapsed


def _last_page(page: Page) -> float:
    visit(page, "/?range=30D")
    before = page.locator(ROWS).first.get_attribute("data-row")
    last = page.locator("[data-testid=stPagination] button, nav button").filter(has_text=re.compile(r"^\d+$")).last
    started = time.perf_counter()
    last.click()
    page.wait_for_function(_MOVED, arg=[ROWS, before])
    elapsed = time.perf_counter() - started
    settle(page)
    return elapsed


def _filter(page: Page, turn: int) -> float:
    """From Enter until the new count stands in the headline. A different filter each time: nothing is cached."""
    visit(page, "/?range=30D")
    before = page.locator(".headline b").inner_text()
    bar = page.get_by_role("combobox", name="Add a filter")
    bar.fill(f"path contains -{turn + 10}")
    started = time.perf_counter()
    page.keyboard.press("Enter")
    expect(page.locator(".headline b")).not_to_have_text(before)
    elapsed = time.perf_counter() - started
    settle(page)
    return elapsed


# The first row's id; rows lie in a component's shadow DOM, which querySelector does not enter.
_FIRST = """((q) => {
  const seek = (root) => {
    const hit = root.querySelector(q);
    if (hit) return hit;
    for (const el of root.querySelectorAll('*')) {
      const deep = el.shadowRoot && seek(el.shadowRoot);
      if (deep) return deep;
    }
    return null;
  };
  return seek(document)?.dataset.row ?? null;
})(q)"""
_MOVED = f"([q, was]) => {_FIRST} !== was"


def _export(server: Server, page: Page) -> dict[str, float]:
    """The CSV of everything, read as quickly as it comes, while another reader turns pages."""
    process = next(
        each for each in psutil.process_iter() if each.pid != 0 and server.url.rpartition(":")[2] in _command(each)
    )
    before = process.memory_info().rss
    answer: dict[str, float] = {}

    def download() -> None:
        started = time.perf_counter()
        with urllib.request.urlopen(f"{server.url}/export/events.csv?range=30D") as response:
            rows = response.read(1).count(b"\n")
            answer["first byte s"] = time.perf_counter() - started
            while block := response.read(1 << 20):
                rows += block.count(b"\n")
        answer["export rows"] = rows - 1
        answer["export rows/s"] = rows / (time.perf_counter() - started)

    visit(page, "/?range=30D")
    with peak_memory(process) as peak:
        reader = threading.Thread(target=download)
        reader.start()
        answer["next page during export"] = 1000 * statistics.median(_next_page(page) for _ in range(5))
        reader.join()
    answer["export memory growth MB"] = (peak[0] - before) / 1e6
    return answer


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if "streamlit" in process.cmdline() else []
    except psutil.Error:
        return []
