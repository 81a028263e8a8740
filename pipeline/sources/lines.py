"""One line: the one strict validator, and what a line that fails it becomes.

The codes of rejected lines, with the rule each names ("An event" in docs/semantics.md):

    line.not_json             not JSON as RFC 8259 has it (NaN, trailing commas, lone surrogates, broken UTF-8 are not)
    line.not_object           JSON, but a list, text, number, true, false or null
    line.too_long             longer than the line cap, or an event longer than the collector takes
    line.too_deep             nested deeper than the cap
    line.no_type_and_name     neither a type nor an event name
    line.unknown_type         a type that is none of ours, and no event name to go by
    line.track_without_name   a track call that does not say what happened
    line.no_identity          neither a user id nor an anonymous id
    line.nul_in_id            an id with a NUL character: the lake's catalog takes it for the end of a text (measured)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

RAW_BYTES = 64 * 1024
BOM = b"\xef\xbb\xbf"

# orjson writes nested values down to 254 levels, and `properties` is written from what was read.
DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what one line may be; a line beyond one is rejected alone."""

    line_bytes: int = 1_000_000
    depth: int = 100

    def __post_init__(self) -> None:
        if self.line_bytes < 1 or not 1 <= self.depth <= DEEPEST:
            raise ValueError(f"a line needs at least 1 byte and a nesting cap of 1 to {DEEPEST}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that became no event: its 1-based number in the object, a code, a sentence, and its raw bytes.

    `raw` is cut to `RAW_BYTES`; the reason then says so.
    """

    line: int
    code: str
    reason: str
    raw: bytes


class LineRejected(Exception):
    """Raised and caught within parsing only; it becomes a `Rejected`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def at(self, line: int, raw: bytes) -> Rejected:
        reason = self.reason
        if len(raw) > RAW_BYTES:
            reason += f" Its first {RAW_BYTES:,} bytes are kept."
        return Rejected(line, self.code, reason, raw[:RAW_BYTES])


def kept_whole(code: str, raw: bytes) -> bool:
    """Whether the `raw` of a rejected line is all of it; a line beyond the line cap is cut while it is read."""
    return code != "line.too_long" and len(raw) < RAW_BYTES


def decode(line: bytes, limits: Limits) -> dict[str, Any]:
    """The JSON object that `line` is; raises `LineRejected`."""
    if len(line) > limits.line_bytes:
        raise LineRejected("line.too_long", f"The line is longer than {limits.line_bytes:,} bytes.")
    # Counting brackets is far cheaper than walking: few lines have as many as the cap. Many have no list at all, and
    # that is found out faster than their number.
    brackets = line.count(b"{") + (line.count(b"[") if b"[" in line else 0)
    if brackets > limits.depth and _depth(line) > limits.depth:
        raise LineRejected("line.too_deep", f"The JSON is nested deeper than {limits.depth} levels.")
    try:
        value = orjson.loads(line.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise LineRejected("line.not_json", f"The line is not valid JSON: {_sentence(error)}.") from None
    if type(value) is not dict:
        raise LineRejected("line.not_object", f"The line is {_KINDS[type(value)]}, not a JSON object.")
    return value


_KINDS: dict[type, str] = {
    list: "a JSON array",
    str: "a JSON text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}

# Strings whole, so that brackets inside them do not count.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(line):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _sentence(error: orjson.JSONDecodeError) -> str:
    """orjson's message with the place counted in the line, as `line 1 column 8 (char 7)` says nothing here."""
    return f"{error.msg.partition(': line ')[0]} at character {error.pos + 1}"
