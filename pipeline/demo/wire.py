"""The demo's events on the wire: what the browser's SDK would send, and what the collector would add."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from pipeline.demo.objects import Line
from pipeline.demo.people import Visitor, uuid
from pipeline.demo.site import Entry

SOURCE = "harbour-courier"
BILLING = "billing"
LIBRARY = {"name": "insight.js", "version": "3.2.1"}
OFFLINE_SHARE = 0.003  # of visits: the phone had no network, and the events arrive hours later


class Sender:
    """One visit's SDK: keeps the time and the page, and collects the lines the collector would have written."""

    def __init__(self, visitor: Visitor, start_ms: int, rng: Random) -> None:
        self.visitor, self.rng, self.now_ms = visitor, rng, start_ms
        self.lines: list[Line] = []
        self._page: dict[str, str] = {}
        self._delay_ms = rng.randrange(1_800_000, 20_000_000) if rng.random() < OFFLINE_SHARE else 0
        self._common: dict[str, Any] = {
            "locale": "en-GB" if visitor.place.code in {"GB", "IE"} else "en-US",
            "timezone": visitor.place.timezone,
            "screen": {"width": visitor.device.screen[0], "height": visitor.device.screen[1]},
            "library": LIBRARY,
        }
        if visitor.device.hints:
            self._common["userAgentData"] = visitor.device.hints
        self._referrer = ""
        self._query = ""

    def enter(self, entry: Entry) -> None:
        """Come to the site: the first page has this referrer and, in its URL, this campaign."""
        self._referrer = entry.referrer
        if entry.source:
            fields = (("source", entry.source), ("medium", entry.medium), ("campaign", entry.campaign))
            self._common["campaign"] = {("name" if name == "campaign" else name): value for name, value in fields}
            self._query = "?" + "&".join(f"utm_{name}={value}" for name, value in fields)

    def page(self, url: str, title: str, properties: dict[str, Any]) -> None:
        if self._page:
            pause(self, self.rng)
        url, self._query = url + self._query, ""
        parts = urlsplit(url)
        self._page = {"url": url, "path": parts.path, "title": title, "referrer": self._referrer}
        if parts.query:
            self._page["search"] = f"?{parts.query}"
        self._referrer = url
        self._send({"type": "page", "name": title, "properties": {**self._page, **properties}})

    def track(self, event: str, properties: dict[str, Any]) -> None:
        self.now_ms += self.rng.randrange(1_500, 25_000)
        self._send({"type": "track", "event": event, "properties": properties})

    def modal(self, name: str, properties: dict[str, Any] | None = None) -> None:
        """What `Pelcro.insight.track("Modal Displayed", {name})` sends."""
        self.track("Modal Displayed", {"name": name, **(properties or {})})

    def identify(self) -> None:
        visitor = self.visitor
        self.now_ms += self.rng.randrange(200, 1_500)
        traits: dict[str, Any] = {
            "name": f"{visitor.first_name} {visitor.last_name}",
            "email": visitor.email,
            "first_name": visitor.first_name,
            "last_name": visitor.last_name,
        }
        if visitor.subscribed and visitor.plan:
            traits["plan"] = visitor.plan.name
        self._send({"type": "identify", "traits": traits})

    def _send(self, call: dict[str, Any]) -> None:
        visitor, rng = self.visitor, self.rng
        sent_ms = self.now_ms + rng.randrange(5, 400) + self._delay_ms
        # Less spread than the shortest step between two calls: the corrected times keep their order.
        received_ms = sent_ms + rng.randrange(20, 180)
        event = {
            **call,
            "messageId": f"ins-{uuid(rng)}",
            "anonymousId": visitor.anonymous_id,
            "context": {**self._common, "page": self._page},
            # The client's own clock may be wrong; the collector corrects it by what it knows (docs/semantics.md).
            "originalTimestamp": iso(self.now_ms + visitor.clock_skew_ms),
            "sentAt": iso(sent_ms + visitor.clock_skew_ms),
            "timestamp": iso(received_ms - (sent_ms - self.now_ms)),
            "receivedAt": iso(received_ms),
            "ip": visitor.ip,
            "userAgent": visitor.device.user_agent,
            "source": SOURCE,
        }
        if visitor.registered:
            event["userId"] = visitor.customer_id
        self.lines.append((received_ms, orjson.dumps(event)))


def renewal(visitor: Visitor, at_ms: int, rng: Random) -> Line:
    """A server's event: it knows the customer and nothing of a browser."""
    plan = visitor.plan
    failed = rng.random() < 0.04
    event = {
        "type": "track",
        "event": "Payment Failed" if failed else "Subscription Renewed",
        "userId": visitor.customer_id,
        "messageId": f"node-{uuid(rng)}",
        "properties": {"plan": plan.name, "amount": plan.amount, "currency": plan.currency} if plan else {},
        "context": {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}},
        "timestamp": iso(at_ms),
        "sentAt": iso(at_ms + 40),
        "receivedAt": iso(at_ms + 90),
        "source": BILLING,
    }
    return at_ms + 90, orjson.dumps(event)


def pause(sender: Sender, rng: Random) -> None:
    """Time passes between two pages: a minute or so, sometimes much more."""
    sender.now_ms += int(min(1_500, max(3, rng.lognormvariate(3.7, 0.9))) * 1000)


def iso(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(instant: str, by_ms: int) -> str:
    """An instant as `iso` writes it, moved on."""
    return iso(round(datetime.fromisoformat(instant).timestamp() * 1000) + by_ms)
