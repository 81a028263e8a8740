"""Those who send: many at once, at a steady rate, each again what failed with the same message ids, as the SDKs do."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from datetime import UTC, datetime

from tests.faults.producer import Body, Producer
from tests.support_collect import HOST, PATIENCE

CLIENTS, BATCH = 25, 20  # who send at the same time, and events in a request: each waits for the durable write
BAD_SHARE = 0.01


class Sender:
    """Clients that send at a steady rate in all, each on a connection of its own, until `stop`.

    `accepted` are the ids and `bad` the markers of what got a 200; `late` is by how many seconds they were behind.
    """

    def __init__(self, port: int, key: str, rate: int, producer: Producer) -> None:
        self.accepted: set[str] = set()
        self.bad: set[str] = set()
        self.resent, self.late = 0, 0.0
        self._port, self._key, self._producer = port, key, producer
        self._rng, self._lock = random.Random(1), threading.Lock()
        self._stopping = threading.Event()
        pause = CLIENTS * BATCH / rate
        self._threads = [
            threading.Thread(target=self._send_all, args=(pause * number / CLIENTS, pause), daemon=True)
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the last request was never answered"

    def _send_all(self, first: float, pause: float) -> None:
        due = time.monotonic() + first
        client = Client(self._port, self._key)
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._send_one(client)
            due += pause
            self.late = max(self.late, time.monotonic() - due)

    def _send_one(self, client: Client) -> None:
        with self._lock:
            body = self._body()
        content = b'{"batch":[' + b",".join(body.parts) + b"]}"
        while not client.is_accepted(content):
            self.resent += 1
            time.sleep(0.5)
        with self._lock:
            self.accepted |= body.events
            self.bad |= set(body.bad)

    def _body(self) -> Body:
        body = Body()
        for _ in range(BATCH):
            if self._rng.random() < BAD_SHARE:
                marker = f"bad-{self._rng.getrandbits(64):x}-"
                body.add_bad(lambda marker: json.dumps({"type": "track", "event": "Read", "messageId": marker}), marker)
            else:
                now = datetime.now(UTC).isoformat()
                body.add_event(self._producer.event(timestamp=now, originalTimestamp=now, receivedAt=None))
        return body


class Client:
    """One connection, made again after each failure."""

    def __init__(self, port: int, key: str) -> None:
        self._headers = {"Content-Type": "application/json", "X-Write-Key": key}
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)

    def is_accepted(self, content: bytes) -> bool:
        try:
            self._connection.request("POST", "/v1/batch", content, self._headers)
            response = self._connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
