"""The queue: nothing is lost, whatever the collector does."""

from __future__ import annotations

from threading import Event as Gate

import pytest
from playwright.sync_api import Page

from tests.browser.activity_js.reader import Reader, emptied, ids, queued
from tests.browser.activity_js.reading import Answer, Collecting, name_of


@pytest.mark.parametrize("failure", [500, 429, 0], ids=["500", "429", "hang-up"])
def test_what_the_collector_failed_to_take_is_sent_again(collector: Collecting, tab: Page, failure: int) -> None:
    collector.answers = [Answer(failure), Answer(failure)]
    tab.goto(collector.page("/"))
    tab.evaluate("activity.track('Read')")
    collector.one("Read")
    emptied(tab)
    first, second, third = collector.asked
    assert set(ids(first.events)) <= set(ids(second.events)) <= set(ids(third.events))
    assert len(collector.taken) == 2
    assert second.at - first.at >= 0.45  # the back-off, which grows
    assert third.at - second.at >= 0.95
    assert third.body["sentAt"] > first.body["sentAt"]
    tab.evaluate("activity.track('Later')")
    collector.one("Later")
    assert len(collector.asked) == 4


def test_a_connection_that_was_too_slow_is_no_refusal(collector: Collecting, tab: Page) -> None:
    collector.answers = [Answer(408), Answer(408)]  # Chromium itself tries once more
    tab.goto(collector.page("/"))
    collector.one("page")


def test_the_collectors_wish_for_time_is_heeded_by_all_pages(collector: Collecting, tab: Page) -> None:
    collector.answers = [Answer(429, {"Retry-After": "2"})]
    tab.goto(collector.page("/"))
    collector.wait(lambda: collector.asked)
    tab.wait_for_function("JSON.parse(localStorage['activity.pause']).failures")
    tab.goto(collector.page("/next"))
    collector.one("page")
    assert [asked.status for asked in collector.asked] == [429, 200]
    assert collector.asked[1].at - collector.asked[0].at >= 2
    assert len(queued(tab)) >= 2  # what the first page left comes later


def test_a_final_refusal_is_told_to_the_console_and_holds_nothing_up(collector: Collecting, reader: Reader) -> None:
    tab = reader.tab()
    collector.answers = [Answer(401, message="This write key is unknown.")]
    tab.goto(collector.page("/"))
    collector.wait(lambda: collector.asked)
    emptied(tab)
    tab.evaluate("activity.track('Next')")
    collector.one("Next")
    assert [name_of(event) for event in collector.taken] == ["Next"]
    assert [text for text in reader.warnings if "401" in text] == [
        "activity.js: 1 events dropped: 401 This write key is unknown."
    ]


def test_what_could_not_be_sent_waits_for_the_next_visit(collector: Collecting, reader: Reader) -> None:
    collector.always = Answer(0)
    tab = reader.tab()
    tab.goto(collector.page("/"))
    tab.evaluate("activity.track('Read Offline')")
    collector.wait(lambda: collector.asked)
    tab.close(run_before_unload=False)
    collector.always = None
    later = reader.tab()
    later.clock.install(time=later.evaluate("Date.now()") / 1000 + 3600)
    later.goto(collector.page("/next"))
    later.clock.run_for(1_000)
    collector.one("Read Offline")
    collector.views(2)
    # What the dying tab sent has no page to hear the answer, so it may come twice, by the same ids.
    assert len(set(ids(collector.taken))) == 4


