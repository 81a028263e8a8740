"""What the collector alone knows is its own word in every line, whatever the client says; all else is the client's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.collect import envelope
from pipeline.collect.stamp import Stamp, is_long
from pipeline.landing import TOO_LONG
from pipeline.state import WriteKey

AT = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
TEXT = "wk_0123456789abcdefghijkl"
KEY = WriteKey("key_1", "Our site", 'the "courier"', "browser", (), "hash", TEXT, AT, None, None, None, 0)
STAMPS = {"receivedAt": "2026-11-23T12:00:00.123Z", "ip": "203.0.113.5", "userAgent": 'A "B" \\é', "source": KEY.source}

LETTERS = st.characters(exclude_categories=["Cs"])  # no lone surrogates: those are rejected
TEXTS = st.text(LETTERS, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = SCALARS | TEXTS | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXTS, SCALARS, max_size=2)
NAMES = TEXTS | st.sampled_from([*STAMPS, "type", "sentAt", "originalTimestamp", "timestamp", TOO_LONG])
EVENTS = st.dictionaries(NAMES, VALUES, max_size=6)


def stamp(**changed: Any) -> Stamp:
    given: dict[str, Any] = {
        "key": KEY,
        "key_text": TEXT,
        "received_at": AT,
        "type": None,
        "ip": STAMPS["ip"],
        "user_agent": STAMPS["userAgent"],
        "max_event_bytes": 65_536,
    }
    return Stamp(**given | changed)


def lines(*events: str, sent_at: Any = None, **changed: Any) -> list[bytes]:
    body = f'{{"batch": [{",".join(events)}], "sentAt": {json.dumps(sent_at)}}}'
    return stamp(**changed).lines(envelope.open_batch(body.encode("utf-8", "surrogateescape")))


def read(*events: Mapping[str, Any], **changed: Any) -> list[dict[str, Any]]:
    """The events as the pipeline's parser reads them."""
    return [orjson.loads(line) for line in lines(*map(json.dumps, events), **changed)]


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=3), EVENTS, st.sampled_from([None, 2]), st.booleans())
def test_no_client_sets_the_stamps(
    events: list[dict[str, Any]], twice: dict[str, Any], indent: int | None, ascii: bool
) -> None:
    """Neither plainly, nor by a name given twice, nor by one that is escaped."""
    texts = [json.dumps(event, indent=indent, ensure_ascii=ascii) for event in events]
    escaped = "".join(f'"\\u{ord(name[0]):04x}{name[1:]}": "forged", ' for name in STAMPS)
    again = json.dumps(twice)
    texts.append(f'{{{escaped}{again[1:-1]}{", " if twice else ""}"ip": "forged"}}')
    for line, text in zip(lines(*texts), texts, strict=True):
        assert b"\n" not in line
        assert b"\r" not in line
        found, sent = orjson.loads(line), orjson.loads(text)
        assert {name: found[name] for name in STAMPS} == STAMPS
        others = {name for name, value in sent.items() if name not in STAMPS and value is not None}
        assert {name: found[name] for name in others} == {name: sent[name] for name in others}
        assert found.keys() - sent.keys() - STAMPS.keys() <= {"originalTimestamp"}


def test_a_servers_own_address_and_agent_count_for_nothing() -> None:
    (found,) = read({"ip": "forged", "userAgent": "forged"}, ip=None, user_agent=None)
    assert (found["ip"], found["userAgent"]) == (None, None)


@pytest.mark.parametrize(
    ("sent_at", "own", "expected"),
    [
        ("2026-11-23T15:00:00Z", {}, "2026-11-23T15:00:00Z"),
        ("2026-11-23T15:00:00Z", {"sentAt": "2026-11-23T14:00:00Z"}, "2026-11-23T15:00:00Z"),
        (None, {"sentAt": "2026-11-23T14:00:00Z"}, "2026-11-23T14:00:00Z"),
        ("\ud800", {"sentAt": "2026-11-23T14:00:00Z"}, "2026-11-23T14:00:00Z"),
        ("2026-11-23T15:00:00Z", {"sentAt": None}, "2026-11-23T15:00:00Z"),
        (1_795_166_101_400, {}, 1_795_166_101_400),
        (None, {}, None),
        (True, {}, None),
        ([], {}, None),
        ({}, {}, None),
        (float("inf"), {}, None),
        ("x" * 65, {}, None),
        ("\ud800", {}, None),
        ("12:00 é", {}, None),
    ],
)
def test_a_batchs_time_of_sending_is_each_events(sent_at: Any, own: dict[str, Any], expected: Any) -> None:
    """Only what may be a time: anything else would be copied ten thousand times, or break every event."""
    (found,) = read(own, sent_at=sent_at)
    assert found.get("sentAt") == expected


def test_the_clients_own_time_is_kept_for_its_clock() -> None:
    """By `originalTimestamp` the pipeline tells it from a time that was corrected."""
    plain, both, neither = read({"timestamp": "t1"}, {"timestamp": "t1", "originalTimestamp": "t2"}, {"timestamp": []})
    assert plain["originalTimestamp"] == "t1"
    assert both["originalTimestamp"] == "t2"
    assert "originalTimestamp" not in neither


def test_a_paths_type_is_for_events_without_one() -> None:
    found = read({}, {"type": ""}, {"type": "page"}, type="track")
    assert [event["type"] for event in found] == ["track", "track", "page"]


@pytest.mark.parametrize("event", ["5", "null", '"x"', "[1]", '{"a": \udcff}'.replace("\udcff", '"\udcff"')])
def test_what_is_no_event_stays_as_it_came(event: str) -> None:
    (line,) = lines(event)
    assert line.startswith(event.encode("utf-8", "surrogateescape").rstrip(b"}"))


def test_the_key_is_hidden_wherever_it_stands() -> None:
    (line,) = lines(f'{{"writeKey": "{TEXT}", "url": "https://n.example/?k={TEXT}&x=1"}}')
    assert TEXT.encode() not in line
    assert orjson.loads(line)["url"] == "https://n.example/?k=***&x=1"


def test_a_long_event_is_marked_and_only_that() -> None:
    found = read({"p": "x" * 1_100}, {"p": "x"}, {"p": "é" * 190}, max_event_bytes=1_000)
    assert [event.get(TOO_LONG) for event in found] == [True, None, True]


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(1, 130))
def test_length_is_counted_in_bytes(text: str, limit: int) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert is_long(text, limit) == (len(encoded) > limit)


def test_a_long_agent_is_cut() -> None:
    (found,) = read({}, user_agent="x" * 30_000)
    assert found["userAgent"] == "x" * 1_000
