"""The rules of one line, each by the row or the code it gives (docs/semantics.md)."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from pipeline.errors import ActivityError
from pipeline.event import PARSED_SCHEMA
from pipeline.sources import Limits, ObjectRef, Parsed, Rejected, detect
from pipeline.sources.lines import RAW_BYTES
from pipeline.sources.parse import read_line
from tests.support_parse import parse

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REF = ObjectRef("file:///inbox", "made.jsonl", "etag", 1, NOW)


def parsed(text: bytes, format: str = "segment", **options: Any) -> Parsed:
    chunks = list(parse(io.BytesIO(text), REF, 0, format, received_fallback=NOW, **options))
    return Parsed(
        0,
        pa.concat_tables(chunk.table for chunk in chunks),
        [each for chunk in chunks for each in chunk.rejected],
        sum(chunk.lines for chunk in chunks),
        sum(chunk.expired for chunk in chunks),
    )


def row(event: dict[str, Any] | bytes, format: str = "segment", **options: Any) -> dict[str, Any]:
    text = (
        event
        if isinstance(event, bytes)
        else json.dumps({"type": "track", "event": "E", "userId": "u", **event}).encode()
    )
    found = parsed(text, format, **options)
    assert not found.rejected, found.rejected
    (one,) = found.table.to_pylist()
    return dict(one)


def properties(event: dict[str, Any], format: str = "segment") -> Any:
    text = row(event, format)["properties"]
    return json.loads(text) if text is not None else None


def rejected(text: bytes, **options: Any) -> Rejected:
    (only,) = parsed(text, **options).rejected
    return only


class TestWhat:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("page", "Page Viewed"),
            ("screen", "Screen Viewed"),
            ("identify", "Identified"),
            ("group", "Grouped"),
            ("alias", "Aliased"),
            ("track", "E"),
        ],
    )
    def test_each_type_has_its_event(self, kind: str, name: str) -> None:
        found = row({"type": kind})
        assert (found["type"], found["event"]) == (kind, name)

    def test_a_name_alone_is_a_track_call(self) -> None:
        assert row(b'{"event":"E","userId":"u"}')["type"] == "track"

    def test_another_type_with_a_name_is_a_custom_event_and_its_type_is_kept(self) -> None:
        found = row({"type": "beacon"})
        assert (found["type"], found["event"], json.loads(found["properties"])) == ("track", "E", {"type": "beacon"})

    def test_types_are_known_by_any_case(self) -> None:
        assert row({"type": "Page"})["event"] == "Page Viewed"

    def test_what_a_page_call_says_as_its_event_is_not_lost(self) -> None:
        assert properties({"type": "page", "event": "Landing"}) == {"event": "Landing"}

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b'{"userId":"u"}', "line.no_type_and_name"),
            (b'{"type":null,"event":"","userId":"u"}', "line.no_type_and_name"),
            (b'{"type":"beacon","userId":"u"}', "line.unknown_type"),
            (b'{"type":["page"],"userId":"u"}', "line.unknown_type"),
            (b'{"type":"track","event":" ","userId":"u"}', "line.track_without_name"),
            (b'{"type":"track","event":7,"userId":"u"}', "line.track_without_name"),
            (b'{"type":"page"}', "line.no_identity"),
            (b'{"type":"page","userId":"a\\u0000b"}', "line.nul_in_id"),
            (b'{"type":"page","userId":"u","messageId":"\\u0000"}', "line.nul_in_id"),
            (b'{"type":"alias","userId":"u","previousId":"v\\u0000"}', "line.nul_in_id"),
            (b'{"type":"alias","previousId":"v"}', "line.no_identity"),
        ],
    )
    def test_lines_that_say_too_little(self, line: bytes, code: str) -> None:
        found = rejected(line)
        assert (found.code, found.line, found.raw) == (code, 1, line)


class TestWho:
    @pytest.mark.parametrize("no_id", ["", "null", "undefined", "None", "[object Object]", None, True, {"id": 1}, [1]])
    def test_what_is_no_id(self, no_id: Any) -> None:
        found = row({"userId": no_id, "anonymousId": "v"})
        assert (found["customer_id"], found["anonymous_id"], found["linked_anonymous_id"]) == (None, "v", None)

    @pytest.mark.parametrize("text", [" ", "0", "00412", "NULL", "none", "É", "E\u0301", "a" * 10_000, "\x01"])
    def test_texts_are_ids_exactly_as_sent(self, text: str) -> None:
        assert row({"userId": text})["customer_id"] == text

    @pytest.mark.parametrize(
        "digits", ["0", "-0", "412", "9007199254740993", "18446744073709551616", "1" * 300, "1.10", "5e3", "-7"]
    )
    def test_numbers_are_ids_by_their_very_digits(self, digits: str) -> None:
        line = b'{"event":"E","userId":%s,"messageId":%s}' % (digits.encode(), digits.encode())
        found = row(line)
        assert (found["customer_id"], found["message_id"]) == (digits, digits)

    def test_both_ids_are_a_link(self) -> None:
        assert row({"anonymousId": "v"})["linked_anonymous_id"] == "v"

    @pytest.mark.parametrize(
        ("previous", "linked"), [("before", "before"), ("", "v"), ("undefined", "v"), (7, "7"), (None, "v")]
    )
    def test_an_alias_links_its_previous_id(self, previous: Any, linked: str) -> None:
        found = row({"type": "alias", "previousId": previous, "anonymousId": "v"})
        assert found["linked_anonymous_id"] == linked

    @pytest.mark.parametrize(
        ("traits", "name"),
        [
            ({"name": "Ann Lee", "firstName": "X"}, "Ann Lee"),
            ({"firstName": "Ann", "lastName": "Lee"}, "Ann Lee"),
            ({"first_name": "Ann"}, "Ann"),
            ({"name": "", "last_name": "Lee"}, "Lee"),
            ({"name": 7}, None),
            ({}, None),
        ],
    )
    def test_identify_tells_the_name(self, traits: dict[str, Any], name: str | None) -> None:
        assert row({"type": "identify", "traits": traits})["trait_name"] == name
        assert row({"type": "identify", "context": {"traits": traits}})["trait_name"] == name

    def test_only_an_identify_call_of_a_customer_tells_traits(self) -> None:
        traits = {"traits": {"email": "a@example.org"}}
        assert row({"type": "identify", **traits})["trait_email"] == "a@example.org"
        assert row({"type": "group", **traits})["trait_email"] is None
        assert row({"type": "identify", "userId": "", "anonymousId": "v", **traits})["trait_email"] is None


class TestWhere:
    def test_a_page_calls_own_properties_come_first(self) -> None:
        page = {"url": "https://a.example/1", "referrer": "https://r.example/", "title": "T"}
        found = row({"type": "page", "properties": {"url": "https://b.example/2"}, "context": {"page": page}})
        assert (found["url"], found["referrer"], found["title"]) == ("https://b.example/2", "https://r.example/", "T")

    def test_a_track_calls_own_url_is_its_own_affair(self) -> None:
        found = row({"properties": {"url": "https://b.example/2"}, "context": {"page": {"url": "https://a.example/1"}}})
        assert found["url"] == "https://a.example/1"
        assert json.loads(found["properties"]) == {"url": "https://b.example/2"}

    def test_a_pages_name_is_its_title(self) -> None:
        found = row({"type": "page", "event": None, "name": "Home", "properties": {"title": "Welcome", "name": "Home"}})
        assert found["title"] == "Home"
        assert json.loads(found["properties"]) == {"title": "Welcome", "name": "Home"}

    def test_direct_is_no_referrer(self) -> None:
        page = {"referrer": "$direct"}
        found = row({"type": "page", "event": None, "properties": dict(page), "context": {"page": page}})
        assert (found["referrer"], found["properties"]) == (None, None)

    def test_path_is_given_only_where_no_url_tells_it(self) -> None:
        assert row({"context": {"page": {"path": "/a"}}})["path"] == "/a"
        assert row({"context": {"page": {"path": "/a", "url": "https://a.example/b"}}})["path"] is None

    @pytest.mark.parametrize(
        ("url", "path"),
        [("https://a.example", "/"), ("https://a.example/b?c=/d#e", "/b"), ("https://a.example/b#c", "/b")],
    )
    def test_what_the_url_tells_is_not_told_again(self, url: str, path: str) -> None:
        page = {"url": url, "path": path, "search": "", "title": "T"}
        assert properties({"context": {"page": dict(page)}}) is None
        kept = properties({"context": {"page": {**page, "path": "/other"}}})
        assert kept == {"context": {"page": {"path": "/other"}}}

    def test_campaign(self) -> None:
        campaign = {"name": "n", "source": "s", "medium": "m", "term": "t", "content": "c", "id": "7"}
        found = row({"context": {"campaign": campaign}})
        assert [found[f"utm_{key}"] for key in ("campaign", "source", "medium", "term", "content")] == [*"nsmtc"]
        assert json.loads(found["properties"]) == {"context": {"campaign": {"id": "7"}}}

    @pytest.mark.parametrize(
        ("sent", "ip"),
        [
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("0:0:0:0:0:FFFF:c000:0201", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:DB8::1", "2001:DB8::1"),
            ("not:an:address", "not:an:address"),
            ("unknown", "unknown"),
        ],
    )
    def test_addresses(self, sent: str, ip: str) -> None:
        found = row({"context": {"ip": sent}})
        assert (found["ip"], found["properties"]) == (ip, None)

    def test_request_ip_stands_in_for_the_contexts(self) -> None:
        assert row({"request_ip": "192.0.2.9"}, "rudderstack")["ip"] == "192.0.2.9"
        assert row({"request_ip": "192.0.2.9", "context": {"ip": "192.0.2.1"}}, "rudderstack")["ip"] == "192.0.2.1"

    def test_only_our_collectors_stamps_count(self) -> None:
        event = {
            "ip": "192.0.2.1",
            "userAgent": "peer",
            "source": "site",
            "context": {"ip": "192.0.2.2", "userAgent": "claimed"},
        }
        ours, theirs = row(event, "activity"), row(event, "segment")
        assert [ours[key] for key in ("ip", "user_agent", "source")] == ["192.0.2.1", "peer", "site"]
        assert [theirs[key] for key in ("ip", "user_agent", "source")] == ["192.0.2.2", "claimed", "segment"]
        assert json.loads(ours["properties"])["context"] == {"ip": "192.0.2.2", "userAgent": "claimed"}

    @pytest.mark.parametrize("key", ["name", "modal", "modalName"])
    def test_modal_displayed_names_its_modal(self, key: str) -> None:
        assert row({"event": "Modal Displayed", "properties": {key: "meter"}})["modal_name"] == "meter"
        assert row({"event": "Other", "properties": {key: "meter"}})["modal_name"] is None


class TestRest:
    def test_nothing_left_is_null(self) -> None:
        assert properties({"properties": {}, "context": {}, "integrations": {}, "groupId": None}) is None

    def test_what_delivery_adds_is_left_out(self) -> None:
        event = {"receivedAt": "2026-11-23T11:00:00Z", "sentAt": "2026-11-23T11:00:00Z", "request_ip": "192.0.2.1"}
        assert properties({**event, "writeKey": "secret", "timestamp": "2026-11-23T10:00:00Z"}) is None

    def test_what_is_not_an_object_is_kept_as_it_is(self) -> None:
        assert properties({"properties": [1], "context": "x", "traits": 7}) == {
            "properties": [1],
            "context": "x",
            "traits": 7,
        }

    def test_own_properties_keep_their_names(self) -> None:
        own = {"context": 1, "_context": 2, "traits": 3, "_original_timestamp": 4}
        assert properties({"properties": own, "context": {"a": 1}, "timestamp": "?", "traits": {"b": 2}}) == {
            **own,
            "__context": {"a": 1},
            "_traits": {"b": 2},
            "__original_timestamp": "?",
        }

    def test_nul_is_kept(self) -> None:
        assert properties({"properties": {"a\0": "b\0"}}) == {"a\0": "b\0"}


class TestKey:
    def test_it_is_hashed_from_source_and_message_id(self) -> None:
        found = row({"messageId": "m1"}, source_name="shop")
        digest = bytearray(hashlib.blake2b(b"4:shopmm1", digest_size=16).digest())
        digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562, version 8
        digest[8] = digest[8] & 0x3F | 0x80
        assert found["event_id"] == str(UUID(bytes=bytes(digest)))

    def test_the_source_is_part_of_it(self) -> None:
        ids = {row({"messageId": message}, source_name=source)["event_id"] for source, message in [
            ("a", "bc"), ("ab", "c"), ("a", "b:c"), ("a:b", "c"), ("1:a", "x"),
        ]}  # fmt: skip
        assert len(ids) == 5

    def test_without_a_message_id_it_is_hashed_from_what_the_client_said(self) -> None:
        said = {"properties": {"a": 1, "b": 2}, "originalTimestamp": "2026-11-23T10:00:00Z"}
        first = {
            **said,
            "receivedAt": "2026-11-23T10:00:01Z",
            "request_ip": "192.0.2.1",
            "timestamp": "2026-11-23T10:00:00.5Z",
        }
        again = {
            "receivedAt": "2026-11-23T11:00:01Z",
            "sentAt": "2026-11-23T11:00:01Z",
            "timestamp": "2026-11-23T10:00:01Z",
            **said,
        }
        other = {**first, "properties": {"a": 1, "b": 3}}
        reordered = {**again, "properties": {"b": 2, "a": 1}}
        ids = [row(event)["event_id"] for event in (first, again, reordered, other)]
        assert ids[0] == ids[1] == ids[2] != ids[3]

    def test_a_message_id_is_never_taken_for_content(self) -> None:
        content = row({})["event_id"]
        assert row({"messageId": json.dumps({"event": "E", "type": "track", "userId": "u"})})["event_id"] != content

    def test_the_source_is_the_lines_then_the_configured_then_the_archives_then_the_formats(self) -> None:
        archived = ObjectRef("s3://b", "segment-logs/shop/1795392000000/1.gz", "e", 1, NOW)

        def source(format: str, ref: ObjectRef, **options: Any) -> Any:
            line = b'{"event":"E","userId":"u","source":"line"}'
            (chunk,) = parse(io.BytesIO(line), ref, 0, format, received_fallback=NOW, **options)
            return chunk.table["source"][0].as_py()

        assert source("activity", REF, source_name="named") == "line"
        assert source("segment", archived, source_name="named") == "named"
        assert source("segment", archived) == "shop"
        assert source("segment", REF) == "segment"


class TestLines:
    def test_blank_lines_count_in_numbers_only(self) -> None:
        good = b'{"event":"E","userId":"u"}'
        found = parsed(b"\xef\xbb\xbf" + good + b"\r\n\r\n \t\n" + good + b"\nnope\n\n")
        assert found.table["line"].to_pylist() == [1, 4]
        assert ([each.line for each in found.rejected], found.lines) == ([5], 3)

    def test_lines_are_split_at_line_feeds_only(self) -> None:
        text = '{"event":"a\u2028b\u0085c","userId":"u"}\n'.encode()
        assert parsed(text).table["event"].to_pylist() == ["a\u2028b\u0085c"]

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b"[1]", "line.not_object"),
            (b'"text"', "line.not_object"),
            (b"null", "line.not_object"),
            (b"NaN", "line.not_json"),
            (b'{"event":"E","userId":"u",}', "line.not_json"),
            (b'{"event":"E","userId":"u"}{}', "line.not_json"),
            (b'{"event":"\xff","userId":"u"}', "line.not_json"),
            (b'{"event":"\\udc00","userId":"u"}', "line.not_json"),
            (b'{"event":"E","userId":"u","n":' + b"9" * 5_000 + b"}", "line.not_json"),
            (b'{"event":"E","userId":"u","n":' + b"[" * 100 + b"]" * 100 + b"}", "line.too_deep"),
            (b'{"event":' + b'{"a":' * 5_000, "line.too_deep"),
        ],
    )
    def test_a_bad_line_is_rejected_alone(self, line: bytes, code: str) -> None:
        good = b'{"event":"E","userId":"u"}'
        found = parsed(good + b"\n" + line + b"\n" + good)
        assert [(each.line, each.code, each.raw) for each in found.rejected] == [(2, code, line)]
        assert found.table["line"].to_pylist() == [1, 3]

    def test_brackets_in_strings_are_no_depth(self) -> None:
        assert properties({"properties": {"a": '[{"\\' * 200}}) == {"a": '[{"\\' * 200}

    def test_as_deep_as_allowed_is_kept(self) -> None:
        line = b'{"event":"E","userId":"u","n":' + b"[" * 99 + b"]" * 99 + b"}"
        assert json.loads(row(line)["properties"])["n"] == json.loads("[" * 99 + "]" * 99)

    def test_a_line_of_the_cap_is_kept_and_one_byte_more_is_not(self) -> None:
        line = b'{"event":"E","userId":"u"}'
        assert len(parsed(line, limits=Limits(line_bytes=len(line))).table) == 1
        assert rejected(line + b" ", limits=Limits(line_bytes=len(line))).code == "line.too_long"

    def test_the_reason_says_what_is_cut(self) -> None:
        found = rejected(b"x" * (RAW_BYTES + 1))
        assert (len(found.raw), found.code) == (RAW_BYTES, "line.not_json")
        assert found.reason.endswith("Its first 65,536 bytes are kept.")

    @pytest.mark.parametrize("format", ["segment", "firehose"])
    def test_a_very_long_line_costs_no_memory(self, format: str) -> None:
        class Endless(io.RawIOBase):
            """100 MB without a line feed, then one good line."""

            blocks = 0

            def read(self, size: int = -1) -> bytes:
                self.blocks += 1
                if self.blocks <= 100:
                    return b"x" * 1_000_000
                return b'\n{"event":"E","userId":"u"}' if self.blocks == 101 else b""

        tracemalloc.start()
        found = list(
            parse(Endless(), REF, 0, format, received_fallback=NOW, chunk_bytes=1_000_000)  # type: ignore[arg-type]
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [each.code for chunk in found for each in chunk.rejected] == ["line.too_long"]
        assert [line for chunk in found for line in chunk.table["line"].to_pylist()] == [2]
        assert peak < 10_000_000

    def test_an_empty_object_has_no_chunks(self) -> None:
        assert list(parse(io.BytesIO(b""), REF, 0, "firehose", received_fallback=NOW)) == []

    def test_limits_that_cannot_be_kept_are_refused(self) -> None:
        with pytest.raises(ValueError, match="nesting"):
            Limits(depth=1_000)

    @pytest.mark.parametrize("format", ["segment", "firehose"])
    def test_one_line_can_be_read_again(self, format: str) -> None:
        file = io.BytesIO(b'{"a":1}\n{"b":"}{"}\n{"c":3}\n')
        assert read_line(file, format, 2, line_bytes=100) == b'{"b":"}{"}'
        file.seek(0)
        assert read_line(file, format, 9, line_bytes=100) is None


def test_firehose_goes_on_after_broken_records() -> None:
    good = b'{"event":"E","userId":"u"}'
    broken = [b'{"event":"E', b'{"event":"E","userId":"u"', b"garbage", b'{"event":"E,"userId":"u"}']
    for text in broken:
        found = parsed(good + b"\n" + text + b"\n" + good + good, "firehose")
        assert (len(found.table), len(found.rejected)) == (3, 1), text


def test_the_table_is_whole_and_can_go_to_another_process() -> None:
    found = parsed(b'{"event":"E","userId":"u"}\nnope')
    assert found.table.schema == PARSED_SCHEMA
    again = pickle.loads(pickle.dumps(found))
    assert (again.table.to_pylist(), again.rejected) == (found.table.to_pylist(), found.rejected)


def test_an_unknown_format_is_refused_with_help() -> None:
    with pytest.raises(ActivityError, match=r"no format 'segmnt'.*'segment'"):
        detect(io.BytesIO(b""), REF, "segmnt")
