"""Reading times, in microseconds since 1970 UTC ("An event" in docs/semantics.md).

RFC 3339 with an offset or `Z`, and epoch milliseconds as a number or as text, are read. A time without an offset is
not: guessing its zone would move events by hours without a word. Times before 1970 are no times of tracked events but
unset ones (`0001-01-01T00:00:00Z`), and are not read either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
LAST_US = 253_370_764_799_999_999  # the end of the year 9998: a day later still is a year of four digits

_MILLISECONDS = re.compile(r"\d{1,15}(?:\.\d+)?", re.ASCII)
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt _](\d\d:\d\d:)(\d\d)(\.\d+)?\s?(?:([Zz])|([+-]\d\d):?(\d\d))", re.ASCII)


def microseconds(at: datetime) -> int:
    """`at`, which has a zone, exactly."""
    since = at - EPOCH
    return since.days * DAY_US + since.seconds * 1_000_000 + since.microseconds


def read_time(value: Any) -> int | None:
    """The time that `value` says, or None when it says none that is readable."""
    if type(value) is str:
        # By far the most common form, `2026-11-23T14:29:56.123Z`, without a regular expression.
        if len(value) > 19 and value[10] == "T" and value[13] == ":":
            try:
                since = datetime.fromisoformat(value) - EPOCH
            except (ValueError, TypeError, OverflowError):  # TypeError: it has no offset
                return _read_text(value)
            us = since.days * DAY_US + since.seconds * 1_000_000 + since.microseconds
            return us if 0 < us <= LAST_US else None
        return _read_text(value)
    if type(value) is int or type(value) is float:
        return int(value * 1000) if 0 < value <= LAST_US // 1000 else None
    return None


def _read_text(text: str) -> int | None:
    text = text.strip()
    if _MILLISECONDS.fullmatch(text):
        return read_time(float(text) if "." in text else int(text))
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, zulu, hours, minutes = found.groups()
    offset = "+00:00" if zulu else f"{hours}:{minutes}"
    leap = second == "60"  # datetime knows no leap seconds: the second after 59 stands for it
    try:
        at = datetime.fromisoformat(f"{day}T{minute}{'59' if leap else second}{fraction or ''}{offset}")
        us = microseconds(at + timedelta(seconds=leap))
    except (ValueError, OverflowError):
        return None
    return us if 0 < us <= LAST_US else None


@dataclass(frozen=True, slots=True)
class Clock:
    """Decides when a line's event occurred and was received.

    `fallback` is the object's last-modified time, which stands for a missing `receivedAt`; `cutoff` is the retention
    cut-off, None when everything is kept; all in microseconds.
    """

    fallback: int
    cutoff: int | None

    def received(self, stamp: Any) -> int:
        at = read_time(stamp) if stamp is not None else None
        return self.fallback if at is None else at

    def occurred(self, received: int, sent: Any, original: Any, timestamp: Any) -> tuple[int, Any]:
        """When the event occurred, and the client's own time where its clock was wrong (else None).

        `received − (sentAt − originalTimestamp)` corrects the client's clock; without both, `timestamp` (else
        `originalTimestamp`) is taken as it is. Wrong is what cannot be read, lies more than 24 h after `received`, or
        lies before the cut-off although received after it.
        """
        at = None
        if sent is not None and original is not None:
            sent_at = read_time(sent)
            original_at = sent_at if sent == original else read_time(original)
            if sent_at is not None and original_at is not None:
                at = received - sent_at + original_at
        if at is None:
            at = read_time(timestamp)
            if at is None:
                at = read_time(original)
        if at is None:
            return received, (original if timestamp is None else timestamp)
        if at > received + DAY_US or at <= 0 or (self.cutoff is not None and at < self.cutoff <= received):
            return received, (timestamp if original is None else original)
        return at, None

    def expired(self, received: int, occurred: int) -> bool:
        """Whether both times lie before the cut-off: too old to keep."""
        return self.cutoff is not None and received < self.cutoff and occurred < self.cutoff
