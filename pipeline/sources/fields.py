"""Picking an event's fields out of one decoded JSON object ("An event" in docs/semantics.md).

All formats carry Segment's common fields, so there is one picker. It takes each field it knows OUT of the object: what
is left over in the end is, by construction, everything else the event carried, and becomes `properties`.

The picker runs once for every line, so it works on plain dicts and local names, and the rare cases (numbers as ids,
mapped addresses) sit in `pipeline.sources.values`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from pipeline.landing import TOO_LONG
from pipeline.sources.lines import LineRejected
from pipeline.sources.times import Clock
from pipeline.sources.values import NO_ID, address, first_text, has_nul, identifier, modal, path_of, person_name

Event = dict[str, Any]

NAMES = {
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Grouped",
    "alias": "Aliased",
}
TYPES = frozenset({*NAMES, "track"})

# What delivering an event adds to it or changes in it, so no part of what it is: a redelivered event without a message
# id must hash to the same key. `timestamp` joins them where `originalTimestamp` is there, as it is derived from both
# that and `receivedAt`.
_DELIVERY = frozenset({"receivedAt", "sentAt", "request_ip", "writeKey"})
_STAMPS = _DELIVERY | {"source", "ip", "userAgent"}

# The columns a picked row has, in its order; all others are for the lake and for enrichment to fill.
COLUMNS = (
    "event",
    "type",
    "occurred_at",
    "received_at",
    "customer_id",
    "anonymous_id",
    "ip",
    "url",
    "path",
    "referrer",
    "title",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "event_id",
    "message_id",
    "source",
    "properties",
    "line",
    "user_agent",
    "client_hints",
    "modal_name",
    "trait_name",
    "trait_email",
    "linked_anonymous_id",
)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Picker:
    """Picks rows out of one object's events.

    `source` names what lines do not name themselves; `stamped` says that an event's top-level `source`, `ip` and
    `userAgent` are our collector's word.
    """

    source: str
    stamped: bool
    clock: Clock

    def pick(self, event: Event, line: int, raw: bytes) -> Row | None:
        """The row for `event`, which is used up, or None when it is expired. Raises `LineRejected`.

        Long, and with checks that the helpers repeat, on purpose: for what nearly every event is like, each call that
        is not made is measurable.
        """
        if self.stamped and TOO_LONG in event:
            raise LineRejected("line.too_long", "The event is longer than the collector takes.")
        pop = event.pop
        message_id = event.get("messageId")
        told = None
        if type(message_id) is str and message_id not in NO_ID:
            del event["messageId"]
        else:
            message_id = identifier(event, "messageId", raw)
            if message_id is None:
                told = _content(event, self.stamped)
        kind, name = event.get("type"), event.get("event")
        if kind == "track" and type(name) is str and name and not name.isspace():
            del event["type"], event["event"]
        else:
            kind, name = _what(event)
        customer_id = pop("userId", None)
        if customer_id is not None and (type(customer_id) is not str or customer_id in NO_ID):
            event["userId"] = customer_id
            customer_id = identifier(event, "userId", raw)
        anonymous_id = pop("anonymousId", None)
        if anonymous_id is not None and (type(anonymous_id) is not str or anonymous_id in NO_ID):
            event["anonymousId"] = anonymous_id
            anonymous_id = identifier(event, "anonymousId", raw)
        if customer_id is None and anonymous_id is None:
            raise LineRejected("line.no_identity", "The event has neither a user id nor an anonymous id.")
        escapes = b"\\" in raw  # found many times faster than what follows it
        if escapes and rb"\u0000" in raw and has_nul(customer_id, anonymous_id, message_id, event.get("previousId")):
            raise LineRejected("line.nul_in_id", "An id holds a NUL character, by which nothing could be looked up.")

        clock = self.clock
        received_at = clock.received(pop("receivedAt", None))
        occurred_at, wrong_time = clock.occurred(
            received_at, pop("sentAt", None), pop("originalTimestamp", None), pop("timestamp", None)
        )
        if clock.cutoff is not None and clock.expired(received_at, occurred_at):
            return None

        pop("writeKey", None)  # a secret
        context, own = event.get("context"), event.get("properties")
        if type(context) is dict:
            del event["context"]
        else:
            context = {}
        if type(own) is dict:
            del event["properties"]
        else:
            own = {}
        source = self.source
        if self.stamped:
            source = _stamp(event, "source") or source
        ip, user_agent, hints = self._client(event, context)
        url, path, referrer, title = _page(kind, event, own, context)
        utm_source, utm_medium, utm_campaign, utm_term, utm_content = (
            _campaign(context) if "campaign" in context else _NO_CAMPAIGN
        )
        trait_name, trait_email = _traits(event, context) if kind == "identify" and customer_id else (None, None)
        linked = anonymous_id if customer_id is not None else None
        if kind == "alias":
            linked = _linked(event, customer_id, anonymous_id, raw)
        modal_name = modal(own) if name == "Modal Displayed" else None
        if context:
            event["context"] = context
        if wrong_time is not None:
            event["_original_timestamp"] = wrong_time
        return (
            name,
            kind,
            occurred_at,
            received_at,
            customer_id,
            anonymous_id,
            ip,
            url,
            path,
            referrer,
            title,
            utm_source,
            utm_medium,
            utm_campaign,
            utm_term,
            utm_content,
            _event_key(source, message_id, told),
            message_id,
            source,
            _rest(event, own),
            line,
            user_agent,
            hints,
            modal_name,
            trait_name,
            trait_email,
            linked,
        )

    def _client(self, event: Event, context: Event) -> tuple[str | None, str | None, str | None]:
        """The client's address, User-Agent and client hints; the raw agent and hints stay in `context`, too."""
        ip = _stamp(event, "ip") if self.stamped else None
        asked = event.pop("request_ip", None) if "request_ip" in event else None
        claimed = context.get("ip")
        if ip is None and type(claimed) is str and claimed:
            ip = claimed
        if claimed is not None and claimed == ip:
            del context["ip"]
        if ip is None and type(asked) is str and asked:
            ip = asked
        agent = context.get("userAgent")
        if self.stamped and type(stamp := event.get("userAgent")) is str and stamp:
            if stamp == agent:
                del event["userAgent"]
            agent = stamp
        hints = context.get("userAgentData")
        return (
            address(ip) if ip is not None and ":" in ip else ip,
            agent if type(agent) is str and agent else None,
            orjson.dumps(hints).decode() if type(hints) is dict and hints else None,
        )


