"""The Customers page: finding people, and one person's whole history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.state import State
from tests.pages.conftest import Open, Page
from tests.pages.sample import COUNTRIES, HOSTILE_ID, ORDINARY, hostile_text

SCRIPT = "pages/views/customer.py"


def test_people_are_found_by_id_email_and_name(open_page: Open) -> None:
    for text in ("cus_004", "READER4@", "reader 4"):
        rows = open_page(f"q={text}", SCRIPT).given("found")["rows"]
        assert [row[0] for row in rows] == [{"text": "cus_004", "href": "customers?customer=cus_004"}], text


def test_more_people_than_are_shown_are_not_left_out_in_silence(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.parts.answers.PEOPLE", 2)
    page = open_page("q=reader", SCRIPT)
    assert len(page.given("found")["rows"]) == 2
    assert "there are more" in page.html()


def test_nobody_found_is_said(open_page: Open) -> None:
    found = open_page("q=zzz", SCRIPT).given("found")
    assert found["rows"] == []
    assert "“zzz”" in found["empty"]


def test_without_a_search_the_most_active_are_listed(open_page: Open) -> None:
    """With name, email, latest country, when last seen, and all their events but a bot's."""
    rows = open_page("", SCRIPT).given("active")["rows"]
    found = {row[0]["text"]: row for row in rows}
    theirs = [number for number in range(8, ORDINARY, 10) if number % 13]
    link, name, email, country, seen, events = found["cus_008"]
    assert link["href"] == "customers?customer=cus_008"
    assert (name, email, events) == ("Reader 8", "reader8@example.com", str(len(theirs)))
    assert country == dict(zip(("text", "code"), COUNTRIES[theirs[0] % 3], strict=True))
    assert re.fullmatch(r"\d+ [A-Z][a-z]{2}, \d\d:\d\d:\d\d|\d+ [A-Z][a-z]{2} \d{4}, \d\d:\d\d", seen)
    assert found[HOSTILE_ID][1] == hostile_text("name")


def test_a_profile_holds_what_the_person_did_before_registering(open_page: Open) -> None:
    """Events of visitor-3 without a customer ID belong to the customer that visitor was linked to."""
    page = open_page("customer=cus_003", SCRIPT)
    theirs = len(range(3, ORDINARY, 10))
    assert page.given("grid")["total"] == theirs
    assert {row["customer_id"] for row in page.given("grid")["rows"]} == {"cus_003", None}
    figures = {item["label"]: item["value"] for item in page.given("person")["items"]}
    assert figures["Events"] == str(theirs)
    assert page.given("who_card")["title"] == "Reader 3"
    assert page.given("filterbar")["chips"] == []


def test_a_visitor_link_leads_to_the_customer_they_became(open_page: Open) -> None:
    page = open_page("person=a:visitor-3", SCRIPT)
    assert page.given("who_card")["customer_id"] == "cus_003"


def test_a_profile_is_narrowed_by_filters_in_its_url(open_page: Open) -> None:
    page = open_page("customer=cus_005&f=event is Modal Displayed", SCRIPT)
    assert page.given("filterbar")["chips"] == ["Event is Modal Displayed"]
    assert {row["event"] for row in page.given("grid")["rows"]} == {"Modal Displayed"}


def test_an_unknown_id_is_said_to_be_nobody(open_page: Open) -> None:
    notice = open_page("customer=cus_nobody", SCRIPT).given("nobody")
    assert "cus_nobody" in notice["text"]


def test_a_hostile_id_is_an_id_like_any_other(open_page: Open) -> None:
    page = open_page(f"customer={HOSTILE_ID}", SCRIPT)
    assert page.given("who_card")["customer_id"] == HOSTILE_ID
    assert page.given("who_card")["title"] == hostile_text("name")


def test_a_copied_link_leads_back_to_the_person(open_page: Open) -> None:
    link = open_page("customer=cus_005&f=event is Modal Displayed", SCRIPT).given("share")["link"]
    page = open_page(link, SCRIPT)
    assert page.given("who_card")["customer_id"] == "cus_005"
    assert page.given("filterbar")["chips"] == ["Event is Modal Displayed"]


def test_an_empty_profile_offers_to_relax_its_filters_but_not_the_person(open_page: Open) -> None:
    notice = open_page("customer=cus_004&f=path is /nowhere", SCRIPT).given("empty")
    assert [way["label"] for way in notice["ways"]] == ["Without “Path is /nowhere”"]
    assert notice["ways"][0]["count"] == f"{len(range(4, ORDINARY, 10))} events"


def test_an_owner_erases_somebody_by_typing_their_id(open_page: Open, sample: Path) -> None:
    state = State(sample)
    page = open_page("customer=cus_004", SCRIPT).test
    assert page.button(key="erase_now").disabled
    page.text_input(key="erase_typed").input("cus_005").run()
    assert page.button(key="erase_now").disabled
    page.text_input(key="erase_typed").input("cus_004").run()
    try:
        page.button(key="erase_now").click().run()
        assert state.upkeep.asked("erase") == ("cus_004",)
        assert "To be erased" in Page(page).html()
        [deed] = state.audit.last(1)
        assert deed.act == "erase"
        assert "cus_004" not in deed.about
    finally:
        state.upkeep.answered("erase", "cus_004")
    assert not open_page("person=a%3Av_nobody", SCRIPT).test.button, "of whoever has no ID nothing is offered"
