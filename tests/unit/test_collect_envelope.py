"""Events are cut out of a request in the very bytes they came in, however it is written; what is broken is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.collect import envelope
from pipeline.collect.envelope import Envelope
from pipeline.collect.refused import Refused

TEXTS = st.text(st.characters()) | st.sampled_from(['"', "\\", '\\"', "}", "]", "batch", "\u2028", "\ud800", "é\n\t"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
SPACE = st.text(" \t\r\n", max_size=3)


@st.composite
def written(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> str:
    """A JSON text of a value, in one of the many ways to write it."""
    value = draw(values)
    ascii_only = draw(st.booleans()) or not _encodable(value)
    separators = (f"{draw(SPACE)},{draw(SPACE)}", f"{draw(SPACE)}:{draw(SPACE)}")
    return json.dumps(value, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 0, 3])), separators=separators)


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(deadline=None)
@given(texts=st.lists(written(), max_size=5), around=st.lists(written(), min_size=2, max_size=2), data=st.data())
def test_each_event_of_a_batch_is_cut_out_as_it_was_written(texts: list[str], around: list[str], data: Any) -> None:
    def space() -> str:
        return str(data.draw(SPACE))

    events = ",".join(f"{space()}{text}{space()}" for text in texts)
    first, second = (f'"other{number}"{space()}:{space()}{text}' for number, text in enumerate(around))
    members = data.draw(st.permutations([first, second, f'"b\\u0061tch"{space()}:{space()}[{events}{space()}]']))
    body = f"{space()}{{{space()}{f'{space()},{space()}'.join(members)}{space()}}}{space()}"
    opened = envelope.open_batch(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + body.encode())
    assert [sent.text for sent in opened.events] == texts
    for sent in opened.events:
        value = json.loads(sent.text)
        assert sent.value == (_as_floats(value) if isinstance(value, dict) else None)


@settings(deadline=None)
@given(written(st.dictionaries(TEXTS, VALUES, max_size=4)), SPACE, SPACE)
def test_a_single_event_is_the_whole_body(text: str, before: str, after: str) -> None:
    (sent,) = envelope.open_single(f"{before}{text}{after}".encode()).events
    assert sent.text == text
    assert sent.value == _as_floats(json.loads(text))


def _as_floats(value: Any) -> Any:
    """Whole numbers are read as floats, whose digits have no limit."""
    return json.loads(json.dumps(value), parse_int=float)


@pytest.mark.parametrize("read", [envelope.open_batch, envelope.open_single])
@settings(deadline=None)
@given(data=st.data())
@example(data=None)
def test_what_is_broken_is_refused_and_never_fails(read: Any, data: Any) -> None:
    whole = b'{"batch": [{"a": "\\ud83d\xc3\xa9", "b": [1.5e3, null]}, 7, "x"], "sentAt": 5}'
    bodies = [whole[:cut] for cut in range(len(whole))]
    if data is not None:
        at = data.draw(st.integers(0, len(whole)))
        more = data.draw(st.binary(max_size=6) | st.sampled_from([b'"', b"\\", b"{", b"]", b",", b"NaN", b"\xff"]))
        bodies = [data.draw(st.binary()), whole[:at] + more + whole[at:], whole[:at] + more + whole[at + 1 :]]
    for body in bodies:
        opened = opened_or_refused(read, body)
        if opened is not None:
            assert all(sent.text.encode("utf-8", "surrogateescape") in body for sent in opened.events)


def opened_or_refused(read: Any, body: bytes) -> Envelope | None:
    """None when it is refused as a body that cannot be read."""
    try:
        opened: Envelope = read(body)
    except Refused as refused:
        if (refused.status, refused.code.partition(".")[0]) == (400, "body"):
            return None
        raise
    return opened


def test_bytes_that_are_no_utf8_stay_what_they_are() -> None:
    event = b'{"event": "caf\xe9 \xed\xa0\x80"}'
    (sent, _) = envelope.open_batch(b'{"batch": [' + event + b", {}]}").events
    assert sent.text.encode("utf-8", "surrogateescape") == event
    assert sent.value is not None


@pytest.mark.parametrize("event", ['{"a": "\0"}', '{"a\n": "b\r\tc"}', '{"a": "\x1f"}', '{"a": "\\ud800"}'])
def test_a_broken_text_costs_only_its_event(event: str) -> None:
    opened = envelope.open_batch(f'{{"batch": [{event}, {{}}]}}'.encode())
    assert [sent.text for sent in opened.events] == [event, "{}"]


def test_a_deep_event_costs_only_itself() -> None:
    deep = '{"a": [' + "[" * 50_000 + '"]}\\"[", 5' + "]" * 50_000 + "]}"
    opened = envelope.open_batch(f'{{"batch": [{deep} , {{"b": 1}}]}}'.encode())
    assert [sent.text for sent in opened.events] == [deep, '{"b": 1}']
    assert [sent.value for sent in opened.events] == [None, {"b": 1}]


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch": [' + b"[" * 3_000 + b'"' + b'\\"' * 1_000_000,
        b'{"batch": [' + b"[" * 3_000 + b'"\\' * 1_000_000,
        b'{"batch": [' + b'{"a":' * 700_000,
        b'{"batch": [' + b"9" * 3_900_000 + b"." + b"9" * 1_000 + b"e" + b"9" * 1_000 + b"]}",
        b'{"batch": [' + b" " * 3_900_000,
    ],
    ids=["a text without an end", "texts without an end", "objects without an end", "digits", "space"],
)
def test_no_body_takes_long(body: bytes) -> None:
    began = time.process_time()
    opened_or_refused(envelope.open_batch, body)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "1e999", "NaN", "-Infinity"])
def test_a_number_of_any_size_is_read(number: str) -> None:
    (sent,) = envelope.open_batch(f'{{"batch": [{{"n": {number}}}]}}'.encode()).events
    assert sent.value is not None


def test_the_last_of_two_batches_counts() -> None:
    opened = envelope.open_batch(b'{"batch": [1], "sentAt": 1, "batch": [2, 3], "sentAt": 2}')
    assert [sent.text for sent in opened.events] == ["2", "3"]
    assert opened.sent_at == 2


def test_too_many_events_are_refused() -> None:
    most = envelope.MOST_EVENTS
    assert len(envelope.open_batch(b'{"batch": [' + b",".join([b"{}"] * most) + b"]}").events) == most
    with pytest.raises(Refused) as no:
        envelope.open_batch(b'{"batch": [' + b",".join([b"{}"] * (most + 1)) + b"]}")
    assert no.value.status == 413


@pytest.mark.parametrize(
    ("key", "found"),
    [('"wk_1"', "wk_1"), ('"wk_1:secret"', "wk_1"), ('"***"', None), ('""', None), ("5", None), ("null", None)],
)
def test_the_key_in_the_body(key: str, found: str | None) -> None:
    assert envelope.open_batch(f'{{"writeKey": {key}, "batch": []}}'.encode()).key == found
    assert envelope.open_single(f'{{"writeKey": {key}}}'.encode()).key == found
