"""What is landed, and the producer's own ledger of it: the truth that the lake is compared with."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.places import Place

SOURCE = "shop"
BAD_LINES = (
    lambda marker: f'{{"marker":"{marker}"',  # cut off
    lambda marker: f'"{marker}"',  # no object
    lambda marker: json.dumps({"messageId": marker, "type": "track", "event": "Read"}),  # nobody's
    lambda marker: json.dumps({"messageId": marker, "type": "track", "userId": "u"}),  # without a name
)


@dataclass
class Ledger:
    """What was accepted: message ids of events, of which each must be in the lake once; markers of lines that are no
    events, of which each must be kept as rejected as often as it was landed; and how many lines there were in all.
    Of the events, `gone` are those that retention or erasure has removed since: none of them may be there."""

    events: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    bad: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    objects: int = 0

    def rebuild(self) -> None:
        """The lake is made again from objects that hold nothing any more of what an erasure removed."""
        self.lines -= len(self.events & self.gone)
        self.events -= self.gone


class Producer:
    """Lands seeded objects at `place`, and books them as accepted only once they are there.

    Of an object's lines one in ten is a redelivery of an earlier event, one in twenty no event, one in twenty blank.
    """

    def __init__(self, place: Place, seed: int = 0) -> None:
        self.place = place
        self.ledger = Ledger()
        self._rng = random.Random(seed)
        self._seed = seed
        self._made = 0
        self._sent: list[str] = []

    def land(self, objects: int = 1, events: int = 50, padding: int = 0) -> list[str]:
        """Land so many objects of so many lines; returns their keys."""
        return [self.put(self.body(events, padding=padding)) for _ in range(objects)]

    def put(self, body: Body, key: str | None = None) -> str:
        """Land one object and book it."""
        self._made += 1
        # Not in the order of time, as those of several collectors come.
        key = key or f"{self._rng.randrange(10**6):06d}-{self._seed}-{self._made}.jsonl.gz"
        self.place.put(key, body.packed())
        self.book(body)
        return key

    def book(self, body: Body) -> None:
        """Count what `body` holds as accepted: for a test that lands it by itself."""
        self.ledger.events |= body.events
        self.ledger.bad += body.bad
        self.ledger.lines += body.lines
        self.ledger.objects += 1
        self._sent += body.texts

    def once(self, events: Sequence[dict[str, Any]]) -> set[str]:
        """Land one object with these events behind others; they alone are never sent again. Returns their ids."""
        body = self.body(20)
        again = list(body.texts)
        for event in events:
            body.add_event(event)
        body.texts = again
        self.put(body)
        return {event["messageId"] for event in events}

    def customer(self, customer: str) -> set[str]:
        """Land a customer in three objects, with a visitor who became them; returns the ids of their events."""
        visitor = f"visitor of {customer}"
        return set().union(
            *(
                self.once([self.event(userId=known, anonymousId=visitor) for _ in range(5)])
                for known in (None, customer, customer)
            )
        )

    def body(self, lines: int, at: datetime | None = None, padding: int = 0) -> Body:
        """Lines for one object, not landed yet; an event's has some 300 bytes and `padding`."""
        body = Body()
        more = {"padding": "x" * padding} if padding else {}
        for _ in range(lines):
            chance = self._rng.random()
            if chance < 0.05:
                body.add_bad(self._rng.choice(BAD_LINES), self._next("bad"))
            elif chance < 0.15 and self._sent:
                body.add_again(self._rng.choice(self._sent))
            else:
                body.add_event(self.event(at, **more))
            if chance > 0.95:
                body.add_blank()
        return body

    def event(self, at: datetime | None = None, **more: Any) -> dict[str, Any]:
        """One event that nobody sent before."""
        when = (at or datetime.now(UTC)) - timedelta(seconds=self._rng.randrange(3 * 86_400))
        person = self._rng.randrange(200)
        return {
            "messageId": self._next("m"),
            "type": "track",
            "event": self._rng.choice(("Page Viewed", "Modal Displayed", "Registered", "Subscribed")),
            "userId": f"cus_{person}" if person < 80 else None,
            "anonymousId": f"visitor-{person}",
            "timestamp": when.isoformat(),
            "receivedAt": (when + timedelta(seconds=1)).isoformat(),
            "context": {"ip": f"198.51.100.{person}", "page": {"url": f"https://example.com/story/{person}"}},
            "source": SOURCE,
            **more,
        }

    def _next(self, what: str) -> str:
        self._made += 1
        return f"{what}-{self._seed}-{self._made}-"


@dataclass
class Body:
    """An object's text, and what it holds."""

    texts: list[str] = field(default_factory=list)  # of the events, as they may be sent again
    parts: list[bytes] = field(default_factory=list)
    events: set[str] = field(default_factory=set)
    bad: Counter[str] = field(default_factory=Counter)
    lines: int = 0

    def add_event(self, event: dict[str, Any]) -> None:
        self.texts.append(json.dumps(event))
        self.add_again(self.texts[-1])

    def add_again(self, text: str) -> None:
        self.parts.append(text.encode())
        self.events.add(json.loads(text)["messageId"])
        self.lines += 1

    def add_bad(self, make: Any, marker: str) -> None:
        self.add_bad_bytes(make(marker).encode(), marker)

    def add_bad_bytes(self, raw: bytes, marker: str) -> None:
        """A line that is no event and holds `marker`, by which it is found again."""
        self.parts.append(raw)
        self.bad[marker] += 1
        self.lines += 1

    def add_blank(self) -> None:
        self.parts.append(b"")

    def text(self) -> bytes:
        return b"\n".join(self.parts) + b"\n"

    def packed(self) -> bytes:
        return gzip.compress(self.text(), compresslevel=1)
