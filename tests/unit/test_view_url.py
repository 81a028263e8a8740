"""The query string of a view: what it takes, what it refuses, and that it round-trips."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.errors import QuestionError, UnknownField, UnknownOperator
from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.ranges import Days, Instants, Preset
from pipeline.questions.view import PARAMETERS, View

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def parse(query: str, zone: ZoneInfo = PARIS, now: datetime = NOW) -> View:
    return View.parse(query, now=now, zone=zone)


def test_an_empty_query_is_fourteen_days_page_one() -> None:
    view = parse("")
    assert view.range == Preset("14D")
    assert (view.filters, view.page, view.event, view.as_of) == ((), 1, None, None)
    assert view.query() == "range=14D"
    assert parse("?range=14D") == view


def test_every_parameter_is_read() -> None:
    event = "0b6f0f2e-7f43-5d6e-9a42-1f0c5b9f7a11"
    view = parse(
        f"from=2026-11-01&to=2026-11-02&f=country%20is%20France|Spain&f=modal+is_set&page=3&event={event}&as_of=7"
    )
    assert view.range == Days(date(2026, 11, 1), date(2026, 11, 2))
    assert view.filters == (Filter("country", Op.IS, ("France", "Spain")), Filter("modal", Op.IS_SET))
    assert (view.page, view.event, view.as_of) == (3, event, 7)
    assert parse(view.query()) == view


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        (r"path is a\|b|c\\d", "path", ("a|b", "c\\d")),
        ("event is  Page Viewed ", "event", (" Page Viewed ",)),
        ("path is /a=b&c", "path", ("/a=b&c",)),
        ("title is line\nbreak", "title", ("line\nbreak",)),
        ('properties."my name" is x', 'properties."my name"', ("x",)),
        (r'properties."a\"b\\c" is x', r'properties."a\"b\\c"', ("x",)),
        ('properties."plan" is x', "properties.plan", ("x",)),
        ('properties."a.b" is x', 'properties."a.b"', ("x",)),
        ('properties."" is x', 'properties.""', ("x",)),
        ("properties.é is x", "properties.é", ("x",)),
    ],
)
def test_a_filter_is_read_to_the_letter(text: str, field: str, values: tuple[str, ...]) -> None:
    read = Filter.parse(text)
    assert (read.field, read.op, read.values) == (field, Op.IS, values)
    assert Filter.parse(read.text()) == read


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("rnage=7D", "Did you mean 'range'?"),
        ("range=7d", "There are: 24H, 7D"),
        ("range=5D", "There is no range '5D'"),
        ("range=7D&range=14D", "given twice"),
        ("range=7D&from=2026-01-01&to=2026-01-02", "not both"),
        ("from=2026-01-01", "'to' is missing"),
        ("to=2026-01-01", "'from' is missing"),
        ("from=2026-02-30&to=2026-03-01", "from=2026-02-30 is not a day"),
        ("from=20260230&to=2026-03-01", "is not a day"),
        ("from=2026-03-02&to=2026-03-01", "before it begins"),
        ("from=0001-01-01&to=9999-12-31", "between the years"),
        ("from=2026-01-01T10:00Z&to=2026-01-01T10:00Z", "before it begins"),
        ("from=2026-01-01T25:00Z&to=2026-01-01T26:00Z", "not a time"),
        ("page=0", "page=0"),
        ("page=1e3", "page=1e3"),
        ("page=-1", "page=-1"),
        ("page=٣", "page=٣"),
        ("page=99999999999999999999", "page=9999"),
        ("as_of=x", "as_of=x"),
        ("event=5", "not an event id"),
        ("f=", "cannot be read"),
        ("f=county is France", "Did you mean 'country'?"),
        ("f=country equals France", "does not take the operator 'equals'"),
        ("f=country is_nott France", "Did you mean 'is_not'?"),
        ("f=country", "cannot be read"),
        ("f=country is", "no value"),
        ("f=country is ", "no value"),
        ("f=country is a||b", "empty"),
        ("f=country is_set x", "takes no value"),
        ("f=country is_set ", "takes no value"),
        (r"f=path is a\b", "stands alone"),
        ("f=path is a\\", "stands alone"),
        ("f=ip in_network 300.1.1.1/8", "not a network"),
        ("f=country in_network 10.0.0.0/8", "does not take the operator"),
        ("f=properties.price > ten", "not a number"),
        ("f=properties.price > 1e999", "not a number"),
        ("f=properties.price > NaN", "not a number"),
        ("f=properties.price > 1_000", "not a number"),
        ("f=country > 5", "does not take the operator"),
        ("f=properties is x", "properties.NAME"),
        ("f=properties. is x", "cannot be read"),
        ("f=properties.a.b is x", "cannot be read"),
        ("f=occurred_at is x", "from and to"),
        ("f=event_id is x", "not an event id"),
        ("f=path is a%00b", "no text has"),
        ("f=path is %ff", "cannot be read"),
        ("nonsense", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused_with_help(query: str, says: str) -> None:
    with pytest.raises(QuestionError) as refusal:
        parse(query)
    assert says in str(refusal.value)


def test_unknown_fields_and_operators_have_errors_of_their_own() -> None:
    with pytest.raises(UnknownField):
        Filter.parse("nothing is x")
    with pytest.raises(UnknownOperator):
        Filter.parse("device contains x")


def test_parameters_of_the_caller_are_let_through() -> None:
    assert View.parse("live=1&range=7D", now=NOW, zone=PARIS, also={"live"}).range == Preset("7D")
    assert "live" not in PARAMETERS


@pytest.mark.parametrize(("preset", "dates"), [("7D", 7), ("14D", 14), ("30D", 30), ("90D", 90)])
def test_presets_are_calendar_days_today_included(preset: str, dates: int) -> None:
    start, end = parse(f"range={preset}", zone=ZoneInfo("UTC")).bounds()
    assert end == datetime(2026, 11, 24, tzinfo=UTC)
    assert end - start == timedelta(days=dates)


def test_today_is_today_in_the_zone() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # already the 24th in Paris
    assert parse("range=7D", now=late).bounds()[1] == datetime(2026, 11, 24, 23, tzinfo=UTC)


def test_24_hours_roll() -> None:
    assert parse("range=24H").bounds() == (NOW - timedelta(hours=24), NOW)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # midnight is skipped
        ("Atlantic/Azores", "2026-10-25", 25),  # midnight comes twice
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
    ],
)
def test_a_day_is_as_long_as_it_is(zone: str, day: str, hours: float) -> None:
    start, end = parse(f"from={day}&to={day}", zone=ZoneInfo(zone)).bounds()
    assert (end - start).total_seconds() == hours * 3600


def test_a_pinned_view_means_the_same_tomorrow() -> None:
    for query in ("range=24H", "range=7D", "from=2026-11-01&to=2026-11-02"):
        view = parse(f"{query}&f=country is France")
        pinned = view.pinned(12)
        tomorrow = parse(pinned.query(), now=NOW + timedelta(days=1))
        assert tomorrow.bounds() == view.bounds()
        assert (tomorrow.filters, tomorrow.as_of) == (view.filters, 12)


def test_narrowing_leads_back_to_page_one() -> None:
    view = parse("page=9&event=0b6f0f2e-7f43-5d6e-9a42-1f0c5b9f7a11")
    france = Filter("country", Op.IS, ("France",))
    narrowed = view.plus(france).plus(france)
    assert (narrowed.filters, narrowed.page, narrowed.event) == ((france,), 1, None)
    assert narrowed.minus(france).filters == ()
    assert view.with_(page=4).event == view.event


def test_instants_are_kept_in_utc() -> None:
    start = datetime(2026, 11, 23, 15, 30, tzinfo=PARIS)
    assert Instants(start, start + timedelta(hours=1)).start == NOW
