"""Inflating: whole and verified, or not at all. The cases every source shares are in tests/contract."""

from __future__ import annotations

import gzip
import io

import pytest

from pipeline.errors import ObjectRejected
from pipeline.sources.inflate import MEMORY_BYTES, inflate


def inflated(body: bytes, limit: int = 1 << 30) -> bytes:
    with inflate(io.BytesIO(body), max_inflated=limit) as file:
        return file.read()


@pytest.mark.parametrize("body", [b"", b"{", b"\x1f", b'{"a":1}\n' * 10_000, b"\x00\x01binary"])
def test_what_is_not_gzip_comes_as_it_is(body: bytes) -> None:
    assert inflated(body) == body


def test_members_one_after_another_are_one_file() -> None:
    assert inflated(gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n") + b"\0" * 512) == b"a\nb\n"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_cut_anywhere_it_is_rejected_never_half_read(cut: int) -> None:
    body = gzip.compress(bytes(range(256)) * 4)
    with pytest.raises(ObjectRejected) as caught:
        inflated(body[:-cut])
    assert caught.value.code == "object.truncated"


@pytest.mark.parametrize("place", [12, 40, -6, -2])
def test_one_wrong_byte_is_rejected(place: int) -> None:
    body = bytearray(gzip.compress(b"The quick brown fox jumps over the lazy dog, " * 3))
    body[place] ^= 0xFF
    with pytest.raises(ObjectRejected) as caught:
        inflated(bytes(body))
    assert caught.value.code in {"object.corrupt", "object.truncated"}


def test_the_cap_is_exact() -> None:
    body = gzip.compress(b"x" * 1_000)
    assert len(inflated(body, 1_000)) == 1_000
    with pytest.raises(ObjectRejected, match="1,000") as caught:
        inflated(gzip.compress(b"x" * 1_001), 1_000)
    assert caught.value.code == "object.too_large"


def test_a_large_object_goes_to_disk() -> None:
    with inflate(io.BytesIO(gzip.compress(b"x" * (MEMORY_BYTES + 1), 1)), max_inflated=1 << 30) as file:
        assert file._rolled  # type: ignore[attr-defined]
        assert file.seek(0, io.SEEK_END) == MEMORY_BYTES + 1
