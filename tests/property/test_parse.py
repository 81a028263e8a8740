"""Parsing on random input: it never raises, loses nothing, and does not depend on how a file is cut into chunks."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.sources import FORMATS, Limits, ObjectRef, Rejected
from tests.support_parse import parse

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUTOFF = datetime(2025, 10, 19, tzinfo=UTC)
REF = ObjectRef("file:///inbox", "made", "etag", 1, NOW)
LIMITS = Limits(line_bytes=300, depth=6)

Result = tuple[list[dict[str, Any]], list[Rejected], int, int]


def read(text: bytes, format: str, chunk_bytes: int = 1 << 20, limits: Limits = LIMITS) -> Result:
    chunks = list(
        parse(
            io.BytesIO(text),
            REF,
            0,
            format,
            received_fallback=NOW,
            retention_cutoff=CUTOFF,
            limits=limits,
            chunk_bytes=chunk_bytes,
        )
    )
    rows = [row for chunk in chunks for row in chunk.table.to_pylist()]
    rejected = [each for chunk in chunks for each in chunk.rejected]
    return rows, rejected, sum(chunk.lines for chunk in chunks), sum(chunk.expired for chunk in chunks)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["}{", '"}\n{"', "\\", "\\\\", 'a\\"}{', "null", "$direct", "\u2028", "\x00", "/a?b#c"])
    | st.sampled_from(["2026-11-23T11:00:00Z", "2026-11-23T11:00:00+05:30", "1795434600000", "2019-01-01T00:00:00Z"])
)
# Beyond 64 bits a number in `properties` keeps the precision of a double, as in most JSON readers.
exact_values = (
    st.text(max_size=12) | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "type", "event", "name", "userId", "anonymousId", "messageId", "previousId", "timestamp", "originalTimestamp",
    "sentAt", "receivedAt", "properties", "traits", "context", "integrations", "ip", "userAgent", "source",
    "request_ip", "writeKey", "groupId",
]  # fmt: skip
pages = st.fixed_dictionaries({}, optional=dict.fromkeys(["url", "path", "referrer", "title", "search"], values))
contexts = st.fixed_dictionaries(
    {},
    optional={
        "page": pages | values,
        "ip": values,
        "campaign": values,
        "userAgent": values,
        "userAgentData": values,
        "traits": values,
    },
)
kinds = st.sampled_from(["page", "track", "identify", "screen", "group", "alias", "Track", "other"]) | values
events = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(KEYS, values),
        "type": kinds,
        "userId": st.text(min_size=1, max_size=5),
        "context": contexts | values,
        "properties": pages | values,
    },
)
near_json = st.lists(
    st.sampled_from([b"{", b"}", b'"', b"\\", b"a", b":", b",", b"1", b" ", b"\n", b"[", b"]"]), max_size=60
)
texts = (
    st.binary(max_size=200)
    | near_json.map(b"".join)
    | st.lists(events.map(lambda event: json.dumps(event).encode()), max_size=4).map(b"\n".join)
    | st.lists(events.map(lambda event: json.dumps(event).encode()) | st.binary(max_size=9), max_size=5).map(b"".join)
)


@pytest.mark.parametrize("format", [*FORMATS, "auto"])
@given(text=texts)
@example(text=b"\xef\xbb\xbf")
@example(text=b"{" * 5000)
@example(text=b'{"a":' * 5000)
@example(text=b'{"userId":' + b"9" * 5000 + b',"event":"e"}')
@example(text=b'{"a":"\\ud800"}\n{"event":"e","userId":"1"}')
@example(text=b'{"event":"e","userId":"1","timestamp":1.7e305}')
@settings(deadline=None)
def test_every_line_is_loaded_rejected_or_expired(format: str, text: bytes) -> None:
    rows, rejected, lines, expired = read(text, format)
    assert lines == len(rows) + len(rejected) + expired
    numbers = [row["line"] for row in rows] + [each.line for each in rejected]
    assert len(set(numbers)) == len(numbers)
    assert all(each.code.startswith("line.") and each.reason.endswith(".") for each in rejected)


@pytest.mark.parametrize("format", ["segment", "firehose"])
@given(text=texts, chunk_bytes=st.integers(1, 400), line_bytes=st.integers(1, 120))
@example(text=b'{"a":"' + b"}{" * 40 + b'"}{"b":1}', chunk_bytes=3, line_bytes=20)
@example(text=b"x" * 500 + b"\n" + b"y", chunk_bytes=7, line_bytes=10)
@example(text=b'{"a":1}' + b" " * 300 + b'{"b":2}', chunk_bytes=5, line_bytes=9)
@settings(deadline=None)
def test_chunks_of_any_size_give_the_same(format: str, text: bytes, chunk_bytes: int, line_bytes: int) -> None:
    limits = Limits(line_bytes=line_bytes, depth=6)
    assert read(text, format, chunk_bytes, limits) == read(text, format, limits=limits)


@given(made=st.lists(events, max_size=5))
@settings(deadline=None)
def test_records_without_a_delimiter_are_the_same_as_lines(made: list[dict[str, Any]]) -> None:
    """Each event is one record, whatever quotes, backslashes and braces its strings hold."""
    records = [json.dumps(event, ensure_ascii=False).encode(errors="replace") for event in made]
    wide = Limits(line_bytes=100_000)
    rows, rejected, lines, expired = read(b"".join(records), "firehose", 64, wide)
    assert lines == len(records)
    assert [each.raw for each in rejected] == [records[each.line - 1] for each in rejected]
    in_lines = read(b"\n".join(records), "activity", 64, wide)
    assert (len(rows), expired) == (len(in_lines[0]), in_lines[3])
    # Both formats trust the collector's stamps, so that only the fall-back source differs.
    own = [row for row in rows if row["source"] != "firehose"]
    assert own == [row for row in in_lines[0] if row["source"] != "activity"]


@given(own=st.dictionaries(st.text(max_size=6), exact_values, max_size=5), context=contexts)
@settings(deadline=None)
def test_own_properties_keep_their_names_and_values(own: dict[str, Any], context: dict[str, Any]) -> None:
    event = {"type": "track", "event": "e", "userId": "u", "properties": own, "context": context, "traits": {"x": 1}}
    rows, rejected, _, _ = read(json.dumps(event).encode(), "segment", limits=Limits(line_bytes=100_000))
    assert not rejected
    kept = json.loads(rows[0]["properties"])
    for key, value in own.items():
        in_column = rows[0][key] if key in ("url", "path", "referrer", "title") else None
        assert key in kept or value in ("", "$direct", in_column)
        if key in kept:
            assert kept[key] == value
    assert kept["_traits" if "traits" in own else "traits"] == {"x": 1}
