"""Page views: when they begin, when they end, what is told of them."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tests.browser.activity_js.reader import Reader, emptied, hide, ids, kept, queued
from tests.browser.activity_js.reading import Collecting, name_of

LONG = "<div style='height: 5000px'>a long article</div>"


def test_a_single_page_apps_pages_are_viewed(collector: Collecting, tab: Page) -> None:
    home = collector.page("/", "<title>Home</title>")
    tab.goto(home)
    collector.one("page")
    tab.evaluate("() => { history.pushState({}, '', '/a'); setTimeout(() => { document.title = 'A' }, 20) }")
    collector.views(2)
    tab.evaluate("history.replaceState({}, '', '/a?sort=new')")
    collector.views(3)
    tab.evaluate("history.back()")
    collector.views(4)
    pages = [event["context"]["page"] for event in collector.named("page")]
    assert [page["url"].removeprefix(collector.site) for page in pages] == ["/", "/a", "/a?sort=new", "/"]
    assert [page["title"] for page in pages] == ["Home", "A", "A", "A"]
    assert [page["referrer"] for page in pages] == ["", home, f"{collector.site}/a", f"{collector.site}/a?sort=new"]
    left = [event["context"]["page"]["path"] for event in collector.named("Page Left")]
    assert left == ["/", "/a", "/a"]


def test_a_hash_and_a_state_are_no_new_page_and_a_redirect_is_one(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    tab.evaluate("""() => {
        location.hash = 'comments'
        history.replaceState({ scroll: 5 }, '', location.href)
        history.pushState({}, '', '/old')
        history.replaceState({}, '', '/new')
        activity.track('Video Played')
    }""")
    played = collector.one("Video Played")
    paths = [event["context"]["page"]["path"] for event in collector.named("page")]
    assert paths == ["/", "/new"]
    assert played["context"]["page"]["path"] == "/new"
    names = [name_of(event) for event in collector.taken]
    assert names.index("Video Played") > len(names) - 1 - names[::-1].index("page")  # after the page it happened on


def test_a_page_that_comes_back_from_the_cache_is_viewed_again(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/first"))
    tab.evaluate("window.mark = 1")
    collector.one("page")
    emptied(tab)
    tab.goto(collector.page("/second"))
    collector.views(2)
    tab.evaluate("history.back()")
    collector.views(3)
    assert collector.named("page")[2]["context"]["page"]["path"] == "/first"
    assert tab.evaluate("window.mark") == 1, "the page was loaded anew: this shows nothing"


def test_leaving_tells_how_far_and_how_long_one_read(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    tab.goto(collector.page("/long", body=LONG))
    collector.one("page")  # else its answer would come minutes late by this clock
    emptied(tab)
    tab.clock.run_for(10_000)  # reading
    tab.mouse.wheel(0, 1780)  # to 1780 + 720 of 5000 px
    tab.wait_for_function("scrollY == 1780")
    tab.clock.run_for(600_000)  # gone after half a minute
    tab.keyboard.press("a")
    tab.clock.run_for(5_000)
    hide(tab)
    tab.clock.run_for(60_000)  # in another tab
    hide(tab, False)
    tab.clock.run_for(2_000)
    tab.goto("about:blank")
    left = collector.one("Page Left")
    assert 47 <= left["properties"]["engaged_seconds"] <= 49
    assert 50 <= left["properties"]["scroll_percent"] <= 51
    assert left["context"]["page"]["path"] == "/long"
    assert left["type"] == "track"


def test_the_next_pages_content_does_not_count_for_the_one_before(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/long", body=LONG))
    tab.mouse.wheel(0, 1780)
    tab.wait_for_function("scrollY == 1780")
    tab.wait_for_timeout(250)  # the next scroll event is heard again
    tab.evaluate("""() => {
        history.pushState({}, '', '/short')
        document.body.innerHTML = 'short'
        scrollTo(0, 0)
    }""")
    collector.views(2)
    assert 50 <= collector.one("Page Left")["properties"]["scroll_percent"] <= 51


def test_what_happens_just_before_leaving_is_sent(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    # A page that listens for unload is destroyed at once, and its requests with it, but for those that may outlive it.
    tab.evaluate("""() => {
        addEventListener('unload', () => {})
        activity.track('Clicked Away')
        location.href = 'about:blank'
    }""")
    collector.one("Page Left")
    assert [name_of(event) for event in collector.taken] == ["page", "Clicked Away", "Page Left"]
    tab.wait_for_url("about:blank")


def test_a_page_that_dies_in_the_background_has_still_been_left(collector: Collecting, reader: Reader) -> None:
    """A phone ends hidden pages without a word: the draft of Page Left goes out with the next visit."""
    tab = reader.tab()
    tab.goto(collector.page("/read", body=LONG))
    collector.one("page")
    hide(tab)
    drafts = [event for event in queued(tab) if event.get("event") == "Page Left"]
    assert len(drafts) == 1
    state = kept(tab)
    tab.goto("about:blank")
    collector.one("Page Left")
    # Put the profile back to where the page was hidden, half an hour and more ago.
    late = reader.tab()
    late.clock.install(time=late.evaluate("Date.now()") / 1000 + 3600)
    late.add_init_script(f"for (const [name, value] of Object.entries({json.dumps(state)})) localStorage[name] = value")
    late.goto(collector.page("/later"))
    late.clock.run_for(1_000)
    collector.wait(lambda: len(collector.named("Page Left")) >= 2)
    assert ids(collector.named("Page Left"))[1] == ids(drafts)[0]


def test_coming_back_to_a_hidden_page_takes_the_draft_back(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    collector.one("page")
    for _ in range(3):
        hide(tab)
        hide(tab, False)
    tab.evaluate("activity.track('Still Here')")
    collector.one("Still Here")
    assert not collector.named("Page Left")
    drafts = [event for event in queued(tab) if event.get("event") == "Page Left"]
    assert len(drafts) == 1
    tab.goto("about:blank")
    assert collector.one("Page Left")["messageId"] == drafts[0]["messageId"]


def test_a_page_made_ready_in_advance_is_viewed_when_it_is_shown(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    tab.add_init_script("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })")
    tab.goto(collector.page("/"))
    tab.clock.run_for(60_000)
    assert not kept(tab)
    tab.evaluate("() => { delete document.prerendering; document.dispatchEvent(new Event('prerenderingchange')) }")
    tab.clock.run_for(1_000)
    collector.one("page")
