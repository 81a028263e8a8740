"""Reading times and deciding between clocks ("An event" in docs/semantics.md)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.sources.times import DAY_US, Clock, microseconds, read_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_US = microseconds(NOON)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00.000Z",
        "2026-11-23T12:00:00.000000000Z",
        "2026-11-23t12:00:00z",
        "2026-11-23 12:00:00Z",
        "2026-11-23 12:00:00 +00:00",
        "2026-11-23T17:30:00+05:30",
        "2026-11-23T17:30:00+0530",
        "2026-11-22T22:00:00-14:00",
        " 2026-11-23T12:00:00Z ",
        "2026-11-23T11:59:60Z",  # a leap second
        1795435200000,
        1795435200000.0,
        "1795435200000",
    ],
)
def test_forms_that_are_read(value: Any) -> None:
    assert read_time(value) == NOON_US


@pytest.mark.parametrize(
    ("value", "microseconds_after_noon"),
    [
        ("2026-11-23T12:00:00.1Z", 100_000),
        ("2026-11-23T12:00:00.123456Z", 123_456),
        ("2026-11-23T12:00:00.123456789Z", 123_456),
        ("1795435200123.5", 123_500),
        (1795435200123.5, 123_500),
    ],
)
def test_fractions_to_the_microsecond(value: Any, microseconds_after_noon: int) -> None:
    assert read_time(value) == NOON_US + microseconds_after_noon


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "yesterday", "2026-11-23T12:00:00", "2026-11-23", "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00", "23/11/2026 12:00", 0, -1, 1e305, 10**400, "9" * 400, [], {},
        "٢٠٢٦-11-23T12:00:00Z",
    ],
)  # fmt: skip
def test_forms_that_are_not(value: Any) -> None:
    assert read_time(value) is None


def iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat()


def test_the_clients_clock_is_corrected_by_how_late_it_sent() -> None:
    clock = Clock(0, None)
    ahead = NOON_US + 30 * DAY_US
    assert clock.occurred(NOON_US, iso(ahead + 5_000_000), iso(ahead), "2026-01-01T00:00:00Z") == (
        NOON_US - 5_000_000,
        None,
    )


@pytest.mark.parametrize(
    ("sent", "original"),
    [(None, iso(NOON_US - 7)), ("soon", iso(NOON_US - 7)), (iso(NOON_US), None), (iso(NOON_US), "?")],
)
def test_without_both_the_timestamp_is_taken(sent: str | None, original: str | None) -> None:
    assert Clock(0, None).occurred(NOON_US, sent, original, iso(NOON_US - 9_000_000)) == (NOON_US - 9_000_000, None)


def test_an_original_timestamp_alone_is_better_than_none() -> None:
    assert Clock(0, None).occurred(NOON_US, None, iso(NOON_US - 9_000_000), None) == (NOON_US - 9_000_000, None)


def test_no_time_at_all_is_when_it_was_received() -> None:
    assert Clock(0, None).occurred(NOON_US, None, None, None) == (NOON_US, None)


def test_what_cannot_be_read_is_kept_and_replaced() -> None:
    assert Clock(0, None).occurred(NOON_US, None, None, "yesterday") == (NOON_US, "yesterday")


def test_a_day_ahead_is_the_limit() -> None:
    clock = Clock(0, None)
    assert clock.occurred(NOON_US, None, None, iso(NOON_US + DAY_US)) == (NOON_US + DAY_US, None)
    late = iso(NOON_US + DAY_US + 1_000_000)
    assert clock.occurred(NOON_US, None, None, late) == (NOON_US, late)


def test_beyond_the_cutoff_but_received_lately_is_a_wrong_clock() -> None:
    clock = Clock(0, NOON_US - 10 * DAY_US)
    old = iso(NOON_US - 11 * DAY_US)
    assert clock.occurred(NOON_US, None, None, old) == (NOON_US, old)
    assert not clock.expired(NOON_US, NOON_US)


def test_expired_is_before_the_cutoff_by_both_times() -> None:
    cutoff = NOON_US - 10 * DAY_US
    clock = Clock(0, cutoff)
    before = cutoff - 1
    assert clock.occurred(before, None, None, iso(before - 1_000_000))[1] is None
    assert clock.expired(before, before)
    assert not clock.expired(before, cutoff)
    assert not clock.expired(cutoff, before)
    assert not Clock(0, None).expired(before, before)


def test_the_objects_time_stands_for_a_missing_or_unreadable_received_at() -> None:
    clock = Clock(42, None)
    assert (clock.received(None), clock.received("?"), clock.received(iso(NOON_US))) == (42, 42, NOON_US)
