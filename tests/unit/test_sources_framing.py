"""Cutting text into chunks of bounded size, by bytes and by lines."""

from __future__ import annotations

import io

import pytest

from pipeline.sources.framing import MOST_LINES, concatenated, lines_of, newline_delimited


@pytest.mark.parametrize("lines", [1, MOST_LINES - 1, MOST_LINES, MOST_LINES + 1, 2 * MOST_LINES, 2 * MOST_LINES + 7])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_many_short_lines_come_a_few_at_a_time_and_keep_their_numbers(lines: int, end: bytes) -> None:
    text = b"\n".join(b"%d" % number for number in range(1, lines + 1)) + end
    found: dict[int, bytes] = {}
    for first, chunk in newline_delimited(io.BytesIO(text), chunk_bytes=1 << 22, line_bytes=100):
        split = lines_of(chunk, line_bytes=100)
        assert len(split) <= MOST_LINES
        found |= dict(enumerate(split, first))
    assert found == {number: b"%d" % number for number in range(1, lines + 1)}


def test_so_do_short_records() -> None:
    text = b"{}" * (2 * MOST_LINES + 7)
    chunks = list(concatenated(io.BytesIO(text), chunk_bytes=1 << 22, line_bytes=100))
    assert [(first, len(found)) for first, found in chunks] == [
        (1, MOST_LINES),
        (1 + MOST_LINES, MOST_LINES),
        (1 + 2 * MOST_LINES, 7),
    ]
