"""What a request holds: its events, each in the very bytes that were sent, and what stands around them.

Events are not written anew: a number of 30 digits, a key given twice or a broken text lands in the store as it came,
and the pipeline, which has the one strict validator, says of each whether it is an event. So the reader here is
lenient (Python's own takes NaN, lone surrogates and control characters): one bad event does not cost its batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.collect.refused import Refused

# Numbers are looked at only as times: a float does, and takes any number of digits.
_DECODER = json.JSONDecoder(strict=False, parse_int=float)
_SPACE = re.compile(r"[ \t\n\r]*")
# Strings whole, so that brackets inside them do not count; also one without an end, lest each quote in it be tried as
# the beginning of one.
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_BOM = "\ufeff"
MOST_EVENTS = 10_000  # in a batch: each gets its stamps, so 4 MB of empty events would become hundreds


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of a request: its JSON text, and what that says; None where it is no readable object."""

    text: str
    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request's events, and the write key and time of sending that its body names."""

    events: list[Sent]
    key: str | None
    sent_at: Any


def open_single(body: bytes) -> Envelope:
    """A body that is one event. Raises `Refused` for anything but one JSON object."""
    text = _text(body)
    start = _skip(text, 0)
    value, end = _shallow(text, start)
    _ends(text, end)
    if not isinstance(value, dict):
        raise Refused(400, "body.not_an_event", "The body is not a JSON object, which an event is.")
    return Envelope([Sent(text[start:end], value)], _key(value.get("writeKey")), value.get("sentAt"))


def open_batch(body: bytes) -> Envelope:
    """A body that is `{"batch": [event, …]}`. Raises `Refused` when it is not; what its events are is not asked."""
    text = _text(body)
    events: list[Sent] | None = None
    around: dict[str, Any] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise _no_batch()
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = _name(text, at)
        if name == "batch" and text[at : at + 1] == "[":
            events, at = _elements(text, at)
        else:
            around[name], at = _shallow(text, at)
        at = _comma(text, at, "}")
    _ends(text, at + 1)
    if events is None:
        raise _no_batch()
    return Envelope(events, _key(around.get("writeKey")), around.get("sentAt"))


def _elements(text: str, at: int) -> tuple[list[Sent], int]:
    """The elements of the list that begins at `at`, and where it ends."""
    events: list[Sent] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            value, end = _value(text, at)
        except RecursionError:
            value, end = None, _end_of_brackets(text, at)
        events.append(Sent(text[at:end], value if isinstance(value, dict) else None))
        if len(events) > MOST_EVENTS:
            raise Refused(413, "body.large", f"The batch has more than {MOST_EVENTS:,} events. Send fewer at once.")
        at = _comma(text, end, "]")
    return events, at + 1


def _name(text: str, at: int) -> tuple[str, int]:
    """The member's name at `at`, and where its value begins."""
    name, end = _shallow(text, at)
    if not isinstance(name, str):
        raise _not_json(at)
    at = _skip(text, end)
    if text[at : at + 1] != ":":
        raise _not_json(at)
    return name, _skip(text, at + 1)


def _comma(text: str, at: int, closing: str) -> int:
    """Where the next one begins behind a comma, or where the closing bracket stands."""
    at = _skip(text, at)
    if text[at : at + 1] == closing:
        return at
    if text[at : at + 1] != ",":
        raise _not_json(at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == closing:
        raise _not_json(at)
    return at


def _shallow(text: str, at: int) -> tuple[Any, int]:
    try:
        return _value(text, at)
    except RecursionError:
        raise Refused(400, "body.too_deep", "The body is nested too deeply to be read.") from None


def _value(text: str, at: int) -> tuple[Any, int]:
    """What the JSON value at `at` says, and where it ends. Raises `Refused`, and `RecursionError` for a deep one."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _not_json(error.pos) from None


def _end_of_brackets(text: str, at: int) -> int:
    """Where the value that begins at `at` ends, by its brackets alone: it is too deep to be read."""
    depth = 0
    for found in _brackets(text, at):
        depth += 1 if found.group() in "[{" else -1
        if depth == 0:
            return found.end()
    raise _not_json(len(text))


def _brackets(text: str, at: int) -> Iterator[re.Match[str]]:
    return (found for found in _BRACKETS.finditer(text, at) if not found.group().startswith('"'))


def _text(body: bytes) -> str:
    """The body as text. Bytes that are no UTF-8 stay what they are, within the event that has them."""
    return body.decode("utf-8", "surrogateescape").removeprefix(_BOM)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _ends(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise _not_json(_skip(text, at))


def _key(value: Any) -> str | None:
    """Jitsu's client has a secret behind a colon, and sends stars for it, or for the whole key."""
    text = value.partition(":")[0] if isinstance(value, str) else ""
    return text if text.strip("*") else None


def _not_json(at: int) -> Refused:
    return Refused(400, "body.not_json", f"The body is not valid JSON: see character {at + 1}.")


def _no_batch() -> Refused:
    return Refused(400, "body.no_batch", 'The body is no batch: send {"batch": [event, …]}.')