def _stamp(event: Event, key: str) -> str | None:
    value = event.get(key)
    if type(value) is str and value:
        del event[key]
        return value
    return None


def _what(event: Event) -> tuple[str, str]:
    """The type and the event's name. What they leave unsaid stays with the rest."""
    kind, name = event.pop("type", None), event.pop("event", None)
    named = type(name) is str and name != "" and not name.isspace()
    if type(kind) is str and kind not in TYPES and kind.strip().lower() in TYPES:
        kind = kind.strip().lower()
    if kind == "track":
        if not named:
            raise LineRejected("line.track_without_name", "The track call has no event name.")
        return "track", name
    if type(kind) is str and kind in NAMES:
        if named and name != NAMES[kind]:
            event["event"] = name
        return kind, NAMES[kind]
    if kind is None or kind == "":
        if not named:
            raise LineRejected("line.no_type_and_name", "The event has neither a type nor an event name.")
        return "track", name
    if not named:
        raise LineRejected(
            "line.unknown_type",
            f"The type {str(kind)[:100]!r} is none of {', '.join(sorted(TYPES))}, and no event is named.",
        )
    # Something else that happened and has a name is what a custom event is; its own type is kept with the rest.
    event["type"] = kind
    return "track", name


def _page(kind: str, event: Event, own: Event, context: Event) -> tuple[str | None, str | None, str | None, str | None]:
    """url, path (only where there is no url to tell it), referrer and title.

    A page call's own properties come before the context, its name before any title. What a column now holds word for
    word goes from `own` and from the context.
    """
    page = context.get("page")
    if type(page) is not dict:
        page = {}
    told = own if kind == "page" else page
    url, referrer, title, path = told.get("url"), told.get("referrer"), told.get("title"), None
    if type(url) is not str or not url:
        url = first_text(page, "url")
    if type(referrer) is not str or not referrer:
        referrer = first_text(page, "referrer")
    if kind in ("page", "screen"):
        title = _stamp(event, "name") or title
    if type(title) is not str or not title:
        title = first_text(page, "title")
    if referrer == "$direct":
        referrer = None
    if url is None:
        path = at = first_text(told, "path") or first_text(page, "path")
    else:
        at = path_of(url)
    if own:
        _drop_held(own, url, at, referrer, title)
    if page:
        _drop_held(page, url, at, referrer, title)
        search = page.get("search")
        if type(search) is str and (not search or (url is not None and search in url)):
            del page["search"]
        if not page:
            del context["page"]
    return url, path, referrer, title


