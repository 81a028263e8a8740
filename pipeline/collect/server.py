"""The collector as a server of its own: uvicorn, within bounds that it does not set itself.

uvicorn waits for ever for a request's headers and for the rest of a body that was answered early, and takes any number
of headers, trailers and pipelined requests (measured, 0.54). Proxy headers are not its business here:
`pipeline.collect.peer` reads them, and only from those it trusts.
"""

from __future__ import annotations

import asyncio
import gc
import re
import resource
import signal
from asyncio import TimerHandle
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pipeline.collect import body
from pipeline.collect.collector import Collector
from pipeline.collect.store import open_store
from pipeline.collect.web import routes
from pipeline.settings import Settings
from pipeline.state import State

HEAD_SECONDS = 10.0
HEAD_BYTES = 32_768
MOST_HEADERS = 100
MOST_PIPELINED = 32  # requests sent before the first of them is answered, which none of the clients does
KEEP_ALIVE_SECONDS = 75  # longer than a load balancer keeps an idle connection (60 s usually), so that it is who closes
STOP_SECONDS = 30
_BACKLOG = 2_048
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_OPEN_FILES = 65_536
_GARBAGE = 50_000  # objects between two looks for cycles: the usual 700 took most of the time that a large body takes


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP, but a request's head must come soon (408) and be small (431), and its body must end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept_bytes = 0  # fed to the parser since it last gave any of a body: it keeps an unfinished header
        self._told_bytes = 0  # of this request's head, told by the parser
        self._timer: TimerHandle | None = None
        self._too_large = False
        self._in_head = True
        self._served: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        if self._served is not None:  # uvicorn tells only the last of several requests, and the others' answers fail
            self._served.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._kept_bytes += len(data)
        super().data_received(_without_upgrade(data) if self._in_head else data)
        if self._kept_bytes > HEAD_BYTES:
            self._end(431, "The request's headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._kept_bytes = self._told_bytes = 0
        self._await_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._told(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._told(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError("too many requests at once")
        self._in_head = False
        super().on_headers_complete()
        self._await_body()

    def on_body(self, body: bytes) -> None:
        self._kept_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._kept_bytes = 0
        self._in_head = True
        self._await_nothing()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._end(431, "The request's headers are too large.")
        else:
            super().send_400_response(msg)

    def _told(self, size: int) -> None:
        self._told_bytes += size
        if len(self.headers) > MOST_HEADERS or self._told_bytes > HEAD_BYTES:
            self._too_large = True
            raise ValueError("the headers are too large")  # the parser ends by it, and `send_400_response` answers

    def _await_head(self) -> None:
        self._await_nothing()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._end, 408, "The request's headers came too slowly.")

    def _await_body(self) -> None:
        self._await_nothing()
        self._timer = self.loop.call_later(body.SECONDS, self._body_late)

    def _await_nothing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _body_late(self) -> None:
        """Whoever reads the body has a limit of time, too, and answers; here nobody reads it any more."""
        if self.cycle.response_complete:
            self.transport.close()
        else:
            self._await_body()

    def _end(self, status: int, message: str) -> None:
        self._await_nothing()
        if self.transport.is_closing():
            return
        head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % (len(message) + 1) + message.encode() + b"\n")
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """A request's head that asks for no other protocol: the parser would take its body for one of that.

    Java's own client asks for HTTP/2 in this way, with its first POST on a connection.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nignored:", head) + end + rest


def application(settings: Settings) -> Starlette:
    """The collector alone, as an ASGI application."""
    collector = Collector(settings)

    def lifespan(_app: Starlette) -> Any:
        return collector.running()

    app = Starlette(routes=routes(collector), lifespan=lifespan)
    app.router.redirect_slashes = False  # a redirect would name http, behind a proxy that does TLS
    return app


def serve(settings: Settings, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, then store what was taken; returns the exit code.

    Raises `ActivityError` for a landing store or a state database that cannot be opened.
    """
    _allow_open_files()
    gc.set_threshold(_GARBAGE, 20, 100)
    open_store(settings)
    State(settings.data)
    config = uvicorn.Config(
        application(settings),
        host=host,
        port=port,
        http=BoundedHttp,
        ws="none",
        loop="auto",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,  # it would hold the keys that stand in query strings
        log_level="warning",
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # For one that comes before uvicorn listens to them; and it raises the one it stopped on again, which would end us
    # unwell.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run()
    return 0 if server.started else 1


def _allow_open_files() -> None:
    """As many connections as the system lets us have: the usual 1,024 are soon taken by slow ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
