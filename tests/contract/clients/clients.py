"""The clients, and how each is made to send: a program that reads visits, or a page with a function `send`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from pipeline.snippet import snippet
from tests.contract.clients.install import FOLDER, node_program
from tests.contract.clients.site import Site

HERE = Path(__file__).parent
Visit = dict[str, Any]

ARTICLE = {"url": "https://news.example/ferry?utm_source=letter", "path": "/ferry", "title": "The ferry stays"}
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


# Readers' clocks are wrong: the pages' are two hours slow.
SLOW_CLOCK = """
  const slow = 2 * 60 * 60 * 1000
  globalThis.Date = class extends Date {
    constructor(...given) { given.length ? super(...given) : super(Date.now()) }
    static now() { return super.now() - slow }
  }
"""


@dataclass(frozen=True, slots=True)
class Client:
    """One client: `runs` is its program or page.

    `resends`: it sends again what failed. `waits`: after a 429, not before Retry-After is over. `renews_sent_at`: then
    `sentAt` is the time of sending again, so that the event's own time can be told. `automatic`: it sends page views by
    itself.
    """

    name: str
    runs: str
    resends: bool = True
    waits: bool = True
    renews_sent_at: bool = True
    automatic: bool = False

    @property
    def in_browser(self) -> bool:
        return self.runs.endswith(".html")


CLIENTS = (
    Client("segment-analytics-python", "python/send_segment.py"),
    Client("rudder-sdk-python", "python/send_rudder.py", waits=False),
    Client("segment-analytics-node", "node/segment.mjs"),
    Client("rudder-sdk-node", "node/rudder.mjs", renews_sent_at=False),
    Client("segment-analytics-next", "segment.html"),
    Client("segment-analytics-next-batching", "segment-batching.html"),
    Client("rudderstack-analytics-js", "rudder.html", waits=False),
    Client("rudderstack-analytics-js-beacon", "rudder-beacon.html", resends=False),
    Client("jitsu-js", "jitsu.html", resends=False),
    Client("activity-js", "activity.html", automatic=True),
)


class Program:
    """A client on a server: a process of its own, which is told of each visit by a line."""

    def __init__(self, client: Client, collector: str, key: str) -> None:
        file = HERE / client.runs
        start = [sys.executable] if file.suffix == ".py" else [node_program()]
        self._process = subprocess.Popen(
            [*start, str(file), collector, key], cwd=FOLDER, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def send(self, visit: Visit) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(visit)}\n")
        self._process.stdin.flush()

    def finish(self) -> None:
        """No more visits: it ends by itself when all is sent."""
        _, said = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, said

    def close(self) -> None:
        with self._process:  # which closes its pipes and waits for it
            self._process.kill()


class OpenPage:
    """A client in a browser: a page in a fresh profile, which notes whom it asks and what fails in it."""

    def __init__(self, client: Client, browser: Browser, site: Site, collector: str, key: str) -> None:
        site.write(client.runs, collector=collector, key=key, snippet=snippet(collector, key))
        self.url = f"{site.url}/news/{client.runs}?utm_source=letter&utm_campaign=autumn"
        self.asked: list[str] = []
        self.errors: list[str] = []
        self._context = browser.new_context()
        self._context.add_init_script(SLOW_CLOCK)
        self._page = self._context.new_page()
        self._page.on("request", lambda request: self.asked.append(request.url))
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.goto(self.url)

    def send(self, visit: Visit) -> None:
        self._page.evaluate("visit => { send(visit) }", visit)

    def finish(self) -> None:
        """Leave the page, as readers do."""
        self._page.goto("about:blank")

    def close(self) -> None:
        self._context.close()
