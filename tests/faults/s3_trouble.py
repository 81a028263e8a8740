"""Trouble on the way to S3: an HTTP proxy before a real server that now and then fails as servers and networks do.

Requests are passed on as they came, Host included, so that their signatures hold. Which one is in trouble, and how,
is drawn from a seeded generator: `trouble.begin(STORM, 0.3)` … `trouble.end()`.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

LIST, GET = "list", "get"


class Kind(NamedTuple):
    """One way to fail: an error answer if `status`, else what is done to the body; of the requests in `on`."""

    name: str
    status: int = 0
    on: Sequence[str] = (LIST, GET)


BUSY, BROKEN = Kind("SlowDown", 503), Kind("InternalError", 500)
DENIED, EXPIRED = Kind("AccessDenied", 403), Kind("ExpiredToken", 400)
SILENT = Kind("silent")  # takes the request, and never answers
STALLED = Kind("stalled", on=(GET,))  # half of the body comes, and no more
SHORT = Kind("short", on=(GET,))  # Content-Length is promised, half of it comes
RESET = Kind("reset", on=(GET,))  # the same, and the connection is reset
LESS = Kind("less", on=(GET,))  # half of the body, and a Content-Length that says so
OTHER = Kind("other", on=(GET,))  # the ETag of another object
STORM = (BUSY, BROKEN)


class Asked(NamedTuple):
    """One request: a listing, or an object by its key."""

    what: str
    path: str
    credential: str
    page: bool  # of a listing, one after the first

    @property
    def key(self) -> str:
        return self.path.partition("/")[2]


class S3Trouble:
    """Listens on a port of its own; `hook` is told of each request before it is passed on.

    `expired` are the access key ids that S3 takes for those of an expired session.
    """

    def __init__(self, upstream: str, seed: int = 0) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._kinds: Sequence[Kind] = ()
        self._rate = 0.0
        self._well = threading.Event()
        self._open: set[socket.socket] = set()
        self.made = Counter[str]()  # how often it failed, by kind
        self.hook: Callable[[Asked], None] = lambda asked: None
        self.expired: set[str] = set()
        self._listen(0)
        self.port = int(self._server.server_address[1])
        self.endpoint_url = f"http://127.0.0.1:{self.port}"

    def begin(self, kinds: Sequence[Kind], rate: float = 1.0) -> None:
        """From now on this share of the requests fails in one of these ways."""
        with self._lock:
            self._kinds, self._rate = kinds, rate
            self._well.clear()

    def end(self) -> None:
        """All is well again, also for those who were kept waiting."""
        with self._lock:
            self._kinds, self._rate = (), 0.0
            self._well.set()

    def shut(self) -> None:
        """As a server that was stopped: nobody listens, connections are cut."""
        self._server.shutdown()
        self._server.server_close()
        for connection in [*self._open]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reopen(self) -> None:
        self._listen(self.port)

    def close(self) -> None:
        self.end()
        self.shut()

    def _listen(self, port: int) -> None:
        handler = type("Handler", (_Handler,), {"trouble": self})
        self._server = _Server(("127.0.0.1", port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def drawn(self, asked: Asked) -> Kind | None:
        """How this request fails, if it does."""
        with self._lock:
            if asked.credential in self.expired:
                kind = EXPIRED
            else:
                fitting = [kind for kind in self._kinds if asked.what in kind.on]
                if not fitting or self._rng.random() >= self._rate:
                    return None
                kind = self._rng.choice(fitting)
            self.made[kind.name] += 1
            return kind

    def wait(self) -> None:
        self._well.wait()

    def passed(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self._upstream, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 50

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: connections are cut on purpose."""


class _Handler(BaseHTTPRequestHandler):
    trouble: S3Trouble
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.trouble._open.add(self.connection)

    def finish(self) -> None:
        self.trouble._open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        asked = self._asked()
        self.trouble.hook(asked)
        kind = self.trouble.drawn(asked)
        if kind is not None and kind.status:
            self._refuse(kind)
            return
        if kind is SILENT:
            self._fall_silent()
            return
        status, headers, answer = self.trouble.passed(self.command, self.path, dict(self.headers), body)
        if kind is OTHER:
            headers["ETag"] = f'"{"0" * 32}"'
        whole = len(answer)
        if kind in (LESS, SHORT, RESET, STALLED):
            answer = answer[: whole // 2]
        self._send(status, headers, answer, promised=len(answer) if kind is LESS else whole)
        if kind is STALLED:
            self._fall_silent()
        elif kind is RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection |= kind in (SHORT, RESET)

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET

    def _asked(self) -> Asked:
        path, _, query = self.path.partition("?")
        _, _, credential = self.headers.get("Authorization", "").partition("Credential=")
        page = "continuation-token" in query
        return Asked(LIST if "list-type" in query else GET, path.lstrip("/"), credential.partition("/")[0], page)

    def _refuse(self, kind: Kind) -> None:
        body = f"<Error><Code>{kind.name}</Code><Message>{kind.name}, by the test.</Message></Error>".encode()
        self._send(kind.status, {"Content-Type": "application/xml"}, body, promised=len(body))

    def _fall_silent(self) -> None:
        self.trouble.wait()
        self.close_connection = True

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, promised: int) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(promised)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is not a log."""
