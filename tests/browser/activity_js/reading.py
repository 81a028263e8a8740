"""A site and a collector on one port, for what the real collector never does: fail, stall and hang up on purpose.

The site is `http://site.test`, the collector `http://collector.test`: two origins, without https, as publishers have
them. What was answered with 200 is `taken`, all that was asked is `asked`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipeline.collect.browser import script

Event = dict[str, Any]
PATIENCE = 15.0  # seconds
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}


@dataclass(frozen=True, slots=True)
class Answer:
    """How the collector answers one request: a status of 0 hangs up; with `until` it waits before."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    until: threading.Event | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the collector: when it came, what it said, what it was answered."""

    at: float
    size: int
    body: Event
    content_type: str
    status: int

    @property
    def events(self) -> list[Event]:
        return list(self.body["batch"])


class Collecting:
    """What the server serves and what came in."""

    def __init__(self, port: int) -> None:
        self.site = f"http://site.test:{port}"
        self.collector = f"http://collector.test:{port}"
        self.pages: dict[str, str] = {}
        self.page_headers: dict[str, str] = {}
        self.answers: list[Answer] = []  # to the next requests, 200 after them
        self.always: Answer | None = None  # to every request
        self.asked: list[Asked] = []
        self.begun = 0  # requests, answered or not
        self._changed = threading.Condition()

    def page(self, path: str, head: str = "", body: str = "", attributes: str = "") -> str:
        """Serve a page with the script in its head; returns its URL."""
        tag = f'<script async src="{self.collector}/activity.js" data-key="wk_site" {attributes}></script>'
        self.pages[path] = f"<!doctype html><html><head>{head}{tag}</head><body>{body}</body></html>"
        return self.site + path

    def answer(self) -> Answer:
        with self._changed:
            self.begun += 1
            self._changed.notify_all()
            return self.always or (self.answers.pop(0) if self.answers else Answer())

    def keep(self, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()

    @property
    def taken(self) -> list[Event]:
        """The events answered with 200, as often as they were."""
        return [event for asked in list(self.asked) if asked.status == 200 for event in asked.events]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.taken if name_of(event) == name]

    def wait(self, until: Callable[[], object]) -> None:
        """Wait until a condition on what was asked holds."""
        with self._changed:
            if not self._changed.wait_for(until, PATIENCE):
                seen = [(asked.status, [name_of(event) for event in asked.events]) for asked in self.asked]
                raise AssertionError(f"did not come within {PATIENCE} s; came: {seen}")

    def views(self, count: int) -> list[Event]:
        """Wait for that many page views."""
        self.wait(lambda: len(self.named("page")) >= count)
        return self.named("page")

    def one(self, name: str) -> Event:
        """Wait for the first event of that name."""
        self.wait(lambda: self.named(name))
        return self.named(name)[0]


def name_of(event: Event) -> str:
    """The event's name; a page view's and an identification's type."""
    return str(event.get("event") or event["type"])


def _handler(collecting: list[Collecting]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            at, path = collecting[0], self.path.split("?")[0]
            if path.endswith("/activity.js"):
                self._say(200, script(), {"Content-Type": "text/javascript"})
            elif path in at.pages:
                self._say(200, at.pages[path].encode(), {"Content-Type": "text/html", **at.page_headers})
            else:
                self._say(404, b"", {})

        def do_OPTIONS(self) -> None:
            self._say(500, b"the script must not need a preflight", {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            at, came = collecting[0], time.monotonic()
            answer = at.answer()
            if answer.until is not None:
                answer.until.wait(PATIENCE)
            content_type = self.headers["Content-Type"]
            at.keep(Asked(came, len(body), json.loads(body), content_type, answer.status))
            if answer.status:
                self._say(answer.status, answer.message.encode(), {**CORS, **answer.headers})
            self.close_connection = not answer.status

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A browser that went away is no error here."""


@contextmanager
def collecting() -> Iterator[Collecting]:
    """The server, while the block runs."""
    holder: list[Collecting] = []
    server = _Server(("127.0.0.1", 0), _handler(holder))
    holder.append(Collecting(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield holder[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