def test_many_events_go_in_few_requests_that_may_outlive_the_page(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    collector.one("page")
    emptied(tab)
    tab.evaluate("() => { for (let n = 0; n < 120; n++) activity.track('Small', { n }) }")
    collector.wait(lambda: len(collector.named("Small")) == 120)
    assert [event["properties"]["n"] for event in collector.named("Small")] == list(range(120))
    assert [len(asked.events) for asked in collector.asked[1:]] == [50, 50, 20]
    emptied(tab)
    tab.evaluate("() => { for (let n = 0; n < 10; n++) activity.track('Big', { n, text: 'ü'.repeat(5_000) }) }")
    collector.wait(lambda: len(collector.named("Big")) == 10)
    assert max(asked.size for asked in collector.asked) < 32_768
    assert len(collector.asked) < 4 + 10


def test_a_full_queue_drops_the_oldest(collector: Collecting, tab: Page) -> None:
    collector.always = Answer(503, {"Retry-After": "600"})
    tab.goto(collector.page("/"))
    collector.wait(lambda: collector.asked)
    tab.evaluate("() => { for (let n = 0; n < 520; n++) activity.track('Small', { n }) }")
    left = queued(tab)
    assert len(left) == 500
    assert [event["properties"]["n"] for event in left] == list(range(20, 520))


def test_tabs_neither_lose_nor_double_each_others_events(collector: Collecting, reader: Reader) -> None:
    gate = Gate()
    collector.answers = [Answer(until=gate)]
    one, other = reader.tab(), reader.tab()
    one.goto(collector.page("/one"))
    collector.wait(lambda: collector.begun)
    other.goto(collector.page("/other"))
    collector.one("page")  # it waits for no other tab, and sends nothing of it
    assert [event["context"]["page"]["path"] for event in collector.taken] == ["/other"]
    for tab in (one, other):
        tab.evaluate("() => { for (let n = 0; n < 40; n++) setTimeout(() => activity.track('Both'), n * 10) }")
    gate.set()
    collector.wait(lambda: len(set(ids(collector.named("Both")))) == 80)
    emptied(one)
    assert len(collector.taken) == 82
    assert len(set(ids(collector.taken))) == 82


def test_what_a_dead_page_left_is_sent_when_it_surely_is_dead(collector: Collecting, tab: Page) -> None:
    tab.clock.install(time=0)
    tab.clock.pause_at(1_000)  # so that nobody grows old while the page is loaded
    tab.add_init_script("""for (const [name, age] of [['Old', 60_000], ['Young', 3_000]]) {
        const orphan = { type: 'track', event: name, messageId: name, anonymousId: 'a' }
        localStorage[`activity.q.${Date.now() - age}.1.dead`] = JSON.stringify(orphan)
    }""")
    tab.goto(collector.page("/"))
    tab.clock.run_for(1_000)
    collector.one("Old")
    assert not collector.named("Young")
    # The page must have heard the answer: as its clock runs on, it would give up waiting and send again.
    collector.wait(lambda: len(queued(tab)) == 1)
    tab.clock.run_for(11_000)
    collector.one("Young")
    assert sorted(name_of(event) for event in collector.taken) == ["Old", "Young", "page"]


def test_events_that_never_stop_are_sent_nevertheless(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    tab.evaluate("() => { setInterval(() => activity.track('Tick'), 50) }")
    collector.one("Tick")


def test_a_clock_that_was_set_back_does_not_stop_the_queue(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    collector.one("page")
    emptied(tab)
    tab.evaluate("localStorage['activity.pause'] = JSON.stringify({ until: Date.now() + 3e10, failures: 1 })")
    tab.evaluate("activity.track('Next')")
    collector.one("Next")


def test_a_browser_that_keeps_nothing_is_served_from_memory(collector: Collecting, tab: Page) -> None:
    collector.page_headers = {"Content-Security-Policy": "sandbox allow-scripts"}
    collector.answers = [Answer(500)]
    tab.goto(collector.page("/"))
    assert tab.evaluate("(() => { try { return localStorage && 'kept' } catch (error) { return error.name } })()") == (
        "SecurityError"
    )
    tab.evaluate("() => { activity.identify('ada'); activity.track('Read') }")
    read, viewed = collector.one("Read"), collector.one("page")
    assert (read["userId"], read["anonymousId"]) == ("ada", viewed["anonymousId"])
    tab.evaluate("location.href = 'about:blank'")
    collector.one("Page Left")
