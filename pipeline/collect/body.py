"""A request's body: read in bounded memory and time, then inflated where it is gzip.

Headers are not believed: Content-Length is a hint, and whether the body is gzip its first bytes say, since some
clients compress without a word.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request

from pipeline.collect.refused import Refused

SECONDS = 20.0  # for a whole body: 4 MB in that time is 200 KB/s
_MEMBERS = 16  # of a gzip text: each costs a copy of all that follows it
_DISCARDED = 4  # times the cap: so much of a body too large is read, lest its client hear a reset, not an answer
_GZIP = b"\x1f\x8b"
_PLAIN = {"", "identity", "gzip", "x-gzip"}


async def read(request: Request, limit: int, reserve: Callable[[int], None]) -> bytes:
    """The body as it was sent. `reserve(n)` is told of each n bytes before they are kept, and may refuse them.

    Raises `Refused`.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await _gather(request.stream(), limit, reserve)
    except TimeoutError:
        raise Refused(408, "body.slow", f"The body did not arrive within {SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise Refused(400, "body.cut", "The connection ended within the body.") from None


def plain(raw: bytes, encoding: str, limit: int) -> bytes:
    """The body, inflated; `encoding` is what its header says. Raises `Refused`."""
    if raw.startswith(_GZIP):
        return inflate(raw, limit)
    if encoding.strip().lower() not in _PLAIN:
        raise Refused(415, "body.encoded", "The body is compressed, but not by gzip. Send it as it is, or by gzip.")
    return raw


async def _gather(stream: AsyncIterator[bytes], limit: int, reserve: Callable[[int], None]) -> bytes:
    kept: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size <= limit:
            reserve(len(chunk))
            kept.append(chunk)
        else:
            kept.clear()
        if size > _DISCARDED * limit:
            break
    if size > limit:
        raise too_large(limit)
    return b"".join(kept)


def inflate(raw: bytes, limit: int) -> bytes:
    """All members of a gzip text, to at most `limit` bytes; raises `Refused` for a broken one and for more."""
    kept: list[bytes] = []
    size = 0
    while raw:
        if len(kept) == _MEMBERS:
            raise Refused(400, "body.gzip", f"The gzip body has more than {_MEMBERS} members. Send one.")
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(raw, limit - size + 1)
        except zlib.error:
            raise Refused(400, "body.gzip", "The body begins like gzip but is broken.") from None
        size += len(part)
        if size > limit:
            raise too_large(limit)
        if not member.eof:
            raise Refused(400, "body.gzip", "The gzip body ends too early.")
        kept.append(part)
        raw = member.unused_data.lstrip(b"\0")  # some writers pad
    return b"".join(kept)


def too_large(limit: int) -> Refused:
    return Refused(413, "body.large", f"The body is larger than {limit:,} bytes. Send fewer events at once.")
