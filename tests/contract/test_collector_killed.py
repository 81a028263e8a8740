"""Exactly once, when the collector is killed at any moment: while it reads, gathers, writes, renames or answers."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from pipeline.lake import Lake
from pipeline.questions import ledger
from tests.support import make_settings
from tests.support_collect import HOST, PATIENCE, Running, basic, load, make_key, track

KILLS = 50
CLIENTS = 8
SETTINGS = {"ACTIVITY_LINGER_MS": "20", "ACTIVITY_KEY_EVENTS_PER_SECOND": "1000000"}


class Fleet:
    """One collector at a time takes the load; the next one starts meanwhile, since that takes the longest."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._current, self._next = Running(data, **SETTINGS), Running(data, **SETTINGS)
        self._current.wait_ready()

    @property
    def port(self) -> int:
        return self._current.port

    def kill(self) -> None:
        """End the one under load without a word, and lead the load to the next."""
        killed, self._current = self._current, self._next.wait_ready()
        killed.kill()
        self._next = Running(self._data, **SETTINGS)

    def close(self) -> None:
        self._next.kill()
        code = self._current.stop()
        self._current.kill()
        assert code == 0


class Client:
    """Sends batches and single events one after another, each until it is answered 200."""

    def __init__(self, number: int, fleet: Fleet, key: str) -> None:
        self._number, self._fleet = number, fleet
        self._headers = {"Authorization": basic(key)}
        self._rng = random.Random(number)
        self._connection: HTTPConnection | None = None
        self.acknowledged: list[str] = []
        self.attempts: Counter[str] = Counter()

    def run(self, enough: threading.Event) -> None:
        """Until it is told that this is enough."""
        numbers = count()
        while not enough.is_set():
            events = [track(f"{self._number}-{next(numbers)}") for _ in range(self._rng.choice([1, 1, 5, 20]))]
            path, content = ("/v1/t", events[0]) if len(events) == 1 else ("/v1/batch", {"batch": events})
            deadline = time.monotonic() + PATIENCE
            while not self._send(path, json.dumps(content).encode()):
                assert time.monotonic() < deadline, "nobody answers"
            self.acknowledged += [event["messageId"] for event in events]
        self._hang_up()

    def _send(self, path: str, body: bytes) -> bool:
        """Whether it was answered 200, on a connection that is kept."""
        if self._connection is None:
            self._connection = HTTPConnection(HOST, self._fleet.port, timeout=PATIENCE)
        try:
            self._connection.request("POST", path, body, self._headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            self.attempts[type(error).__name__] += 1
            self._hang_up()
            return False
        self.attempts[str(answer.status)] += 1
        return answer.status == 200

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def test_killing_collectors_loses_no_answered_event_and_doubles_none(tmp_path: Path) -> None:
    rng = random.Random(7)
    fleet, key = Fleet(tmp_path), make_key(tmp_path)
    clients = [Client(number, fleet, key) for number in range(CLIENTS)]
    enough = threading.Event()
    with closing(fleet), ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client.run, enough) for client in clients]
        try:
            for _ in range(KILLS):
                time.sleep(rng.uniform(0, 0.1))
                fleet.kill()
        finally:
            enough.set()
        for future in running:
            future.result()
    attempts = sum((client.attempts for client in clients), Counter())
    assert {kind for kind in attempts if kind.isdigit()} == {"200"}
    assert attempts.total() - attempts["200"] >= KILLS, "too few requests were hit for the test to prove anything"

    load(tmp_path)
    answered = [message_id for client in clients for message_id in client.acknowledged]
    assert len(answered) == len(set(answered))
    with closing(Lake.open(make_settings(tmp_path))) as lake:
        snapshot = lake.snapshot()
        totals = ledger.totals(snapshot)
        rows = Counter(snapshot.fetch(snapshot.events.select("message_id"))["message_id"].to_pylist())
        keys = snapshot.fetch(snapshot.objects.select("key"))["key"].to_pylist()
    assert rows == Counter(answered)
    assert totals.balanced
    assert (totals.rejected, totals.expired, totals.objects_rejected, totals.objects_retrying) == (0, 0, 0, 0)
    assert totals.duplicate > 0, "no answer was lost behind a write: the kills came at no interesting moment"
    assert not [key for key in keys if ".tmp" in key]
