"""The demo's events on their way to the collector, as a publisher's own server sends them: again until they are in."""

from __future__ import annotations

import base64
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any

import orjson

from pipeline.demo.wire import iso
from pipeline.errors import ActivityError

_PATIENCE = 10.0  # seconds with an answer
_BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before each further try; the last one stays
_LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says

Keys = Callable[[], Mapping[str, str]]  # source → its server key, as of now
Say = Callable[[str], None]


class Post:
    """Sends to the collector at `base`. `keys` is asked again when one is refused; `say` is told of trouble, once."""

    def __init__(self, base: str, keys: Keys, stop: threading.Event, say: Say = lambda text: None) -> None:
        self._url = f"{base.rstrip('/')}/v1/batch"
        self._keys, self._stop, self._say = keys, stop, say
        self._known = keys()
        self._trouble = ""

    def send(self, lines: Sequence[bytes]) -> bool:
        """Send lines as the collector would have written them, until it has stored them all; False when stopped.

        The same message ids go with every try, so an answer that was lost on the way counts nothing twice. Raises
        `ActivityError` when the collector says that they are not acceptable.
        """
        by_source: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            event = orjson.loads(line)
            by_source.setdefault(event["source"], []).append(as_sent(event))
        return all(self._until_stored(source, events) for source, events in by_source.items())

    def _until_stored(self, source: str, events: list[dict[str, Any]]) -> bool:
        tries = 0
        while not self._stop.is_set():
            wait = self._try(source, events)
            if wait is None:
                self._tell("")
                return True
            self._stop.wait(max(wait, _BACK_OFF[min(tries, len(_BACK_OFF) - 1)]))
            tries += 1
        return False

    def _try(self, source: str, events: list[dict[str, Any]]) -> float | None:
        """One request; None when the events are stored, else the seconds to wait at least."""
        body = orjson.dumps({"batch": events, "sentAt": iso(int(time.time() * 1000))})
        user = base64.b64encode(f"{self._known[source]}:".encode()).decode()
        headers = {"content-type": "application/json", "authorization": f"Basic {user}"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                return None
        except urllib.error.HTTPError as refused:
            with refused:
                return self._refused(refused.code, refused.headers.get("retry-after"), refused.read(2_000))
        except (OSError, HTTPException) as error:
            self._tell(f"The collector at {self._url} does not answer ({error}). Trying again until it does.")
            return 0

    def _refused(self, status: int, retry_after: str | None, body: bytes) -> float:
        said = body.decode("utf-8", "replace").strip()
        if status == 401:
            self._known = self._keys()  # somebody revoked it
        elif status < 500 and status not in {404, 408, 429}:  # 404: the dashboard is there, its collector is not
            raise ActivityError(f"The collector refused the demo’s events ({status}): {said}", code="demo.refused")
        self._tell(f"The collector cannot take events now ({status}): {said}. Trying again until it does.")
        return min(float(retry_after), _LONGEST_WAIT) if retry_after and retry_after.isdigit() else 0

    def _tell(self, trouble: str) -> None:
        if trouble and not self._trouble and not self._stop.is_set():
            self._say(trouble)
        self._trouble = trouble


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """A line of the landing store as its sender has it: without what the collector adds, which it adds again.

    `timestamp` is the event's own time, corrected for the reader's clock. As `originalTimestamp`, beside the batch's
    `sentAt`, it comes out the same however late the batch is sent.
    """
    sent = {name: value for name, value in event.items() if name not in _ADDED}
    context = dict(event.get("context", {}))
    for name in ("ip", "userAgent"):
        if event.get(name):
            context[name] = event[name]
    return {**sent, "context": context, "originalTimestamp": event["timestamp"]}


_ADDED = frozenset({"receivedAt", "sentAt", "timestamp", "ip", "userAgent", "source"})
