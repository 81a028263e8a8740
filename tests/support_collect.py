"""The collector as a user runs it, a process of its own, with a client that sends what a test wants word for word."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

from pipeline.lake import Lake
from pipeline.state import Kind, State
from tests import nursery
from tests.support import make_settings
from tests.support_cli import environment, pipeline

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds for a process to start or to stop, on a busy machine


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The refusal's code."""
        return None if self.status == 200 else str(json.loads(self.body)["code"])


class Running:
    """A collector that was started; `log` holds all that it said."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.port = free_port()
        self.log = data / f"collector-{self.port}.log"
        command = ["collect", "--port", str(self.port)]
        surroundings = environment(data, **settings)
        self.process = nursery.start("pipeline.__main__", command, surroundings, self.log, self.log)

    @property
    def address(self) -> str:
        """As "host:port"."""
        return f"{HOST}:{self.port}"

    def wait_ready(self) -> Running:
        """Returns when it takes events."""
        until(self._is_ready, "the collector is ready")
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"the collector ended:\n{self.log.read_text()}"
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def get(self, path: str) -> Answer:
        return request(self.port, "GET", path)

    def send(self, path: str, content: object, key: str | None = None, **headers: str) -> Answer:
        """POST `content`: bytes as they are, anything else as JSON; `key` as Basic's user."""
        if key is not None:
            headers["Authorization"] = basic(key)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return request(self.port, "POST", path, body, headers)

    def figure(self, name: str, **labels: str) -> float:
        """One of `/metrics`, as Prometheus reads it; 0 when it is not there yet."""
        text = self.get("/metrics").body.decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        found = [each.value for each in samples if each.name == name and labels.items() <= each.labels.items()]
        assert len(found) <= 1
        return float(found[0]) if found else 0.0

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def stop(self) -> int:
        """Ask it to stop, and wait; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def collecting(data: Path, **settings: str) -> Iterator[Running]:
    """A collector that takes events; it must stop cleanly."""
    running = Running(data, **settings)
    try:
        yield running.wait_ready()
        code = running.stop()
    finally:
        running.kill()
    assert code == 0, running.log.read_text()


def make_key(data: Path, source: str = "tests", kind: Kind = "browser", origins: tuple[str, ...] = ()) -> str:
    return State(data).keys.make(source, kind=kind, origins=origins, at=datetime.now(UTC)).text


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    source: str = HOST,
    timeout: float = PATIENCE,
) -> Answer:
    """One request on a connection of its own, from the loopback address `source`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout, source_address=(source, 0))
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def track(message_id: str, **more: Any) -> dict[str, Any]:
    """An event that the pipeline takes."""
    return {"type": "track", "event": "Tested", "messageId": message_id, "anonymousId": "visitor-1", **more}


def objects(data: Path) -> list[Path]:
    """The landing folder's objects that a reader would see, oldest first."""
    return sorted((data / "landing").glob("v1/dt=*/hh=*/*.jsonl.gz"), key=lambda path: path.name)


def stored(data: Path) -> list[bytes]:
    """The lines of all objects, read by none of the product's code."""
    return [line for path in objects(data) for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]


def load(data: Path, **settings: str) -> None:
    """One look of the real pipeline at what was stored."""
    done = pipeline(data, "run", "--once", **settings)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True, slots=True)
class Loaded:
    """The lake's events by message id, and the rejected lines."""

    rows: list[dict[str, Any]]
    rejected: list[dict[str, Any]]

    def row(self, message_id: str) -> dict[str, Any]:
        """The one event with that id."""
        (found,) = [row for row in self.rows if row["message_id"] == message_id]
        return found


def read_lake(data: Path) -> Loaded:
    with closing(Lake.open(make_settings(data))) as lake:
        snapshot = lake.snapshot()
        return Loaded(snapshot.fetch(snapshot.events).to_pylist(), snapshot.fetch(snapshot.rejected).to_pylist())


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; `what` says which, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.02)


def sent_at_once(send: Callable[[int], Answer], number: int) -> list[Answer]:
    """The answers to `send(0)`, `send(1)`, … by so many clients."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(send, range(number)))


def ids(lines: Sequence[bytes]) -> Counter[str]:
    """How often each message id is in these lines."""
    return Counter(json.loads(line)["messageId"] for line in lines)


def free_port() -> int:
    """A port that nobody listens on, above those that the system gives to outgoing connections: they come and go."""
    while True:
        port = random.SystemRandom().randrange(61_000, 65_500)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
