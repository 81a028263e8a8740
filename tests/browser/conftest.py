"""A real server process over a small lake, and a real browser in front of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.browser import find
from tests.pages.sample import make_sample

ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds
PATIENCE_MS = 60_000  # two browsers at once, on a busy machine, take their time
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Server:
    """`pid` is the dashboard's own process, where it is known."""

    url: str
    data: Path
    pid: int = 0


@contextmanager
def serving(data: Path, port: int = 0, **settings: str) -> Iterator[Server]:
    """A fresh dashboard process, as a user starts it; `settings` are environment variables. Port 0 is any free one."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    log = data / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, "ACTIVITY_DATA": str(data), **settings}
        )
    try:
        _await(f"http://localhost:{port}/_stcore/health", process, log)
        yield Server(f"http://localhost:{port}", data, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the dashboard did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    make_sample(folder).close()
    return folder


@pytest.fixture(scope="session")
def server(data: Path) -> Iterator[Server]:
    with serving(data) as running:
        yield running


# Closed with this package: while it is open, Playwright's event loop is in the way of asyncio.run elsewhere.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find.browser(), args=list(find.ARGUMENTS))
        yield opened
        opened.close()


def watch_policy(page: Page, errors: list[str]) -> None:
    """Add to `errors` what the page does that its own content security policy forbids."""

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    page.on("console", said)


def empty(context: BrowserContext, url: str) -> None:
    """Leave a profile as one that was never at `url`, but for the scripts that it has compiled: that took three seconds
    of CPU a test, and more on pages with a chart."""
    blank = context.new_page()
    for page in context.pages:
        if page != blank:
            page.close()
    session = context.new_cdp_session(blank)
    session.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "local_storage,indexeddb"})
    context.clear_cookies()
    blank.close()


@pytest.fixture(scope="module")
def used_profile(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """One for the tests of a file, in turn: `empty` it after each."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, base_url=server.url, permissions=["clipboard-read", "clipboard-write"]
    )
    yield context
    context.close()


@pytest.fixture
def page(used_profile: BrowserContext, server: Server) -> Iterator[Page]:
    """A page in an empty profile that must ask no other host for anything, throw nothing, and keep its own policy."""
    opened = used_profile.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    foreign: list[str] = []
    errors: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((server.url, server.url.replace("http", "ws"), "data:", "blob:")):
            foreign.append(request.url)

    opened.on("request", asked)
    watch_policy(opened, errors)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    empty(used_profile, server.url)
    assert not foreign, "the page asked other hosts"
    assert not errors, "the page's scripts failed"


def settle(page: Page) -> None:
    """Wait until the script has run and the page has taken in what it sent."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(150)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def visit(page: Page, path: str, awaited: str = "section.panel :is(.hint, .steps)") -> None:
    """Open a page and wait for what is drawn last: the panel, with its summary or an event."""
    page.goto(path)
    page.wait_for_selector(awaited)
    settle(page)
