"""The Activity page: count, list, panel and export agree; the URL is the state; what is wrong is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.pages.conftest import Open
from tests.pages.sample import COUNTRIES, HOSTILE_ID, ORDINARY, hostile_text
from tests.support import make_lake
from tests.support_cli import pipeline

TOTAL = ORDINARY + 1


def test_the_count_the_list_and_the_export_agree(open_page: Open) -> None:
    page = open_page()
    assert f"<b>{TOTAL} events</b>" in page.html()
    assert page.given("grid")["total"] == TOTAL
    assert len(page.given("grid")["rows"]) == 50
    assert page.given("share")["rows"] == f"{TOTAL} rows"
    assert page.given("panel")["glance"]["total"] == TOTAL


def test_the_newest_event_comes_first_and_the_last_page_is_the_true_one(open_page: Open) -> None:
    page = open_page("page=3")
    grid = page.given("grid")
    assert grid["first"] == 101
    assert [row["path"] for row in grid["rows"]][-1] == f"/news/{ORDINARY - 1}"
    assert f"Rows 101–{TOTAL} of {TOTAL}" in page.html()


def test_a_page_past_the_end_is_the_last_one(open_page: Open) -> None:
    assert open_page("page=999").given("grid")["first"] == 101


def test_filters_narrow_everything_alike(open_page: Open) -> None:
    page = open_page("f=country is France")
    expected = len(range(0, ORDINARY, 3))
    assert page.given("grid")["total"] == expected
    assert page.given("filterbar")["chips"] == ["Country is France"]
    assert {row["country"] for row in page.given("grid")["rows"]} == {"France"}
    countries = next(facet for facet in page.given("panel")["glance"]["facets"] if facet["field"] == "country")
    assert countries["values"] == [{"value": "France", "count": expected}]


def test_one_event_is_one_event(open_page: Open) -> None:
    page = open_page("f=path is /news/7")
    assert "<b>1 event</b>" in page.html()
    assert page.given("share")["rows"] == "1 row"


def test_suggestions_come_with_their_counts(open_page: Open) -> None:
    suggestions = open_page().given("filterbar")["suggestions"]
    found = {(item["field"], item["value"]): item["count"] for item in suggestions}
    for place, (name, _) in enumerate(COUNTRIES):
        assert found["country", name] == len(range(place, ORDINARY, 3))


def test_every_link_to_a_file_is_pinned_to_what_the_page_shows(open_page: Open) -> None:
    share = open_page("range=7D&f=device is Bot").given("share")
    for suffix, choice in zip(("csv", "parquet", "xlsx"), share["formats"], strict=True):
        assert choice["href"].startswith(f"export/events.{suffix}?from=")
        assert "as_of=" in choice["href"]
        assert "f=device%20is%20Bot" in choice["href"]
        assert choice["file"].endswith(f".{suffix}")
    assert "range=" not in share["link"]
    assert "as_of=" in share["link"]


def test_an_opened_event_is_shown_whole(open_page: Open) -> None:
    row = open_page("f=path is /news/8").given("grid")["rows"][0]
    opened = open_page(f"event={row['event_id']}").given("panel")["event"]
    assert opened["path"] == "/news/8"
    assert opened["name"] == "Reader 8"
    assert opened["person"] == "c:cus_008"
    assert opened["properties"] == '{"plan": "trial", "number": 8}'


def test_what_a_row_was_not_read_with_is_named_and_comes_when_it_is_opened(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.questions.activity.CLOSE", -1)  # as if it lay far from every other
    row = open_page("f=path is /news/9").given("grid")["rows"][0]
    assert {"url", "ip", "properties", "person"} <= set(row["missing"])
    assert not {"event", "customer_id", "path", "country", "device", "occurred_at"} & set(row["missing"])
    opened = open_page(f"f=path is /news/9&event={row['event_id']}").given("panel")["event"]
    assert opened["missing"] == []
    assert opened["url"] == "https://www.example.com/news/9"


def test_an_event_that_is_not_there_is_said_to_be_missing(open_page: Open) -> None:
    panel = open_page("event=00000000-0000-4000-8000-000000000000").given("panel")
    assert panel["event"] is None
    assert "No event has this id" in panel["missing"]


def test_hostile_values_stay_what_they_are(open_page: Open) -> None:
    """As data for text nodes; that they stay text in a browser is tested there."""
    row = open_page().given("grid")["rows"][0]
    assert row["customer_id"] == HOSTILE_ID
    assert row["path"] == hostile_text("path")
    page = open_page(f"f=path is {hostile_text('path').replace('|', chr(92) + '|')}")
    assert page.given("filterbar")["chips"] == [f"Path is {hostile_text('path')}"]
    assert "<img" not in page.html().replace("<i></i>", "")


def test_an_empty_view_says_which_filter_to_relax(open_page: Open) -> None:
    page = open_page("f=country is France&f=path is /nowhere")
    notice = page.given("empty")
    assert notice["title"] == "No events match"
    ways = {way["label"]: way["count"] for way in notice["ways"]}
    assert ways == {
        "Without “Country is France”": "0 events",
        "Without “Path is /nowhere”": f"{len(range(0, ORDINARY, 3))} events",
    }


def test_a_range_without_events_says_so(open_page: Open) -> None:
    notice = open_page("from=2001-01-01&to=2001-01-02").given("empty")
    assert notice["title"] == "No events in these days"


def test_before_the_first_load_the_page_says_what_it_waits_for(open_empty: Open) -> None:
    page = open_empty()
    assert page.given("empty")["title"] == "No events yet"
    assert "<b>0 events</b>" in page.html()
    assert "Waiting for the pipeline" in page.html()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("f=county is France", "Did you mean 'country'?"),
        ("f=country like France", "does not take the operator 'like'"),
        ("range=15D", "There is no range '15D'"),
        ("from=2026-01-01", "'to' is missing"),
        ("page=zero", "page=zero is not a number"),
        ("event=1", "is not an event id"),
        ("pag=2", "There is no parameter 'pag'"),
    ],
)
def test_an_address_nobody_understands_gets_a_sentence_and_a_way_back(open_page: Open, query: str, said: str) -> None:
    problem = open_page(query).given("problem")
    assert said in problem["text"]
    assert problem["ways"] == [{"label": "Show the last 14 days", "href": "?"}]


def test_a_session_whose_snapshot_an_erasure_removed_is_told_so_and_moved_on(tmp_path: Path, open_empty: Open) -> None:
    told = {"customer_id": "!leaving", "occurred_at": datetime.now(UTC) - timedelta(hours=1)}
    make_lake(tmp_path, [{"message_id": "1", **told}, {"message_id": "2", **told, "customer_id": "staying"}]).close()
    page = open_empty("", "pages/views/activity.py")
    assert "!leaving" in page.everything()
    erased = pipeline(tmp_path, "erase", "!leaving")
    assert erased.returncode == 0, erased.stderr
    again = page.again()
    assert "has been removed since" in again.given("gone")["text"]
    assert "!leaving" not in again.everything()
    assert "staying" in again.everything()


def test_a_snapshot_that_is_gone_is_replaced_and_said_so(open_page: Open) -> None:
    page = open_page("as_of=999999")
    assert "snapshot 999999" in page.given("gone")["text"]
    assert page.given("grid")["total"] == TOTAL


def test_quick_filters_and_clear(open_page: Open) -> None:
    page = open_page()
    page.test.button_group(key="quick").set_value(["Hide bots"]).run()
    assert page.given("filterbar")["chips"] == ["Device is not Bot"]
    assert page.given("grid")["total"] == TOTAL - len(range(0, ORDINARY, 13))
    next(button for button in page.test.button if button.label == "Clear filters").click().run()
    assert page.given("grid")["total"] == TOTAL
    assert "f" not in page.test.query_params


def test_another_range_keeps_the_filters_and_goes_back_to_page_one(open_page: Open) -> None:
    page = open_page("f=country is France|Japan&page=2")
    page.test.button_group(key="range").set_value("7D").run()
    assert page.test.query_params["range"] == "7D"
    assert page.test.query_params["f"] == "country is France|Japan"
    assert "page" not in page.test.query_params


def test_paging_goes_through_the_url(open_page: Open) -> None:
    page = open_page()
    page.test.get("pagination")[0].set_value(2).run()
    assert page.test.query_params["page"] == "2"
    assert page.given("grid")["first"] == 51


def test_a_chosen_range_of_days_is_shown_with_its_dates(open_page: Open) -> None:
    page = open_page()
    page.test.button_group(key="range").set_value("Custom").run()
    assert set(page.test.query_params) == {"from", "to"}
    assert page.given("grid")["total"] == TOTAL
    assert page.test.date_input(key="days").value is not None


def test_the_command_beside_the_count_is_pinned_and_quoted(open_page: Open) -> None:
    command = open_page("f=country is France").test.code[0].value
    assert command.startswith("python -m pipeline count '")
    assert "as_of=" in command
    assert "country%20is%20France" in command


def test_a_link_pinned_to_before_the_first_event_leads_to_the_current_data(open_page: Open) -> None:
    notice = open_page("as_of=1&range=7D").given("empty")
    assert "pinned" in notice["text"]
    assert notice["ways"] == [{"label": "Show the current data", "href": "?range=7D"}]
