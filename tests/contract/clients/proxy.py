"""A real proxy between a client and the collector, which breaks the first attempt to deliver each event.

It forwards a request as it came, with the client's address in `X-Forwarded-For`, as a load balancer does. Requests
without events (preflights, settings, scripts) always pass.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RETRY_AFTER = 1  # seconds
_GZIP = b"\x1f\x8b"
# A connection serves one request, so that a browser cannot send again by itself what the client should.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(Enum):
    """What becomes of the first attempt to deliver an event."""

    NONE = "no fault"
    ERROR = "500"
    LIMIT = "429"
    DROPPED = "dropped"  # the connection ends before the collector hears of the request
    UNHEARD = "unheard"  # the collector stores the request, but the connection ends before its answer arrives


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that carried events.

    `status` is the collector's answer, None when it was not asked; `retry_after` (seconds) what the client was told.
    """

    at: datetime
    path: str
    headers: dict[str, str]  # names in lower case
    events: tuple[dict[str, Any], ...]
    fault: Fault
    status: int | None
    retry_after: int | None

    @property
    def delivered(self) -> bool:
        """Whether the client was told that its events are safe."""
        return self.status == 200 and self.fault is Fault.NONE


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


# What a page may read of an answer that is not of its own site, as the collector allows it.
_READABLE = {"access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After"}
_TOO_FAST = b'{"success": false, "code": "key.rate", "message": "Too many events in a second. Send them again later."}'
_REFUSALS = {
    Fault.ERROR: Answer(500, {**_READABLE, "content-type": "text/plain"}, b"Internal Server Error"),
    Fault.LIMIT: Answer(
        429, {**_READABLE, "content-type": "application/json", "retry-after": str(RETRY_AFTER)}, _TOO_FAST
    ),
}


class Proxy:
    """Listens on `url` and forwards to `upstream` ("host:port"); `address` is what it says the client's is."""

    def __init__(self, upstream: str, address: str) -> None:
        self._upstream, self.address = upstream, address
        self._fault, self._broken = Fault.NONE, set[str]()
        self._changed = threading.Condition()
        self.attempts: list[Attempt] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def arm(self, fault: Fault) -> None:
        """Break the first attempt of every event from now on."""
        with self._changed:
            self._fault, self._broken = fault, set()

    def wait(self, done: Callable[[Sequence[Attempt]], bool], seconds: float) -> bool:
        """Wait until `done` is true of all attempts so far; false when it is not within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: done(self.attempts), seconds)

    def fault_for(self, events: Sequence[dict[str, Any]]) -> Fault:
        """The fault for a request with these events: the armed one while it brings one that was not broken yet."""
        ids = {str(event.get("messageId")) for event in events}
        with self._changed:
            fault = self._fault if ids - self._broken else Fault.NONE
            self._broken |= ids
            return fault

    def note(self, attempt: Attempt) -> None:
        with self._changed:
            self.attempts.append(attempt)
            self._changed.notify_all()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The collector's answer."""
        connection = HTTPConnection(self._upstream, timeout=30)
        try:
            connection.request(method, path, body, {**headers, "x-forwarded-for": self.address})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        finally:
            connection.close()


def events_in(body: bytes) -> tuple[dict[str, Any], ...]:
    """The events of a request, of a batch or single; none when it has no body."""
    if not body:
        return ()
    sent = json.loads(gzip.decompress(body) if body.startswith(_GZIP) else body)
    return tuple(sent.get("batch", [sent]))


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            came = datetime.now(UTC)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            events = events_in(body)
            fault = proxy.fault_for(events) if events else Fault.NONE
            answer = None
            if fault in (Fault.NONE, Fault.UNHEARD):
                with suppress(OSError):  # a collector that is gone says nothing
                    answer = proxy.forward(self.command, self.path, headers, body)
            status = answer.status if answer else None
            if fault is not Fault.NONE:
                answer = _REFUSALS.get(fault)
            if events:
                retry_after = answer.headers.get("retry-after") if answer else None
                proxy.note(
                    Attempt(came, self.path, headers, events, fault, status, int(retry_after) if retry_after else None)
                )
            with suppress(ConnectionError):  # a page that was left does not wait for answers
                self._finish(answer)

        do_GET = do_OPTIONS = do_POST

        def _finish(self, answer: Answer | None) -> None:
            self.close_connection = True
            if answer is None:
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                if name not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
