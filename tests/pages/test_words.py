"""How numbers, times and filters read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pages.parts import words
from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.view import View

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


def _view(query: str, zone: str = "UTC", now: datetime = NOW) -> View:
    return View.parse(query, now=now, zone=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (311111, "311,111 events")]
)
def test_plurals(number: int, said: str) -> None:
    assert words.counted(number, "event") == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "–"), (0, 9, "0%"), (1, 1000, "<1%"), (999, 1000, ">99%"), (9, 9, "100%"), (1, 3, "33%")],
)
def test_a_share_never_rounds_to_nothing_or_to_all(part: int, whole: int, said: str) -> None:
    assert words.share(part, whole) == said


@pytest.mark.parametrize(
    ("filter", "said"),
    [
        (Filter("country", Op.IS, ("France", "Spain")), "Country is France or Spain"),
        (Filter("device", Op.IS_NOT, ("Bot",)), "Device is not Bot"),
        (Filter("customer_id", Op.IS_SET), "Customer ID is set"),
        (Filter('properties."my plan"', Op.GE, ("3",)), "my plan ≥ 3"),
    ],
)
def test_filters_in_words(filter: Filter, said: str) -> None:
    assert words.phrase(filter) == said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "10 Nov – 23 Nov 2026"),
        ("range=24H", "22 Nov, 14:30 – 23 Nov 2026, 14:30"),
        ("from=2025-12-30&to=2026-01-02", "30 Dec 2025 – 2 Jan 2026"),
        ("from=2026-11-20&to=2026-11-20", "20 Nov 2026"),
    ],
)
def test_the_days_of_a_view(query: str, said: str) -> None:
    assert words.dates(_view(query)) == said


def test_seven_days_show_seven_dates() -> None:
    first, last = words.first_and_last(_view("range=7D"))
    assert (last - first).days == 6


def test_an_event_is_told_by_two_clocks() -> None:
    at = datetime(2026, 11, 23, 14, 29, 36, tzinfo=UTC)
    assert words.long_time(at, ZONE, "America/Los_Angeles") == "23 Nov 2026, 14:29:36 UTC · 06:29 customer’s time"
    assert words.long_time(at, ZONE, "Asia/Tokyo").endswith("23:29 customer’s time")
    assert words.long_time(at.replace(hour=23), ZONE, "Asia/Tokyo").endswith("24 Nov, 08:29 customer’s time")


@pytest.mark.parametrize("zone", [None, "", "Nowhere/At_All", "../../etc/passwd", "\x00"])
def test_an_unknown_timezone_leaves_the_display_zone_alone(zone: str | None) -> None:
    assert words.long_time(NOW, ZONE, zone) == "23 Nov 2026, 14:30:00 UTC"


def test_zones_are_named() -> None:
    assert words.zone_name(ZoneInfo("Europe/Paris"), NOW) == "CET"
    assert words.zone_name(ZoneInfo("America/Sao_Paulo"), NOW) == "America/Sao_Paulo"


def test_data_through_names_the_day_only_when_it_is_not_today() -> None:
    assert words.clock_time(NOW, ZONE, NOW) == "14:30:00 UTC"
    assert words.clock_time(NOW - timedelta(days=2), ZONE, NOW) == "21 Nov 2026, 14:30:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1, "1 second"), (61, "1 minute"), (7_300, "2 hours"), (200_000, "2 days"), (-5, "0 seconds")],
)
def test_spans(seconds: int, said: str) -> None:
    assert words.lasting(timedelta(seconds=seconds)) == said


def test_a_bar_of_a_day_selects_that_day_also_when_clocks_change() -> None:
    view = _view("from=2026-10-20&to=2026-10-30", "Europe/Paris")
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight in Paris; the day has 25 hours
    bar = words.bucket(start, start + timedelta(hours=25), view)
    assert (bar["from"], bar["to"]) == ("2026-10-25", "2026-10-25")
    assert bar["title"] == "Sun 25 Oct"


def test_a_bar_of_an_hour_selects_that_hour() -> None:
    bar = words.bucket(NOW.replace(minute=0), NOW.replace(minute=0) + timedelta(hours=1), _view("range=24H"))
    assert (bar["from"], bar["to"]) == ("2026-11-23T14:00:00Z", "2026-11-23T15:00:00Z")
