"""The collector under load: what one core stores for good, how long an answer takes, and what the bare framework does.

Server and generator are processes of their own, on a core each where the machine has two.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.request import urlopen

import psutil
import uvloop

from pipeline.state import State
from tests.bench.data import event
from tests.bench.figure import Figure
from tests.bench.load import environment, peak_memory

HOST = "127.0.0.1"
CONNECTIONS = 1_500  # each waits for most of the linger, so that many are needed for a load
BATCH = 200  # events, about 200 KB: what server SDKs send
SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Result:
    """Requests answered 200 and all others, in `seconds`; `waits` are the answers' times in seconds, sorted."""

    good: int
    bad: int
    seconds: float
    waits: Sequence[float]

    @property
    def rate(self) -> float:
        return self.good / self.seconds

    def percentile(self, share: float) -> float:
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]


def measure(work: Path) -> Iterator[Figure]:
    """What the collector stores for good on one core, and how long an answer takes at half of that."""
    data = work / "collect"
    data.mkdir(parents=True)
    key = State(data).keys.make("bench", kind="server", at=datetime.now(UTC)).text
    single, batch = _request(key, "/v1/track", _single()), _request(key, "/v1/batch", _batch())
    with _serving(_bare_command(), {}, "/v1/track") as (port, _):
        bare = _run(port, single, CONNECTIONS, None)
    yield Figure("bare Starlette, always 200", bare.rate, "requests/s")
    command = [sys.executable, "-m", "pipeline", "collect", "--host", HOST, "--port"]
    rates = {**environment(data), "ACTIVITY_KEY_EVENTS_PER_SECOND": "1000000"}
    with _serving(command, rates, "/readyz") as (port, process), peak_memory(psutil.Process(process)) as peak:
        yield Figure("memory, idle", psutil.Process(process).memory_info().rss / 1e6, "MB")
        ones = _run(port, single, CONNECTIONS, None)
        yield Figure("single events", ones.rate, "requests/s", at_least=2_000)
        yield Figure("single events / bare Starlette", ones.rate / bare.rate, "×")
        yield _p99("single events at 1,000 a second", _run(port, single, CONNECTIONS, 1_000))
        many = _run(port, batch, 64, None)
        yield Figure(f"in batches of {BATCH}", many.rate * BATCH, "events/s", at_least=20_000)
        yield _p99(f"in batches of {BATCH} at 10,000 events a second", _run(port, batch, 64, 10_000 / BATCH))
    yield Figure("memory, at most", peak[0] / 1e6, "MB", at_most=300)


def _p99(what: str, result: Result) -> Figure:
    return Figure(f"{what}, p99 ({result.bad} not 200)", result.percentile(0.99) * 1000, "ms", at_most=300)


def _single() -> dict[str, object]:
    return event(random.Random(1), datetime.now(UTC), 1_000)


def _batch() -> dict[str, object]:
    rng = random.Random(2)
    now = datetime.now(UTC)
    batch = [event(rng, now - timedelta(seconds=rng.random()), 1_000) for _ in range(BATCH)]
    return {"batch": batch, "sentAt": now.isoformat()}


def _request(key: str, path: str, content: dict[str, object]) -> bytes:
    """One request's bytes, head and body."""
    body = json.dumps(content).encode()
    basic = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {basic}\r\nContent-Type: application/json\r\n"
        f"User-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _run(port: int, request: bytes, connections: int, pace: float | None) -> Result:
    """The load from a process of its own: as fast as answers come, or `pace` requests a second."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_generate, (port, request, connections, pace))


def _generate(port: int, request: bytes, connections: int, pace: float | None) -> Result:
    _pin(1)
    gc.freeze()
    return uvloop.run(_load(port, request, connections, pace))


async def _load(port: int, request: bytes, connections: int, pace: float | None) -> Result:
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    bad = [0]
    ends = time.perf_counter() + SECONDS

    def answered(good: bool, seconds: float) -> None:
        if good:
            waits.append(seconds)
        else:
            bad[0] += 1

    idle: list[_Client] = []
    clients = [
        (await loop.create_connection(lambda: _Client(request, answered, idle, ends, pace is None), HOST, port))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    if pace is None:
        for client in clients:
            client.send(time.perf_counter())
    else:
        due = began
        while due < ends:
            await asyncio.sleep(max(0, due - time.perf_counter()))
            if idle:
                idle.pop().send(due)  # late starts count: the wait is from when the request was due
                due += 1 / pace
    await asyncio.sleep(max(0, ends - time.perf_counter()) + 0.7)
    for client in clients:
        client.close()
    return Result(len(waits), bad[0], SECONDS, sorted(waits))


class _Client(asyncio.Protocol):
    """One connection kept alive. `again` sends the next request as soon as the answer is there."""

    def __init__(
        self,
        request: bytes,
        answered: Callable[[bool, float], None],
        idle: list[_Client],
        ends: float,
        again: bool,
    ) -> None:
        self._request, self._answered, self._idle, self._ends, self._again = request, answered, idle, ends, again
        self._transport: asyncio.Transport
        self._sent = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        self._idle.append(self)

    def send(self, due: float) -> None:
        self._sent = due
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"}"):  # the server sends head and body apart
            return
        answer, self._answer = self._answer, b""
        now = time.perf_counter()
        if now < self._ends:
            self._answered(answer.startswith(b"HTTP/1.1 200"), now - self._sent)
            if self._again:
                self.send(now)
        self._idle.append(self)

    def close(self) -> None:
        self._transport.close()


@contextmanager
def _serving(command: list[str], settings: dict[str, str], path: str) -> Iterator[tuple[int, int]]:
    """The server on one core; yields its port and process id."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], env=settings or None, stdout=subprocess.DEVNULL)
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {0})
        _await(f"http://{HOST}:{port}{path}")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str) -> None:
    for _ in range(300):
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


_BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def take(request):
    await request.body()
    return Response(b'{"success": true}', media_type="application/json")

app = Starlette(routes=[Route("/v1/track", take, methods=["GET", "POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
"""


def _bare_command() -> list[str]:
    return [sys.executable, "-c", _BARE]
