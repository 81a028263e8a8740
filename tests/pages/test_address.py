"""What a reader does becomes another view; what makes no sense is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pages.parts import address
from pipeline.errors import QuestionError
from pipeline.questions.view import View

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
EVENT = "7f000001-0000-4000-8000-000000000001"


def _view(query: str = "") -> View:
    return View.parse(query, now=NOW, zone=ZoneInfo("UTC"))


def _after(query: str, **action: object) -> str:
    return address.after(_view(query), action).query()


def test_opening_and_closing_an_event_keeps_the_page() -> None:
    opened = _after("range=7D&page=3", do="open", id=EVENT)
    assert opened == f"range=7D&page=3&event={EVENT}"
    assert _after(opened, do="close") == "range=7D&page=3"


def test_a_click_on_a_value_filters_from_page_one_with_nothing_open() -> None:
    query = _after(f"page=3&event={EVENT}", do="filter", field="country", op="is", value="France")
    assert query == "range=14D&f=country%20is%20France"


def test_a_second_value_joins_the_first() -> None:
    query = _after("f=country is France", do="filter", field="country", op="is", value="Spain")
    assert _view(query).filters[0].values == ("France", "Spain")
    assert len(_view(query).filters) == 1


@pytest.mark.parametrize("value", ["a|b", "back\\slash", "50%", "it's", "<b>x</b>", "ü", ":red[x]"])
def test_any_text_can_be_filtered_by(value: str) -> None:
    query = _after("", do="filter", field="path", op="is", value=value)
    assert _view(query).filters[0].values == (value,)


def test_an_absent_value_asks_for_rows_where_it_is_empty() -> None:
    assert _after("", do="filter", field="country", op="is", value=None).endswith("country%20is_not_set")
    assert _after("", do="filter", field="country", op="is_not", value=None).endswith("country%20is_set")


def test_a_metadata_key_may_be_any_text() -> None:
    view = address.after(
        _view(), {"do": "filter", "field": "properties", "key": 'my "plan".x', "op": "is", "value": "trial"}
    )
    assert View.parse(view.query(), now=NOW, zone=ZoneInfo("UTC")) == view
    assert _after("", do="filter", field="properties", key="plan", op="is", value="1").endswith(
        "properties.plan%20is%201"
    )


def test_numbers_are_compared_as_numbers() -> None:
    assert _after("", do="filter", field="line", op="is", value="7").endswith("f=line%20%3D%207")


def test_removing_a_chip() -> None:
    assert _after("f=country is France&f=device is Mobile", do="remove", index=0) == "range=14D&f=device%20is%20Mobile"


def test_brushing_days_and_hours() -> None:
    days = _after("", **{"do": "range", "from": "2026-11-20", "to": "2026-11-21"})
    assert days == "from=2026-11-20&to=2026-11-21"
    hours = _after("range=24H", **{"do": "range", "from": "2026-11-23T10:00:00Z", "to": "2026-11-23T12:00:00Z"})
    start, end = _view(hours).bounds()
    assert (start.hour, end.hour) == (10, 12)


def test_quick_filters_toggle() -> None:
    hidden = address.toggled(_view(), address.NO_BOTS, True)
    assert hidden.query() == "range=14D&f=device%20is_not%20Bot"
    assert address.toggled(hidden, address.NO_BOTS, False) == _view()


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"do": "nothing"},
        {"do": "remove", "index": 5},
        {"do": "filter", "field": "county", "op": "is", "value": "x"},
        {"do": "filter", "field": "country", "op": "like", "value": "x"},
        {"do": "filter", "field": "properties", "op": "is", "value": "x"},
        {"do": "filter", "field": "ip", "op": "in_network", "value": "nonsense"},
    ],
)
def test_what_has_no_meaning_is_refused(action: dict[str, object]) -> None:
    with pytest.raises(QuestionError):
        address.after(_view(), action)
