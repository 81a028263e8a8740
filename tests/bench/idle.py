"""How soon the product is there when it is started again, and what its dashboard holds while nobody looks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.bench.dataset import DataSet
from tests.bench.figure import Figure
from tests.bench.load import environment, resident
from tests.browser import find
from tests.browser.conftest import ROOT, free_port, serving, visit

MOST_MB, MOST_SECONDS = 400, 6
_AFTER = 20  # seconds after the only reader left
_PATIENCE = 60  # seconds until the dashboard answers
_ROWS = "tr[data-row]"


def measure(work: Path, data_set: DataSet) -> Iterator[Figure]:
    """Memory of the dashboard over the data set; the second start over the demo's data, and over the data set."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find.browser(), args=list(find.ARGUMENTS))
        with data_set.copied() as data:
            yield from _idle(data, data_set, browser)
            view = f"/?{data_set.view(14)}"
            yield Figure(f"start over {data_set}, to the first page", _started(data, browser, view), "s")
        demo = _demo(work / "demo")
        _started(demo, browser, "/")
        seconds = _started(demo, browser, "/")
        yield Figure("`make run`, second start, to the first page", seconds, "s", at_most=MOST_SECONDS)
        browser.close()


def _demo(data: Path) -> Path:
    """The demo's data, loaded, as `make run` leaves it behind the first time."""
    data.mkdir()
    for command in (["demo"], ["run", "--once"]):
        whole = [sys.executable, "-m", "pipeline", *command]
        subprocess.run(whole, cwd=ROOT, env=environment(data), check=True, stdout=subprocess.DEVNULL)
    return data


def _idle(data: Path, data_set: DataSet, browser: Browser) -> Iterator[Figure]:
    with serving(data) as server:
        process = psutil.Process(server.pid)
        yield Figure("dashboard before anybody came", resident(process) / 1e6, "MB")
        page = browser.new_page(base_url=server.url)
        page.set_default_timeout(60_000)
        visit(page, f"/?{data_set.view(14)}")
        yield Figure("dashboard with one reader of 14 days", resident(process) / 1e6, "MB")
        page.close()
        time.sleep(_AFTER)
        yield Figure("dashboard after that reader left", resident(process) / 1e6, "MB", at_most=MOST_MB)


def _started(data: Path, browser: Browser, view: str) -> float:
    """Seconds from the command that `make run` runs to a page with its rows on it."""
    port = free_port()
    started = time.perf_counter()
    with _running(data, port):
        page = browser.new_page(base_url=f"http://localhost:{port}")
        _first_answer(page, view)
        page.wait_for_selector(_ROWS, timeout=60_000)
        seconds = time.perf_counter() - started
        page.close()
    return seconds


def _first_answer(page: Page, view: str) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            page.goto(view)
            return
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@contextmanager
def _running(data: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "pipeline", "start", "--port", str(port)]
    log = data / "start.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(data), stdout=output, stderr=output)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)
