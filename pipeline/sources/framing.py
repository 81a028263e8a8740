"""Cutting an object's text into lines, in bounded memory.

Both framings yield `(number of the first, lines)`, a chunk at a time. A line longer than the cap comes (`lines_of`)
cut to one byte more than the cap, which is how the validator knows it; the rest of it is skipped while reading, so that
200 MB without a newline cost no memory. What is yielded does not depend on the size of the chunks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

# Lines of a chunk at most: 4 MB of text may be two million lines, each of which costs far more than its text.
MOST_LINES = 50_000

# Lines as they stand in the text, with a line feed between them, for whoever parses them to split; or a list of them.
Text = bytes | list[bytes]
Chunk = tuple[int, Text]


def newline_delimited(file: BinaryIO, *, chunk_bytes: int, line_bytes: int) -> Iterator[Chunk]:
    """Lines split on `\\n` only: `splitlines()` would also split inside strings, at U+2028 and U+0085.

    Numbers are physical lines from 1, as an editor shows them; blank lines are given too, and count.
    """
    keep = line_bytes + 1
    number, head = 1, b""
    while block := file.read(chunk_bytes):
        end = block.rfind(b"\n")
        if end < 0:
            head += block[: keep - len(head)]
            continue
        # The head and what follows it may be longer than the cap: `lines_of` cuts them as it does any line.
        text, lines = b"".join((head, memoryview(block)[:end])), _line_feeds(block)
        yield from [(number, text)] if lines <= MOST_LINES else _pieces(number, text)
        number += lines
        head = block[end + 1 : end + 1 + keep]
    if head:
        yield number, head


def _pieces(number: int, text: bytes) -> Iterator[Chunk]:
    feeds = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    start = 0
    for end in (*feeds[MOST_LINES - 1 :: MOST_LINES].tolist(), len(text)):
        yield number, text[start:end]
        number += MOST_LINES
        start = end + 1


def lines_of(text: Text, *, line_bytes: int) -> list[bytes]:
    """The lines of a chunk, each cut to one byte more than the cap."""
    lines = text.split(b"\n") if isinstance(text, bytes) else text
    keep = line_bytes + 1
    return [line[:keep] for line in lines] if max(map(len, lines), default=0) > keep else lines


def _line_feeds(block: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))  # six times as fast as bytes.count


def concatenated(file: BinaryIO, *, chunk_bytes: int, line_bytes: int) -> Iterator[Chunk]:
    """JSON records that follow one another with nothing, or white space, between (Firehose's default).

    Numbers count records from 1. Where a record ends is decided by a JSON decoder, never by the text `}{`, which
    strings may hold. After a broken record reading goes on at the next place where one may start.
    """
    records = _Records(file, chunk_bytes, line_bytes + 1)
    number = 1
    while found := records.next_chunk():
        yield number, found
        number += len(found)


_START = re.compile(rb"\}[ \t\r\n]*\{")  # outside of strings: one record ends, the next starts
_BLANK = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*")

# Where a record may start after a broken one. Of bounded length, so that it can be looked for across chunks.
_NEXT = re.compile(rb"\}[ \t\r\n]{0,8}\{|\n[ \t\r]{0,8}\{")
_NEXT_BYTES = 10

# Most records are shorter than the cap by far, so a decoder is first shown this much.
_QUICK_BYTES = 16 * 1024

# Only the extent of a record is asked of it, so it is lenient; the validator judges the record afterwards.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


class _Records:
    """A window over the file: `_data[_at:]` is what has been read and not yet given out."""

    def __init__(self, file: BinaryIO, chunk_bytes: int, keep: int) -> None:
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._keep = keep
        self._data = b""
        self._at = 0
        self._ended = False

    def next_chunk(self) -> list[bytes]:
        """The records that begin in the next `chunk_bytes` or so of text; none at the end."""
        found: list[bytes] = []
        size = 0
        while size < self._chunk_bytes and len(found) < MOST_LINES and self._skip_blank():
            record = self._take()
            found.append(record)
            size += len(record)
        return found

    def _fill(self, wanted: int) -> None:
        """Have `wanted` bytes in the window, or all that is left."""
        if self._ended or len(self._data) - self._at >= wanted:
            return
        parts = [self._data[self._at :]]
        have = len(parts[0])
        while have < wanted and not self._ended:
            block = self._file.read(max(self._chunk_bytes, 1))
            self._ended = not block
            parts.append(block)
            have += len(block)
        self._data, self._at = b"".join(parts), 0

    def _skip_blank(self) -> bool:
        """Move to where a record starts; false at the end of the file."""
        while True:
            match = _BLANK.match(self._data, self._at)
            assert match is not None  # it matches the empty text too
            self._at = match.end()
            if self._at < len(self._data):
                return True
            if self._ended:
                return False
            self._fill(1)

    def _take(self) -> bytes:
        """The record at `_at`, which is no blank; moves past it."""
        boundary = _START.search(self._data, self._at, self._at + self._keep)
        if boundary is None:
            self._fill(self._keep)
            boundary = _START.search(self._data, self._at, self._at + self._keep)
        if boundary is not None:
            record = self._data[self._at : boundary.start() + 1]
            # A line feed inside may be where a broken record was followed by the next: let the decoder look.
            if b"\n" not in record and _quotes_match(record):
                self._at = boundary.end() - 1
                return record
        self._fill(self._keep)
        return self._decode_extent()

    def _decode_extent(self) -> bytes:
        window = b""
        for size in (_QUICK_BYTES, self._keep):
            window = self._data[self._at : self._at + min(size, self._keep)]
            try:
                end = _DECODER.raw_decode(window.decode("latin-1"))[1]  # one character a byte: `end` counts bytes
            except (ValueError, RecursionError):
                continue
            if end < len(window) or size == self._keep:  # else it may be a number that goes on
                self._at += end
                return window[:end]
        return self._broken(window)

    def _broken(self, window: bytes) -> bytes:
        """What lies before the next place where a record may start, or the whole window when that is too far."""
        if window.startswith(b"{"):
            found = _NEXT.search(window)
            end = found.end() - 1 if found else -1
        else:
            end = window.find(b"{")
        if end > 0:
            self._at += end
            return window[:end].rstrip()
        self._at += len(window)
        if len(window) == self._keep:
            self._skip_to_next()
        return window.rstrip()

    def _skip_to_next(self) -> None:
        # There is no such place within the window, so what is found here ends beyond it.
        self._at -= min(_NEXT_BYTES, self._keep - 1)
        while (found := _NEXT.search(self._data, self._at)) is None:
            if self._ended:
                self._at = len(self._data)
                return
            self._at = max(self._at, len(self._data) - _NEXT_BYTES)
            self._fill(len(self._data) - self._at + 1)
        self._at = found.end() - 1


def _quotes_match(record: bytes) -> bool:
    """Whether `record` ends outside of a string: it has an even number of quotes that are not escaped."""
    if b"\\" in record:
        record = record.replace(b"\\\\", b"").replace(b'\\"', b"")
    return record.count(b'"') % 2 == 0
