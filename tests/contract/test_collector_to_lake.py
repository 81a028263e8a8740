"""What a client sends, and what of it is in the lake: through the real collector and the real pipeline."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support_collect import (
    Loaded,
    Running,
    basic,
    collecting,
    load,
    make_key,
    read_lake,
    request,
    stored,
    track,
)

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
PROXY = "127.0.0.2"
WRONG_BY = timedelta(hours=3)
LONG_AGO = "2026-11-01T00:00:00Z"

# Each is bad alone: the code by which the pipeline rejects it.
BAD_EVENTS: dict[str, tuple[bytes, str]] = {
    "a number": (b"5", "line.not_object"),
    "null": (b"null", "line.not_object"),
    "a text": (b'"track"', "line.not_object"),
    "a list": (b'[{"type":"track"}]', "line.not_object"),
    "5,000 digits": (b'{"type":"track","event":"x","userId":"u","n":' + b"7" * 5_000 + b"}", "line.not_json"),
    "nothing in it": (b"{}", "line.no_type_and_name"),
    "nobody's": (b'{"type":"track","event":"x","messageId":"nobody"}', "line.no_identity"),
    "a lone surrogate": (b'{"type":"track","event":"\\ud800","userId":"u","messageId":"lone"}', "line.not_json"),
    "NaN": (b'{"type":"track","event":"x","userId":"u","n":NaN}', "line.not_json"),
    "invalid UTF-8": (b'{"type":"track","event":"\xff\xfe","userId":"u"}', "line.not_json"),
    "a control character": (b'{"type":"track","event":"a\x00b","userId":"u"}', "line.not_json"),
    "5,000-deep": (b'{"type":"track","event":"x","p":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "line.too_deep"),
    "300-deep": (b'{"type":"track","event":"x","p":' + b"[" * 300 + b"]" * 300 + b"}", "line.too_deep"),
    "over 64 KB": (b'{"type":"track","event":"x","userId":"u","p":"' + b"x" * 70_000 + b'"}', "line.too_long"),
    "over the line cap": (
        b'{"type":"track","event":"x","userId":"u","p":"' + b"x" * 1_100_000 + b'"}',
        "line.too_long",
    ),
    "NUL in an id": (b'{"type":"track","event":"x","userId":"a\\u0000b"}', "line.nul_in_id"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Running, Loaded, dict[str, Any]]:
    """All that the tests below ask about, sent to one collector, and loaded by one look of the pipeline."""
    data = tmp_path_factory.mktemp("played")
    browser, server = make_key(data, "news", "browser"), make_key(data, "billing", "server")
    with collecting(data, ACTIVITY_LINGER_MS="20", ACTIVITY_TRUSTED_PROXIES=PROXY) as collector:
        told: dict[str, Any] = {"keys": (browser, server), "began": datetime.now(UTC), "answers": []}

        def send(content: object, key: str = browser, path: str = "/v1/batch", **headers: str) -> None:
            answer = collector.send(path, content, key, **{"User-Agent": AGENT, **headers})
            assert answer.status == 200, answer
            told["answers"].append(answer)

        _send_addresses(collector.port, browser)
        _send_forgeries(send)
        _send_clocks(send)
        for name, key in (("browser", browser), ("server", server)):
            context = {"ip": "198.51.100.77", "userAgent": PHONE}
            send({"batch": [track(f"context-{name}", context=context)]}, key)
        events = [event for event, _ in BAD_EVENTS.values()]
        mixed = b",".join([_text("good-first"), *events, _text("good-last")])
        send(b'{"batch":[' + mixed + b"]}")
        send(b'{"sentAt":"\\ud800","batch":[' + _text("broken-sent-at") + b"]}")
        for _ in range(3):
            send({"batch": [track("again")]})
        send(track("own-key", writeKey=browser, properties={"url": f"https://n.example/?k={browser}"}), path="/v1/t")
        told["ended"] = datetime.now(UTC)
    load(data)
    return data, collector, read_lake(data), told


def _text(message_id: str) -> bytes:
    return json.dumps(track(message_id)).encode()


def _send_addresses(port: int, key: str) -> None:
    """The last address that a trusted proxy names counts, and what others name does not."""
    for message_id, source, forwarded in [
        ("by-proxy", PROXY, "198.51.100.9, 203.0.113.5"),
        ("not-by-proxy", "127.0.0.1", "203.0.113.5"),
        ("proxy-says-nonsense", PROXY, "203.0.113.5, nonsense"),
        ("proxy-says-ipv6", PROXY, "[2001:db8::7]:443"),
    ]:
        headers = {"Authorization": basic(key), "X-Forwarded-For": forwarded, "X-Real-IP": "192.0.2.1"}
        body = json.dumps(track(message_id)).encode()
        assert request(port, "POST", "/v1/t", body, headers, source=source).status == 200


def _send_forgeries(send: Callable[..., None]) -> None:
    """The stamps, as a client may try to set them: plainly, twice, escaped, and as other kinds of values."""
    forged = {"receivedAt": LONG_AGO, "ip": "192.0.2.66", "userAgent": "Forged/1", "source": "elsewhere"}
    plain = json.dumps(track("forged", **forged))
    twice = plain.replace("forged", "forged-twice", 1)[:-1] + "," + json.dumps(forged)[1:]
    escaped = json.dumps(track("forged-escaped"))[:-1]
    for name, value in forged.items():
        escaped += f', "\\u{ord(name[0]):04x}{name[1:]}": {json.dumps(value)}'
    odd = track("forged-odd", receivedAt=1, ip={"a": 1}, userAgent=["x"], source=None)
    send(f'{{"batch": [{plain}, {twice}, {escaped}}}, {json.dumps(odd)}]}}'.encode())


def _send_clocks(send: Callable[..., None]) -> None:
    """From a client whose clock is wrong: events of a minute ago, told in several ways."""
    now = datetime.now(UTC) + WRONG_BY
    then = now - timedelta(minutes=1)
    send({"sentAt": now.isoformat(), "batch": [track("clock-original", originalTimestamp=then.isoformat())]})
    send({"sentAt": now.isoformat(), "batch": [track("clock-timestamp", timestamp=then.isoformat())]})
    first = then.isoformat()
    again = track("clock-sent-again", originalTimestamp=first, sentAt=first)
    send({"sentAt": now.isoformat(), "batch": [again]})
    ms = int(now.timestamp() * 1000)
    send({"sentAt": ms, "batch": [track("clock-ms", timestamp=ms - 60_000)]})
    send(track("clock-single", timestamp=then.isoformat(), sentAt=now.isoformat()), path="/v1/t")


Played = tuple[Path, Running, Loaded, dict[str, Any]]


@pytest.mark.parametrize(
    ("message_id", "address"),
    [
        ("by-proxy", "203.0.113.5"),
        ("not-by-proxy", "127.0.0.1"),
        ("proxy-says-nonsense", PROXY),
        ("proxy-says-ipv6", "2001:db8::7"),
        ("context-browser", "127.0.0.1"),
        ("context-server", "198.51.100.77"),
    ],
)
def test_the_address_is_whom_the_connection_or_a_trusted_proxy_names(
    played: Played, message_id: str, address: str
) -> None:
    assert played[2].row(message_id)["ip"] == address


def test_the_context_of_a_server_counts_and_a_pages_does_not(played: Played) -> None:
    page, server = played[2].row("context-browser"), played[2].row("context-server")
    assert (page["device"], page["browser"], page["source"]) == ("Desktop", "Chrome", "news")
    assert (server["device"], server["source"]) == ("Mobile", "billing")


@pytest.mark.parametrize("message_id", ["forged", "forged-twice", "forged-escaped", "forged-odd"])
def test_no_client_sets_what_the_collector_alone_knows(played: Played, message_id: str) -> None:
    _, _, loaded, told = played
    row = loaded.row(message_id)
    assert (row["ip"], row["source"], row["browser"]) == ("127.0.0.1", "news", "Chrome")
    assert told["began"] - timedelta(seconds=1) <= row["received_at"] <= told["ended"]


@pytest.mark.parametrize(
    "message_id", ["clock-original", "clock-timestamp", "clock-sent-again", "clock-ms", "clock-single"]
)
def test_a_wrong_clock_is_corrected(played: Played, message_id: str) -> None:
    row = played[2].row(message_id)
    age = row["received_at"] - row["occurred_at"]
    assert timedelta(seconds=59) < age < timedelta(seconds=70)


def test_a_bad_event_costs_its_batch_nothing_and_is_kept_with_its_reason(played: Played) -> None:
    _, _, loaded, _ = played
    assert Counter(line["code"] for line in loaded.rejected) == Counter(code for _, code in BAD_EVENTS.values())
    assert all(line["reason"] for line in loaded.rejected)
    raw = [line["raw"] for line in loaded.rejected]
    for name, (event, _) in BAD_EVENTS.items():
        assert any(event.rstrip(b"}")[:60_000] in each for each in raw), f"{name} is not kept as it came"
    assert {"good-first", "good-last", "broken-sent-at"} <= {row["message_id"] for row in loaded.rows}


def test_an_event_delivered_again_is_stored_once(played: Played) -> None:
    assert played[2].row("again")


def test_keys_are_told_nowhere(played: Played) -> None:
    """Neither in what the collector says, nor in an answer, nor in what is stored for years."""
    data, collector, loaded, told = played
    assert loaded.row("own-key")
    said = collector.log.read_bytes() + b"".join(answer.body for answer in told["answers"])
    kept = b"\n".join(stored(data))
    assert b"own-key" in kept
    for key in told["keys"]:
        assert key.encode() not in said
        assert key.encode() not in kept
