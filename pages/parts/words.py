"""Numbers, times and filters in words. Questions give numbers; how they read is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.event import FIELD, WITHOUT_VALUE, Op
from pipeline.questions.filters import Filter, metadata_key
from pipeline.questions.ranges import Instants, Preset
from pipeline.questions.view import View
from pipeline.words import counted as counted

OPERATOR_WORDS: dict[Op, str] = {
    Op.IS: "is",
    Op.IS_NOT: "is not",
    Op.CONTAINS: "contains",
    Op.NOT_CONTAINS: "does not contain",
    Op.STARTS_WITH: "starts with",
    Op.IS_SET: "is set",
    Op.IS_NOT_SET: "is not set",
    Op.IN_NETWORK: "is in network",
    Op.EQ: "=",
    Op.NE: "≠",
    Op.LT: "<",
    Op.LE: "≤",
    Op.GT: ">",
    Op.GE: "≥",
}


def share(part: int, whole: int) -> str:
    """A whole percentage that says `<1%` and `>99%` rather than a false 0 % or 100 %."""
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1%"
    if 99 < percent < 100:
        return ">99%"
    return f"{percent:.0f}%"


def label(field: str) -> str:
    key = metadata_key(field)
    return key if key is not None else FIELD[field].label


def phrase(condition: Filter, values: Sequence[str] | None = None) -> str:
    """`Country is France or Spain`; with other `values` than its own, where these are not to be read."""
    words = f"{label(condition.field)} {OPERATOR_WORDS[condition.op]}"
    if condition.op in WITHOUT_VALUE:
        return words
    return f"{words} {' or '.join(condition.values if values is None else values)}"


def zone_name(zone: ZoneInfo, at: datetime) -> str:
    """`UTC`, `CEST`: what the zone is called at that instant; zones without letters give their IANA name."""
    short = at.astimezone(zone).tzname() or ""
    return short if short.isalpha() else zone.key


def dates(view: View) -> str:
    """The days a view covers, both included; to the minute where it covers no whole days."""
    start, end = (time.astimezone(view.zone) for time in view.bounds())
    if isinstance(view.range, Instants) or view.range == Preset("24H"):
        return f"{start:%-d %b, %H:%M} – {end:%-d %b %Y, %H:%M}"
    last = end - timedelta(microseconds=1)
    if start.date() == last.date():
        return f"{last:%-d %b %Y}"
    first = f"{start:%-d %b}" if start.year == last.year else f"{start:%-d %b %Y}"
    return f"{first} – {last:%-d %b %Y}"


def first_and_last(view: View) -> tuple[date, date]:
    """The first and the last day a view covers, both included, in its zone."""
    start, end = view.bounds()
    return start.astimezone(view.zone).date(), (end - timedelta(microseconds=1)).astimezone(view.zone).date()


def short_time(at: datetime, view: View) -> str:
    local = at.astimezone(view.zone)
    this_year = local.year == view.now.astimezone(view.zone).year
    return f"{local:%-d %b, %H:%M:%S}" if this_year else f"{local:%-d %b %Y, %H:%M}"


def long_time(at: datetime, zone: ZoneInfo, theirs: str | None) -> str:
    """The event's time in the display zone and, where the place is known, by the customer's own clock."""
    local = at.astimezone(zone)
    text = f"{local:%-d %b %Y, %H:%M:%S} {zone_name(zone, at)}"
    if not theirs:
        return text
    try:
        own = at.astimezone(ZoneInfo(theirs))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return text
    day = "" if own.date() == local.date() else f"{own:%-d %b}, "
    return f"{text} · {day}{own:%H:%M} customer’s time"


def clock_time(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`14:29:56 UTC`, with the date when it is not today's."""
    local = at.astimezone(zone)
    day = "" if local.date() == now.astimezone(zone).date() else f"{local:%-d %b %Y}, "
    return f"{day}{local:%H:%M:%S} {zone_name(zone, at)}"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def bucket(start: datetime, end: datetime, view: View) -> dict[str, str]:
    """One bar of the histogram: its label, its title, and what choosing it selects."""
    first, after = start.astimezone(view.zone), end.astimezone(view.zone)
    if end - start < timedelta(hours=22):
        title = f"{first:%-d %b, %H:%M} – {after:%H:%M}"
        return {"label": f"{first:%H:%M}", "title": title, "from": iso(start), "to": iso(end)}
    last = (end - timedelta(microseconds=1)).astimezone(view.zone).date()
    title = f"{first:%a %-d %b}" if first.date() == last else f"{first:%-d %b} – {last:%-d %b}"
    return {"label": f"{first:%-d %b}", "title": title, "from": first.date().isoformat(), "to": last.isoformat()}


def lasting(span: timedelta) -> str:
    """`8 seconds`, `3 minutes`, `2 hours`, `5 days`: the largest unit that is at least one."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def size(count: int) -> str:
    """`812 B`, `4.1 MB`: in powers of a thousand."""
    if count < 1_000:
        return f"{count:,} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1_000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:,.1f} {unit}"
