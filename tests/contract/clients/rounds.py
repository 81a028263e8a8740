"""All clients at once: a round for each fault, in which every client sends a visit; then what is in the lake of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from pipeline.lake import Lake
from pipeline.questions import ledger
from tests import support_collect as collector
from tests.browser import find
from tests.contract.clients.clients import ARTICLE, CLIENTS, DESKTOP, PHONE, Client, OpenPage, Program, Visit
from tests.contract.clients.proxy import Attempt, Fault, Proxy
from tests.contract.clients.site import Site
from tests.support import make_settings

TYPES = {"page", "track", "identify"}
PATIENCE = 30.0  # seconds for a round
Row = dict[str, Any]


class Sender:
    """A client at work: through a proxy of its own, by a key of its own, and so as a source of its own."""

    def __init__(self, client: Client, number: int, proxy: Proxy, at: Program | OpenPage) -> None:
        self.client, self.proxy, self.at = client, proxy, at
        self.customer, self.visitor = f"reader-{number}", f"visitor-{number}"
        self.email = f"reader-{number}@news.example"
        self.claimed_address = f"198.51.100.{number}"

    def visit(self, round: Fault) -> Visit:
        """What to send. For a browser its own address and device count, whatever the context claims."""
        context: dict[str, Any] = {"ip": self.claimed_address}
        if not self.client.in_browser:
            context |= {"userAgent": PHONE, "page": ARTICLE}
        return {
            "userId": self.customer,
            "anonymousId": self.visitor,
            "context": context,
            "properties": {"round": round.value},
            "traits": {"email": self.email},
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one client's events: each attempt to send them, and the lake's rows of its source."""

    sender: Sender
    attempts: list[Attempt]
    rows: list[Row]

    @property
    def sent(self) -> dict[str, dict[str, Any]]:
        """Each event sent, by its message id."""
        return {event["messageId"]: event for attempt in self.attempts for event in attempt.events}

    @property
    def stored(self) -> Counter[str]:
        """How often the collector stored each event, by its message id."""
        return Counter(
            event["messageId"] for attempt in self.attempts if attempt.status == 200 for event in attempt.events
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    told: dict[str, Told]
    links: set[tuple[str, str]]  # visitor, customer
    totals: ledger.Totals
    began: datetime
    site: str


def play(data: Path) -> Outcome:
    """Every client through a round of every fault, against one collector."""
    began = datetime.now(UTC)
    with _at_work(data, CLIENTS) as (senders, site):
        for fault in Fault:
            _round(senders, fault)
        for sender in senders:
            sender.proxy.arm(Fault.NONE)
            sender.at.finish()
            if sender.client.automatic:
                assert sender.proxy.wait(_left, PATIENCE), "the page's end was not told"
    return _outcome(data, senders, began, site.url)


def hurry(data: Path, *, visits: int, per_second: int) -> Outcome:
    """Every client that sends again sends `visits` at once and then one more, faster than the collector takes them."""
    began = datetime.now(UTC)
    clients = [client for client in CLIENTS if client.resends]
    with _at_work(data, clients, ACTIVITY_KEY_EVENTS_PER_SECOND=str(per_second)) as (senders, site):
        for sender in senders:
            for _ in range(visits):
                sender.at.send(sender.visit(Fault.NONE))
        _one_more_each(senders, visits)
        for sender in senders:
            assert sender.proxy.wait(partial(_all_in, visits=visits + 1), PATIENCE), sender.client
        for sender in senders:
            sender.at.finish()
    return _outcome(data, senders, began, site.url)


@contextmanager
def _at_work(data: Path, clients: Sequence[Client], **settings: str) -> Iterator[tuple[list[Sender], Site]]:
    """The clients, each behind its own proxy, in front of a collector."""
    with ExitStack() as stack:
        running = stack.enter_context(collector.collecting(data, ACTIVITY_TRUSTED_PROXIES="127.0.0.1", **settings))
        upstream = running.address
        site = stack.enter_context(closing(Site()))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=find.browser(), args=[*find.ARGUMENTS, f"--user-agent={DESKTOP}"]
        )
        stack.callback(browser.close)
        senders = []
        for number, client in enumerate(clients, start=1):
            proxy = stack.enter_context(closing(Proxy(upstream, f"203.0.113.{number}")))
            at = stack.enter_context(closing(_start(data, client, proxy, site, browser)))
            senders.append(Sender(client, number, proxy, at))
        yield senders, site


