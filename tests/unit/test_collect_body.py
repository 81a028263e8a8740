"""A body, read in bounded memory, and inflated where it is gzip."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from pipeline.collect import body
from pipeline.collect.refused import Refused

LIMIT = 10_000


def read(
    chunks: Iterable[bytes], reserved: list[int] | None = None, *, cut: bool = False, ends: bool = True, **headers: str
) -> bytes:
    """What the collector reads of a request that comes in these chunks, and then ends, breaks off or stalls."""
    coming = iter(chunks)

    async def receive() -> dict[str, Any]:
        chunk = next(coming, None)
        if chunk is not None:
            return {"type": "http.request", "body": chunk, "more_body": True}
        if not ends:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"} if cut else {"type": "http.request", "body": b""}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": named}, receive)
    noted: list[int] = [] if reserved is None else reserved
    raw = asyncio.run(body.read(request, LIMIT, noted.append))
    return body.plain(raw, request.headers.get("content-encoding", ""), LIMIT)


def refusal(*arguments: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as no:
        read(*arguments, **more)
    return no.value.status, no.value.code


@settings(deadline=None)
@given(st.lists(st.binary(max_size=500), max_size=8))
def test_a_body_is_its_chunks_and_counted(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    if not whole.startswith(b"\x1f\x8b"):
        reserved: list[int] = []
        assert read(chunks, reserved) == whole
        assert sum(reserved) == len(whole)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=8), st.integers(0, 20), st.integers(1, 9))
def test_gzip_is_inflated_whatever_its_members(parts: list[bytes], padding: int, level: int) -> None:
    packed = b"".join(gzip.compress(part, level) for part in parts) + b"\0" * padding
    assert body.inflate(packed, LIMIT) == b"".join(parts)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_broken_gzip_is_refused_or_was_not_broken(text: bytes, data: Any) -> None:
    """Python's own reader tells; what is lost or altered is never taken for whole."""
    packed = gzip.compress(text)
    at = data.draw(st.integers(0, len(packed) - 1))
    cut = data.draw(st.booleans())
    broken = (
        packed[:at] if cut else packed[:at] + bytes([packed[at] ^ data.draw(st.integers(1, 255))]) + packed[at + 1 :]
    )
    with suppress(Refused):
        assert body.inflate(broken, LIMIT) == (text if broken else b"")


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, 100 * LIMIT])
def test_the_limit_is_of_what_it_inflates_to(size: int) -> None:
    packed = gzip.compress(b"x" * size)
    if size <= LIMIT:
        assert len(body.inflate(packed, LIMIT)) == size
    else:
        assert refusal([packed]) == (413, "body.large")


def test_the_limit_is_of_all_members_together() -> None:
    part = gzip.compress(b"x" * (LIMIT // 2))
    assert len(body.inflate(part * 2, LIMIT)) == LIMIT
    assert refusal([part * 2 + gzip.compress(b"x")]) == (413, "body.large")


def test_members_are_bounded_since_each_costs_a_copy() -> None:
    member = gzip.compress(b"")
    assert body.inflate(member * 16, LIMIT) == b""
    assert refusal([member * 17]) == (400, "body.gzip")


def test_what_is_beyond_the_limit_is_neither_kept_nor_counted() -> None:
    reserved: list[int] = []
    assert refusal([b"x" * 4_000] * 5, reserved) == (413, "body.large")
    assert sum(reserved) <= LIMIT


def test_an_endless_body_is_not_read_to_its_end() -> None:
    came = 0

    def endless() -> Iterator[bytes]:
        nonlocal came
        while came < 1_000:
            came += 1
            yield b"x" * LIMIT

    assert refusal(endless()) == (413, "body.large")
    assert came < 10


def test_a_body_that_breaks_off_is_refused() -> None:
    assert refusal([b"{"], cut=True) == (400, "body.cut")


def test_a_body_that_stalls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.05)
    assert refusal([b"{"], ends=False) == (408, "body.slow")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, br", "GZIP"])
def test_only_gzip_is_read_whatever_the_header_says(encoding: str) -> None:
    assert read([gzip.compress(b"{}")], content_encoding=encoding) == b"{}"
    if encoding == "GZIP":
        assert read([b"{}"], content_encoding=encoding) == b"{}"
    else:
        assert refusal([zlib.compress(b"{}")], content_encoding=encoding) == (415, "body.encoded")
