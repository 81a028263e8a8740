"""Real clients, a proxy that fails them in every way, the real collector and the real pipeline: nothing lost or twice.

In each round every client sends a page, a track and an identify call, and the first attempt at each meets that round's
fault. What is asserted of the lake is derived from what the proxy saw, so of what the clients really sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.contract.clients.clients import ARTICLE, CLIENTS, OpenPage
from tests.contract.clients.proxy import Attempt, Fault
from tests.contract.clients.rounds import TYPES, Outcome, Told

NAMES = [client.name for client in CLIENTS]
RESENDING = [client.name for client in CLIENTS if client.resends]
SENT_ONCE = [client.name for client in CLIENTS if not client.resends]
ON_SERVERS = [client.name for client in CLIENTS if not client.in_browser]
IN_BROWSERS = [client.name for client in CLIENTS if client.in_browser]
# From the client's `sentAt` to the collector's `receivedAt`, on a busy machine; less than most wait to send again.
SLACK = timedelta(seconds=1.5)
EVENT = {"page": "Page Viewed", "track": "Article Read", "identify": "Identified"}


# "What real clients send" (docs/wire.md): the paths, the type of content they claim, and whether it is gzip.
BATCH, SINGLE = {"/v1/batch"}, {"/v1/page", "/v1/track", "/v1/identify"}
WIRE = {
    "segment-analytics-python": (BATCH, "application/json", False),
    "rudder-sdk-python": (BATCH, "application/json", True),
    "segment-analytics-node": (BATCH, "application/json", False),
    "rudder-sdk-node": (BATCH, "application/x-www-form-urlencoded", True),
    "segment-analytics-next": ({"/v1/p", "/v1/t", "/v1/i"}, "text/plain", False),
    "segment-analytics-next-batching": ({"/v1/b"}, "text/plain", False),
    "rudderstack-analytics-js": (SINGLE, "application/json;charset=UTF-8", False),
    "rudderstack-analytics-js-beacon": ({"/beacon/v1/batch"}, "text/plain", False),
    "jitsu-js": ({"/api/s/page", "/api/s/track", "/api/s/identify"}, "application/json", False),
    "activity-js": ({"/v1/b"}, "text/plain;charset=UTF-8", False),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_client_sends_is_as_documented(outcome: Outcome, name: str) -> None:
    requests = outcome.told[name].attempts
    paths, kind, is_gzip = WIRE[name]
    assert {request.path.partition("?")[0] for request in requests} == paths
    assert {request.headers["content-type"] for request in requests} == {kind}
    assert {request.headers.get("content-encoding") == "gzip" for request in requests} == {is_gzip}


@pytest.mark.parametrize("name", NAMES)
def test_each_stored_event_is_in_the_lake_exactly_once(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    assert told.rows
    assert Counter(row["message_id"] for row in told.rows) == dict.fromkeys(told.stored, 1)


@pytest.mark.parametrize("name", RESENDING)
def test_nothing_is_lost_by_a_client_that_sends_again(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    assert told.stored.keys() == told.sent.keys()
    for kind in TYPES:
        assert sum(row["type"] == kind for row in told.rows) >= len(Fault)
    if not told.sender.client.automatic:
        assert len(told.rows) == len(TYPES) * len(Fault)


@pytest.mark.parametrize("name", RESENDING)
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE], ids=lambda fault: fault.value)
def test_a_client_sends_again_what_failed_under_the_same_message_id(outcome: Outcome, name: str, fault: Fault) -> None:
    told = outcome.told[name]
    failed = _ids(attempt for attempt in told.attempts if attempt.fault is fault)
    assert len(failed) >= len(TYPES)
    assert failed <= _ids(attempt for attempt in told.attempts if attempt.delivered)
    copies = 2 if fault is Fault.UNHEARD else 1
    assert {told.stored[id] for id in failed} == {copies}, "stored once, and once more when no answer came"


@pytest.mark.parametrize("name", [client.name for client in CLIENTS if client.waits and client.resends])
@pytest.mark.parametrize("played", ["outcome", "hurried"])
def test_retry_after_is_waited_for(request: pytest.FixtureRequest, played: str, name: str) -> None:
    outcome: Outcome = request.getfixturevalue(played)
    refused = _refused(outcome.told[name])
    assert refused
    for attempt, again in refused:
        assert again.at - attempt.at >= timedelta(seconds=0.95 * (attempt.retry_after or 0))


@pytest.mark.parametrize("name", SENT_ONCE)
def test_what_a_client_never_sends_again_is_stored_when_it_arrived_and_only_then(outcome: Outcome, name: str) -> None:
    """By their own design: @jitsu/js has no retries, and nobody hears how a beacon fared."""
    told = outcome.told[name]
    assert len(told.sent) == len(TYPES) * len(Fault)
    assert sum(len(attempt.events) for attempt in told.attempts) == len(told.sent), "an event was sent again"
    arrived = _ids(attempt for attempt in told.attempts if attempt.fault in (Fault.NONE, Fault.UNHEARD))
    assert {row["message_id"] for row in told.rows} == arrived
    assert len(arrived) == len(TYPES) * 2


@pytest.mark.parametrize("name", NAMES)
def test_each_row_is_what_the_client_sent(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    for row in told.rows:
        sent = told.sent[row["message_id"]]
        assert row["type"] == sent["type"]
        assert row["customer_id"] == (sent.get("userId") or None)
        assert row["anonymous_id"] == sent["anonymousId"]
        assert row["source"] == name
        if sent.get("event", "Article Read") == "Article Read":
            assert row["event"] == EVENT[row["type"]]
    assert {row["email"] for row in told.rows if row["customer_id"]} == {told.sender.email}
    assert {row["customer_id"] for row in told.rows} <= {None, told.sender.customer}
    assert len({row["anonymous_id"] for row in told.rows}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_event_happened_when_it_was_sent_first(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    for row in told.rows:
        first, last = _first_and_last(told, row["message_id"])
        latest = first if told.sender.client.renews_sent_at else last
        assert outcome.began <= row["occurred_at"] <= latest.at + SLACK


@pytest.mark.parametrize("name", ON_SERVERS)
def test_a_servers_word_on_reader_and_page_counts(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    for row in told.rows:
        assert row["ip"] == told.sender.claimed_address
        assert (row["device"], row["os"]) == ("Mobile", "iOS")
        assert {field: row[field] for field in ARTICLE} == ARTICLE
        assert (row["customer_id"], row["anonymous_id"]) == (told.sender.customer, told.sender.visitor)
        assert row["utm_source"] == "letter"


@pytest.mark.parametrize("name", IN_BROWSERS)
def test_a_browsers_own_address_and_page_count(outcome: Outcome, name: str) -> None:
    told, page = outcome.told[name], _page(outcome, name)
    if name != "activity-js":
        assert all(told.sender.claimed_address in str(event) for event in told.sent.values()), "no page lied"
    for row in told.rows:
        assert row["ip"] == told.sender.proxy.address
        assert row["device"] == "Desktop"
        assert row["url"] == page.url
        assert row["path"] == f"/news/{told.sender.client.runs}"
        assert row["title"] == "Council votes to keep the ferry"
        assert (row["utm_source"], row["utm_campaign"]) == ("letter", "autumn")


@pytest.mark.parametrize("name", NAMES)
def test_the_visitor_and_the_customer_are_one_person(outcome: Outcome, name: str) -> None:
    told = outcome.told[name]
    (visitor,) = {row["anonymous_id"] for row in told.rows}
    assert (visitor, told.sender.customer) in outcome.links


@pytest.mark.parametrize("name", IN_BROWSERS)
def test_a_page_asks_only_its_site_and_the_collector(outcome: Outcome, name: str) -> None:
    page, collector = _page(outcome, name), outcome.told[name].sender.proxy.url
    assert {"/".join(url.split("/")[:3]) for url in page.asked} == {outcome.site, collector}
    assert page.errors == []


@pytest.mark.parametrize("name", RESENDING)
def test_nothing_is_lost_by_the_collectors_own_limit(hurried: Outcome, name: str) -> None:
    told = hurried.told[name]
    assert any(attempt.status == 429 for attempt in told.attempts), "nothing was refused, so nothing was proven"
    assert {attempt.status for attempt in told.attempts} == {200, 429}
    assert Counter(row["message_id"] for row in told.rows) == dict.fromkeys(told.stored, 1)
    # What a page tells when it is left, and is refused, waits in the browser for the next page.
    missing = [told.sent[id] for id in told.sent.keys() - told.stored.keys()]
    assert all(event.get("event") == "Page Left" for event in missing), missing


@pytest.mark.parametrize("played", ["outcome", "hurried"])
def test_the_ledger_counts_every_copy(request: pytest.FixtureRequest, played: str) -> None:
    outcome: Outcome = request.getfixturevalue(played)
    copies = sum(told.stored.total() for told in outcome.told.values())
    distinct = sum(len(told.stored) for told in outcome.told.values())
    totals = outcome.totals
    assert totals.balanced
    assert (totals.lines, totals.loaded, totals.duplicate, totals.rejected) == (copies, distinct, copies - distinct, 0)
    if played == "outcome":
        assert totals.duplicate >= len(RESENDING) * len(TYPES), "nothing was sent twice, so nothing was proven"


def _page(outcome: Outcome, name: str) -> OpenPage:
    page = outcome.told[name].sender.at
    assert isinstance(page, OpenPage)
    return page


def _ids(attempts: Iterable[Attempt]) -> set[str]:
    return {event["messageId"] for attempt in attempts for event in attempt.events}


def _first_and_last(told: Told, id: str) -> tuple[Attempt, Attempt]:
    attempts = [attempt for attempt in told.attempts if any(event["messageId"] == id for event in attempt.events)]
    return attempts[0], attempts[-1]


def _refused(told: Told) -> list[tuple[Attempt, Attempt]]:
    """Each attempt that was told to come again later, and the next one that brought any of its events."""
    attempts = told.attempts
    found = []
    for number, attempt in enumerate(attempts):
        later = (other for other in attempts[number + 1 :] if _ids([attempt]) & _ids([other]))
        again = next(later, None)
        if attempt.retry_after and again:
            found.append((attempt, again))
    return found