def _start(data: Path, client: Client, proxy: Proxy, site: Site, browser: Browser) -> Program | OpenPage:
    if client.in_browser:
        key = collector.make_key(data, client.name, "browser", (site.url,))
        return OpenPage(client, browser, site, proxy.url, key)
    return Program(client, proxy.url, collector.make_key(data, client.name, "server"))


def _round(senders: Sequence[Sender], fault: Fault) -> None:
    """Each client sends a visit. Over when all is delivered; by a client that does not send again, when it has sent."""
    before = [len(sender.proxy.attempts) for sender in senders]
    for sender in senders:
        sender.proxy.arm(fault)
        sender.at.send(sender.visit(fault))
    for sender, start in zip(senders, before, strict=True):
        over = partial(_over, start=start, resends=sender.client.resends)
        assert sender.proxy.wait(over, PATIENCE), (
            f"{sender.client.name} did not come through: {fault.value}\n{sender.proxy.attempts[start:]}"
        )


def _over(attempts: Sequence[Attempt], *, start: int, resends: bool) -> bool:
    known = {event["messageId"] for attempt in attempts[:start] for event in attempt.events}
    done = [attempt for attempt in attempts[start:] if attempt.delivered or not resends]
    return {event["type"] for attempt in done for event in attempt.events if event["messageId"] not in known} >= TYPES


def _one_more_each(senders: Sequence[Sender], visits: int) -> None:
    """Each client sends one more visit as soon as the `visits` before are delivered.

    Some send all they have in one request, which passes; what comes right after it is refused.
    """
    waiting, until = list(senders), datetime.now(UTC) + timedelta(seconds=PATIENCE)
    while waiting:
        for sender in [sender for sender in waiting if sender.proxy.wait(partial(_all_in, visits=visits), 0.05)]:
            sender.at.send(sender.visit(Fault.NONE))
            waiting.remove(sender)
        assert datetime.now(UTC) < until, [sender.client.name for sender in waiting]


def _left(attempts: Sequence[Attempt]) -> bool:
    """Whether the end of each page view is delivered."""
    events = {event["messageId"]: event for attempt in attempts if attempt.delivered for event in attempt.events}
    names = Counter(event.get("event", event["type"]) for event in events.values())
    return names["Page Left"] == names["page"]


def _all_in(attempts: Sequence[Attempt], *, visits: int) -> bool:
    """Whether all events of so many visits are delivered."""
    sent = {event["messageId"] for attempt in attempts for event in attempt.events}
    there = {event["messageId"] for attempt in attempts if attempt.delivered for event in attempt.events}
    return len(sent) >= visits * len(TYPES) and sent == there


def _outcome(data: Path, senders: Sequence[Sender], began: datetime, site: str) -> Outcome:
    collector.load(data)
    with closing(Lake.open(make_settings(data))) as lake:
        snapshot = lake.snapshot()
        rows = snapshot.fetch(snapshot.events).to_pylist()
        emails = {row["customer_id"]: row["email"] for row in snapshot.fetch(snapshot.traits).to_pylist()}
        links = {(row["anonymous_id"], row["customer_id"]) for row in snapshot.fetch(snapshot.links).to_pylist()}
        totals = ledger.totals(snapshot)
    told = {
        sender.client.name: Told(
            sender,
            sender.proxy.attempts,
            [row | {"email": emails.get(row["customer_id"])} for row in rows if row["source"] == sender.client.name],
        )
        for sender in senders
    }
    return Outcome(told, links, totals, began, site)
