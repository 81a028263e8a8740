"""What the collector adds to each event: what it alone knows, over anything the client says of it.

The stamps follow the event's own members in its text; of two members with one name the later counts in the pipeline's
reader, so no client can set them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from pipeline.collect.envelope import Envelope, Sent
from pipeline.landing import TOO_LONG
from pipeline.state import WriteKey

_HIDDEN = "***"
_LONGEST_TIME = 64  # what is copied to every event of a batch must be small
_LONGEST_AGENT = 1_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """What one request's events have in common.

    `type` is what the path says; a batch's events have types of their own. `ip` and `user_agent` are None for a server
    key: there the context the server sends counts, not the server itself.
    """

    key: WriteKey
    key_text: str
    received_at: datetime
    type: str | None
    ip: str | None
    user_agent: str | None
    max_event_bytes: int

    def lines(self, envelope: Envelope) -> list[bytes]:
        """One line for each event, without its end."""
        common = {
            "receivedAt": self.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ip": self.ip,
            "userAgent": None if self.user_agent is None else self.user_agent[:_LONGEST_AGENT],
            "source": self.key.source,
        }
        suffix = json.dumps(common)[1:]
        return [self._line(event, envelope.sent_at, suffix) for event in envelope.events]

    def _line(self, event: Sent, sent_at: Any, suffix: str) -> bytes:
        text, value = event.text, event.value
        if value is not None:
            own = self._own(value, sent_at, is_long(text, self.max_event_bytes))
            between = ", " if value else ""
            text = f"{text[:-1]}{between}{own}{suffix}"
        if self.key_text in text:  # a secret, and in the store for years
            text = text.replace(self.key_text, _HIDDEN)
        if "\n" in text or "\r" in text:
            text = text.replace("\n", " ").replace("\r", " ")
        return text.encode("utf-8", "surrogateescape")

    def _own(self, value: dict[str, Any], sent_at: Any, long: bool) -> str:
        """What this event lacks and the request says: its type, when it was sent, and which clock its time is of.

        By `sentAt` and `originalTimestamp` the pipeline corrects the client's clock ("An event", docs/semantics.md).
        The batch's `sentAt` is over an event's own: rudder-sdk-node renews only the batch's when it sends again.
        """
        told: dict[str, Any] = {}
        if self.type is not None and not value.get("type"):
            told["type"] = self.type
        if value.get("sentAt") != sent_at and _is_time(sent_at):
            told["sentAt"] = sent_at
        if value.get("originalTimestamp") is None and _is_time(value.get("timestamp")):
            told["originalTimestamp"] = value["timestamp"]
        if long:
            told[TOO_LONG] = True
        return f"{json.dumps(told)[1:-1]}, " if told else ""


def is_long(text: str, limit: int) -> bool:
    """Whether a text has more bytes than that in UTF-8."""
    return len(text) * 4 > limit and len(text.encode("utf-8", "surrogateescape")) > limit


def _is_time(value: Any) -> bool:
    """Whether a value may be one, and can be written: a batch's `sentAt` with a broken character would break all."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TIME and value.isascii()
    return isinstance(value, float) and isfinite(value)