def _drop_held(holder: Event, url: str | None, path: str | None, referrer: str | None, title: str | None) -> None:
    if "url" in holder and ((value := holder["url"]) == url or value == ""):
        del holder["url"]
    if "path" in holder and ((value := holder["path"]) == path or value == ""):
        del holder["path"]
    if "referrer" in holder and ((value := holder["referrer"]) == referrer or value == "" or value == "$direct"):
        del holder["referrer"]
    if "title" in holder and ((value := holder["title"]) == title or value == ""):
        del holder["title"]


Campaign = tuple[str | None, str | None, str | None, str | None, str | None]
_NO_CAMPAIGN: Campaign = (None, None, None, None, None)


def _campaign(context: Event) -> Campaign:
    campaign = context.get("campaign")
    if type(campaign) is not dict:
        return _NO_CAMPAIGN
    found = (
        _stamp(campaign, "source"),
        _stamp(campaign, "medium"),
        _stamp(campaign, "name"),
        _stamp(campaign, "term") if "term" in campaign else None,
        _stamp(campaign, "content") if "content" in campaign else None,
    )
    if not campaign:
        del context["campaign"]
    return found


def _traits(event: Event, context: Event) -> tuple[str | None, str | None]:
    """The customer's name and email, where this identify call tells them; they stay in `properties`, too."""
    name = email = None
    for traits in (event.get("traits"), context.get("traits")):
        if type(traits) is dict:
            name = name or person_name(traits)
            email = email or first_text(traits, "email")
    return name, email


def _linked(event: Event, customer_id: str | None, anonymous_id: str | None, raw: bytes) -> str | None:
    """The visitor that an alias call links to `customer_id`: the previous id, else its own."""
    if customer_id is None:
        return None
    previous = event.get("previousId")
    found = identifier(event, "previousId", raw)
    event["previousId"] = previous  # no column holds it
    return found or anonymous_id


def _content(event: Event, stamped: bool) -> bytes:
    """The event without what delivery adds, the same however its keys are ordered."""
    left_out = _STAMPS if stamped else _DELIVERY
    kept = {key: value for key, value in event.items() if key not in left_out}
    if kept.get("originalTimestamp") is not None:
        kept.pop("timestamp", None)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def _event_key(source: str, message_id: str | None, content: bytes | None) -> bytes:
    """16 bytes hashed from (source, message id), or from (source, content) without one; `columns` makes UUIDs of them.

    A letter says which of the two follows the source.
    """
    key = _begun(source).copy()
    key.update(b"c" + content if message_id is None and content is not None else f"m{message_id}".encode())
    return key.digest()


@lru_cache(1_000)  # a batch has few sources, and a stamped one comes with every line
def _begun(source: str) -> blake2b:
    """The hash of the source with its length before it, so that no two pairs of source and id are one text."""
    name = source.encode()
    return blake2b(b"%d:%b" % (len(name), name), digest_size=16)


def _rest(event: Event, own: Event) -> bytes | None:
    """Everything else the event carried, as JSON: its own properties, and beside them what else is left.

    Where a property has the name of something of ours (`context`, `traits`, …), the property keeps it and ours gets an
    underscore before it. Numbers beyond 64 bits keep a double's precision here, as in most JSON readers; ids, which are
    told apart by every digit, are read exactly.
    """
    for key, value in event.items():
        if value or (value is not None and type(value) is not dict):
            while key in own:
                key = f"_{key}"
            own[key] = value
    return orjson.dumps(own) if own else None
