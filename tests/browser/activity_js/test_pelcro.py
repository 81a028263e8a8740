"""What Pelcro's SDK announces arrives without a line of extra code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.activity_js.reader import announce, emptied
from tests.browser.activity_js.reading import Collecting, name_of

THEIRS = "{ track: (...args) => { (window.theirs ||= []).push(args); return 'theirs' } }"
ARRIVALS: dict[str, tuple[str, str]] = {
    # what is on the page before the script, and what happens after
    "never": ("", ""),
    "before": (f"window.Pelcro = {{ insight: {THEIRS} }}", ""),
    "config-before": ("var Pelcro = window.Pelcro || (window.Pelcro = {}); Pelcro.siteid = 1", ""),
    "insight-later": ("window.Pelcro = { siteid: 1 }", f"Pelcro.insight = {THEIRS}"),
    "track-later": ("", f"Pelcro.insight.track = ({THEIRS}).track"),
    "replaced-later": ("window.Pelcro = { siteid: 1 }", f"window.Pelcro = {{ ...Pelcro, insight: {THEIRS} }}"),
    "copied-later": (f"window.Pelcro = {{ insight: {THEIRS} }}", "window.Pelcro = { insight: { ...Pelcro.insight } }"),
    "var-replaced-later": ("var Pelcro = { siteid: 1 }", f"Pelcro = {{ insight: {THEIRS} }}"),
    "frozen": (f"window.Pelcro = Object.freeze({{ insight: {THEIRS} }})", ""),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_insight_track_reaches_pelcro_and_us_once_whenever_pelcro_comes(
    collector: Collecting, tab: Page, arrival: str
) -> None:
    before, later = ARRIVALS[arrival]
    tab.goto(collector.page("/", f"<script>{before}</script>"))
    tab.evaluate(f"() => {{ {later} }}")
    if arrival == "var-replaced-later":  # cannot be seen at once
        tab.wait_for_function("Pelcro.insight.track.activity")
    returned = tab.evaluate("Pelcro.insight.track('Button clicked', { color: 'Blue' })")
    clicked = collector.one("Button clicked")
    assert len(collector.named("Button clicked")) == 1
    assert clicked["properties"] == {"color": "Blue"}
    there = "insight" in before + later
    assert tab.evaluate("window.theirs") == ([["Button clicked", {"color": "Blue"}]] if there else None)
    assert returned == ("theirs" if there else None)
    if "siteid" in before and arrival != "var-replaced-later":
        assert tab.evaluate("Pelcro.siteid") == 1


def modals(collector: Collecting) -> list[str]:
    """The modals' names in the order they were displayed; two requests may overtake each other."""
    events = sorted(collector.named("Modal Displayed"), key=lambda event: str(event["originalTimestamp"]))
    return [event["properties"]["name"] for event in events]


def test_a_modal_announced_in_two_ways_is_one_and_displayed_twice_is_two(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    tab.goto(collector.page("/"))
    display = """([id, name]) => {
        Pelcro.insight.track('Modal Displayed', { name })
        document.dispatchEvent(new CustomEvent('PelcroModalDisplay', { detail: { modalName: id } }))
    }"""
    tab.evaluate(display, ["pelcro-register-modal", "register modal"])
    tab.evaluate(display, ["pelcro-selection-modal", "selection modal"])
    tab.evaluate(display, ["pelcro-register-modal", "register modal"])  # closed and opened again at once
    tab.clock.run_for(2_000)
    announce(tab, "ModalDisplay", {"modalName": "pelcro-register-modal"})
    tab.evaluate("Pelcro.insight.track('Modal Displayed', { name: 'register modal' })")
    tab.clock.run_for(2_000)
    announce(tab, "PaywallDisplayed")
    announce(tab, "ModalDisplay", {"modalName": "meter"})
    tab.clock.run_for(2_000)
    tab.evaluate("Pelcro.insight.track('Modal Displayed', { name: 'meter' })")  # too late for an echo
    tab.evaluate("activity.track('Done')")
    tab.clock.run_for(1_000)
    collector.one("Done")
    emptied(tab)
    assert modals(collector) == [
        "register modal",
        "selection modal",
        "register modal",
        "register modal",
        "meter",
        "meter",
    ]


def test_registering_is_an_identification_and_an_event(collector: Collecting, tab: Page) -> None:
    ada = {"id": 41, "email": "ada@example.org", "first_name": "Ada", "last_name": "L", "auth_token": "secret"}
    traits = {name: ada[name] for name in ("email", "first_name", "last_name")}
    tab.goto(collector.page("/"))
    collector.one("page")
    for name in ("UserRegister", "UserLoggedIn", "UserLoaded"):  # Pelcro fires them together
        announce(tab, name, ada)
    registered = collector.one("Registered")
    assert registered["userId"] == "41"
    assert [event["traits"] for event in collector.named("identify")] == [traits]
    assert "secret" not in json.dumps(collector.taken)

    emptied(tab)
    tab.goto(collector.page("/next"))
    announce(tab, "UserLoaded", ada)  # on every page, and with every change
    announce(tab, "UserLoaded", {**ada, "email": "ada@new.example"})
    collector.wait(lambda: len(collector.named("identify")) == 2)
    assert collector.named("identify")[1]["traits"]["email"] == "ada@new.example"
    assert len(collector.named("Registered")) == 1


def test_logging_in_is_an_identification_and_logging_out_another_visitor(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    announce(tab, "UserLoggedIn", {"data": {"id": 41, "email": "ada@example.org"}})  # an answer, as it came
    known = collector.one("identify")
    assert known["userId"] == "41"
    announce(tab, "UserLogout")
    tab.evaluate("activity.track('After')")
    after = collector.one("After")
    assert "userId" not in after
    assert after["anonymousId"] != known["anonymousId"]


@pytest.mark.parametrize(
    "detail",
    [
        {"id": 9, "status": "active", "plan": {"id": 3, "name": "Digital", "interval": "month"}},
        {
            "data": {
                "id": 41,
                "subscriptions": [
                    {"id": 1},
                    {"id": 9, "status": "active", "plan": {"name": "Digital", "interval": "month"}},
                ],
            }
        },
    ],
    ids=["subscription", "customer"],
)
def test_subscribing_tells_the_plan(collector: Collecting, tab: Page, detail: Any) -> None:
    tab.goto(collector.page("/"))
    announce(tab, "SubscriptionCreate", detail)
    subscribed = collector.one("Subscribed")
    assert subscribed["properties"] == {
        "subscription_id": 9,
        "status": "active",
        "plan": "Digital",
        "interval": "month",
    }


def test_a_newsletter_is_told_without_the_address(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    announce(tab, "NewsletterCreated", {"newsletter_id": 5, "email": "ada@example.org"})
    assert collector.one("Newsletter Subscribed")["properties"] == {"newsletter_id": 5}


def test_what_pelcro_announces_before_the_head_is_read_comes_after_the_page_view(
    collector: Collecting, tab: Page
) -> None:
    script = f'<script src="{collector.collector}/activity.js" data-key="wk_site"></script>'
    early = "<script>document.dispatchEvent(new CustomEvent('PelcroPaywallDisplayed'))</script>"
    collector.pages["/"] = f"<!doctype html><head>{script}{early}<title>Late title</title></head>"
    tab.goto(f"{collector.site}/")
    collector.one("Modal Displayed")
    assert [name_of(event) for event in collector.taken] == ["page", "Modal Displayed"]
    assert collector.one("page")["context"]["page"]["title"] == "Late title"
