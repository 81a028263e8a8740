"""The ways to put the script on a page, and what a page may do wrong."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from pipeline.snippet import snippet
from tests.browser.activity_js.reader import Reader
from tests.browser.activity_js.reading import Collecting, name_of


def test_calls_before_the_script_wait_in_the_stub(collector: Collecting, tab: Page) -> None:
    collector.page("/")
    collector.pages["/"] = (
        f"<!doctype html><head>{snippet(collector.collector, 'wk_<site>')}"
        "<script>activity.identify('ada'); activity.track('Early', { n: 1 })</script><title>Title</title></head>"
    )
    tab.goto(f"{collector.site}/")
    collector.one("Early")
    assert [name_of(event) for event in collector.taken] == ["identify", "page", "Early"]
    assert collector.one("page")["userId"] == "ada"
    assert collector.one("page")["context"]["page"]["title"] == "Title"  # though the script came before it
    assert collector.asked[0].body["writeKey"] == "wk_<site>"


def test_it_works_late_without_a_stub_and_only_once(collector: Collecting, tab: Page) -> None:
    collector.page("/")
    collector.pages["/plain"] = "<!doctype html><title>Plain</title><div id=activity>an element by our name</div>"
    tab.goto(f"{collector.site}/plain")
    add = """(src) => new Promise((done) => {
        const tag = Object.assign(document.createElement('script'), { src, onload: done })
        tag.dataset.key = 'wk_site'
        document.head.append(tag)
    })"""
    tab.evaluate(add, f"{collector.collector}/activity.js")
    tab.evaluate("activity.track('First')")
    tab.evaluate(add, f"{collector.collector}/activity.js")
    tab.evaluate("() => { activity.track('Second'); history.pushState({}, '', '/plain?2') }")
    collector.views(2)
    assert [name_of(event) for event in collector.taken] == ["page", "First", "Second", "Page Left", "page"]


def test_without_automatic_page_views(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/", attributes='data-auto="off"'))
    tab.evaluate("() => { activity.track('Custom'); history.pushState({}, '', '/a') }")
    collector.one("Custom")  # and with it a view of /a would come
    assert [name_of(event) for event in collector.taken] == ["Custom"]
    tab.evaluate("activity.page()")
    collector.one("page")
    assert [name_of(event) for event in collector.taken] == ["Custom", "page"]


@pytest.mark.parametrize("path", ["", "/in/folder", "/in/folder/"])
def test_another_host_for_the_collector(collector: Collecting, tab: Page, path: str) -> None:
    other = collector.collector.replace("collector.test", "other.test")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    tab.goto(collector.page("/", attributes=f'data-host="{other}{path}"'))
    collector.one("page")
    tab.evaluate("1")  # lets the request's event come in
    assert asked == [f"{other}{path.rstrip('/')}/v1/b"]


def test_without_a_key_it_says_so_and_does_nothing(collector: Collecting, reader: Reader) -> None:
    tab = reader.tab()
    collector.pages["/"] = '<!doctype html><script src="/activity.js"></script>'
    tab.goto(f"{collector.site}/")
    assert reader.warnings == ["activity.js: data-key is missing"]
    assert tab.evaluate("window.activity") is None


def test_wrong_calls_warn_and_throw_nothing(collector: Collecting, reader: Reader) -> None:
    tab = reader.tab()
    tab.goto(collector.page("/"))
    collector.one("page")
    tab.evaluate("""() => {
        const circle = {}
        circle.circle = circle
        activity.track()
        activity.track('Circle', circle)
        activity.track('Large', { text: 'ü'.repeat(20_000) })
        activity.identify(null)
        activity.page(null)
        history.pushState(null, '', null)
        document.dispatchEvent(new CustomEvent('PelcroModalDisplay', { detail: 5 }))
        document.dispatchEvent(new CustomEvent('PelcroSubscriptionCreate'))
        activity.track('Fine')
    }""")
    collector.one("Fine")
    assert not collector.named("Circle")
    assert not collector.named("Large")
    assert "a name is missing" in reader.warnings[0]
    assert "circular" in reader.warnings[1]
    assert "too large, dropped" in reader.warnings[2]
