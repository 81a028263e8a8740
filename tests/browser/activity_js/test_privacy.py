"""Readers who do not want to be followed."""

from __future__ import annotations

from threading import Event as Gate

import pytest
from playwright.sync_api import Page

from tests.browser.activity_js.reader import announce, hide, kept
from tests.browser.activity_js.reading import Answer, Collecting, name_of


def nothing_asked(tab: Page, collector: Collecting) -> None:
    """Let every timer of a minute run, and see that the collector was not asked."""
    tab.clock.run_for(60_000)
    tab.evaluate("(url) => fetch(url, { mode: 'no-cors' })", f"{collector.collector}/activity.js")
    assert collector.begun == 0


GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })"
DNT = "Object.defineProperty(Navigator.prototype, 'doNotTrack', { value: '1' })"


@pytest.mark.parametrize("signal", [GPC, DNT], ids=["GPC", "DNT"])
def test_a_browser_that_asks_not_to_be_tracked_is_not(collector: Collecting, tab: Page, signal: str) -> None:
    tab.clock.install()
    address = collector.page("/")
    tab.add_init_script(signal)
    tab.goto(address)
    tab.evaluate("() => { activity.track('A'); activity.identify('ada'); activity.optOut(); activity.optIn() }")
    hide(tab)
    tab.goto(collector.page("/next"))
    nothing_asked(tab, collector)
    assert kept(tab) == {}


def test_a_browser_that_asks_it_later_is_forgotten(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    collector.one("page")
    assert kept(tab)
    tab.add_init_script(GPC)
    tab.goto(collector.page("/next"))
    assert kept(tab) == {}


def test_nothing_is_kept_or_sent_before_consent(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    tab.goto(collector.page("/", attributes='data-consent="required"'))
    tab.evaluate("() => { activity.track('Before'); activity.identify('ada') }")
    announce(tab, "ModalDisplay", {"modalName": "pelcro-register-modal"})
    nothing_asked(tab, collector)
    assert kept(tab) == {}
    tab.evaluate("() => { activity.optIn(); activity.track('After') }")
    tab.clock.run_for(1_000)
    collector.one("After")
    assert [name_of(event) for event in collector.taken] == ["page", "After"]
    tab.goto(collector.page("/next", attributes='data-consent="required"'))  # the consent is remembered
    tab.clock.run_for(1_000)
    collector.views(2)


def test_opting_out_forgets_the_reader_until_they_opt_in(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    collector.always = Answer(500)
    tab.goto(collector.page("/"))
    tab.evaluate("() => { activity.identify('ada'); activity.optOut(); activity.track('After') }")
    assert kept(tab) == {"activity.consent": "false"}
    nothing_asked(tab, collector)
    tab.goto(collector.page("/next"))
    nothing_asked(tab, collector)
    assert kept(tab) == {"activity.consent": "false"}
    collector.always = None
    tab.evaluate("activity.optIn()")
    tab.clock.run_for(1_000)
    assert "userId" not in collector.one("page")


def test_opting_out_while_events_are_under_way_leaves_nothing_either(collector: Collecting, tab: Page) -> None:
    gate = Gate()
    collector.always = Answer(500, until=gate)
    tab.goto(collector.page("/"))
    collector.wait(lambda: collector.begun)
    tab.evaluate("activity.optOut()")
    with tab.expect_response(lambda response: response.status == 500):
        gate.set()
    tab.evaluate("new Promise((done) => setTimeout(done))")  # the script has heard of it, too
    assert kept(tab) == {"activity.consent": "false"}


def test_what_the_site_keeps_itself_is_left_alone(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    collector.one("page")
    theirs = {"activity": "1", "undefined": "2", "theirs": "3"}
    tab.evaluate("(theirs) => Object.assign(localStorage, theirs)", theirs)
    hide(tab)
    tab.evaluate("() => { activity.reset(); activity.optOut() }")
    assert kept(tab) == {**theirs, "activity.consent": "false"}
