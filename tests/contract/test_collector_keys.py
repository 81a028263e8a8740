"""Who may send, how much, and what the collector tells of itself, and of nobody's key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.state import State
from tests.support_collect import (
    Running,
    basic,
    collecting,
    make_key,
    request,
    stored,
    track,
    until,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    """One collector for the tests that leave no trace on others."""
    data = tmp_path_factory.mktemp("shared")
    with collecting(data, ACTIVITY_LINGER_MS="20", ACTIVITY_KEY_EVENTS_PER_SECOND="100") as collector:
        yield data, collector


def test_a_new_key_works_at_once_whatever_else_is_asked(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    for number in range(2):
        unknown = collector.send("/v1/t", track("none"), f"wk_unknown{number}")
        assert (unknown.status, unknown.code) == (401, "key.unknown")
        assert collector.send("/v1/t", track(f"new-{number}"), make_key(data, f"new-{number}")).status == 200


def test_a_revoked_key_is_refused_within_three_seconds(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    made = State(data).keys.make("revoked", at=datetime.now(UTC))
    assert collector.send("/v1/t", track("r1"), made.text).status == 200
    State(data).keys.revoke(made.key.id, datetime.now(UTC))
    until(lambda: collector.send("/v1/t", track("r2"), made.text).code == "key.revoked", "it is refused", 3.0)


@pytest.mark.parametrize(
    ("kind", "allowed", "origin", "code"),
    [
        ("browser", (), None, None),
        ("browser", (), "https://any.example", None),
        ("browser", ("https://news.example",), "https://news.example", None),
        ("browser", ("https://news.example",), "https://NEWS.example", None),
        ("browser", ("https://news.example",), "https://evil.example", "key.origin"),
        ("browser", ("https://news.example",), "http://news.example", "key.origin"),
        ("browser", ("https://news.example",), "null", "key.origin"),
        ("browser", ("https://news.example",), None, "key.origin"),
        ("server", (), None, None),
        ("server", (), "https://news.example", "key.secret"),
    ],
)
def test_pages_may_use_only_the_keys_made_for_them(
    shared: tuple[Path, Running], kind: Any, allowed: tuple[str, ...], origin: str | None, code: str | None
) -> None:
    data, collector = shared
    key = make_key(data, "origins", kind, allowed)
    headers = {} if origin is None else {"Origin": origin}
    answer = collector.send("/v1/t", track("o1"), key, **headers)
    assert (answer.status, answer.code) == ((200, None) if code is None else (403, code))
    assert answer.headers["access-control-allow-origin"] == "*", "the page could not read why"


def test_a_page_on_the_collectors_own_origin_may_ask_how_to_send(shared: tuple[Path, Running]) -> None:
    """Browsers name no origin when a page gets something from its own."""
    data, collector = shared
    key = make_key(data, "same", "browser", ("https://news.example",))
    assert collector.get(f"/sourceConfig/?writeKey={key}").status == 200
    away = request(collector.port, "GET", f"/sourceConfig/?writeKey={key}", headers={"Origin": "https://evil.example"})
    assert away.status == 403


@pytest.mark.parametrize("place", ["basic", "header", "query", "body", "escaped body"])
def test_the_key_is_found_wherever_a_client_puts_it(shared: tuple[Path, Running], place: str) -> None:
    data, collector = shared
    key = make_key(data, "places")
    headers = {"basic": {"Authorization": basic(key)}, "header": {"X-Write-Key": f"{key}:secret"}}.get(place, {})
    body = json.dumps(track("p1") | ({"writeKey": key} if "body" in place else {}))
    if place == "escaped body":
        body = body.replace("wk_", "\\u0077k_")
    answer = collector.send(f"/v1/t{f'?writeKey={key}' if place == 'query' else ''}", body.encode(), **headers)
    assert answer.status == 200


def test_more_than_a_key_may_send_is_taken_after_the_wait_it_is_told(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    key = make_key(data, "rate")
    first = collector.send("/v1/batch", {"batch": [track(f"a{number}") for number in range(200)]}, key)
    assert first.status == 200
    batch = {"batch": [track(f"b{number}") for number in range(150)]}
    refused = collector.send("/v1/batch", batch, key)
    assert (refused.status, refused.code) == (429, "key.rate")
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 3
    time.sleep(wait)
    assert collector.send("/v1/batch", batch, key).status == 200
    assert not [line for line in stored(data) if b'"b1"' in line][1:], "the refused one was stored, too"
    assert collector.send("/v1/t", track("other"), make_key(data, "another")).status == 200, "another key waits, too"


@pytest.mark.parametrize(
    "path", ["/v1/batch", "/v1/t", "/nowhere", "/v1/t?writeKey={key}", "/sourceConfig/?writeKey={key}"]
)
def test_a_refusal_does_not_repeat_the_key(shared: tuple[Path, Running], path: str) -> None:
    data, collector = shared
    made = State(data).keys.make("secret", kind="server", at=datetime.now(UTC))
    for body in (b"{", b'{"batch": 5, "writeKey": "' + made.text.encode() + b'"}', b"\x1f\x8bbroken"):
        answer = collector.send(path.format(key=made.text), body, made.text, Origin="https://news.example")
        assert answer.status >= 400
        assert made.text.encode() not in answer.body
    assert made.text not in collector.log.read_text()


def test_the_figures_move(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="600") as collector:
        page = collector.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(collector.send, "/v1/batch", {"batch": [track("m1"), track("m2"), 7]}, key)
            until(lambda: collector.figure("activity_collector_lag_seconds") > 0.1, "the lag shows")
            assert collector.figure("activity_collector_waiting_bytes") > 0
            assert not waiting.done()
            assert waiting.result().status == 200
        assert collector.send("/v1/t", track("m3"), "wk_none").status == 401
        for name, labels, expected in [
            ("activity_collector_events_accepted_total", {}, 3),
            ("activity_collector_events_rejected_total", {}, 1),
            ("activity_collector_requests_total", {"status": "200"}, 1),
            ("activity_collector_requests_total", {"status": "401"}, 1),
            ("activity_collector_refused_total", {"code": "key.unknown"}, 1),
            ("activity_collector_objects_total", {}, 1),
            ("activity_collector_write_failures_total", {}, 0),
            ("activity_collector_write_seconds_count", {}, 1),
            ("activity_collector_request_seconds_count", {}, 2),
            ("activity_collector_lag_seconds", {}, 0),
            ("activity_collector_waiting_bytes", {}, 0),
        ]:
            assert collector.figure(name, **labels) == expected, name
        assert collector.figure("activity_collector_bytes_total") > 200
        assert key not in collector.get("/metrics").body.decode()
