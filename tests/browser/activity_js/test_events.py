"""What an event carries, and who the reader is."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from tests.browser.activity_js.reader import emptied, kept
from tests.browser.activity_js.reading import Collecting

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_page_view_arrives_by_itself_with_all_it_should(collector: Collecting, tab: Page) -> None:
    tags = (("tag", "ferry"), ("tag", "council"), ("section", "Local"), ("published_time", "2026-11-20T08:00:00Z"))
    metas = "".join(f'<meta property="article:{name}" content="{text}">' for name, text in tags)
    address = collector.page("/local/ferry", f"<title>The ferry stays</title>{metas}")
    tab.goto(f"{address}?page=2#comments", referer="https://news.example/")
    viewed = collector.one("page")
    assert tab.evaluate("typeof crypto.randomUUID") == "undefined"  # a site without https lacks it
    assert UUID.fullmatch(viewed["messageId"])
    assert UUID.fullmatch(viewed["anonymousId"])
    assert viewed["anonymousId"] == kept(tab)["activity.anonymousId"]
    assert viewed["originalTimestamp"].endswith("Z")
    assert viewed["properties"] == {
        "article:tag": ["ferry", "council"],
        "article:section": "Local",
        "article:published_time": "2026-11-20T08:00:00Z",
    }
    context = viewed["context"]
    assert context["page"] == {
        "url": f"{address}?page=2",
        "path": "/local/ferry",
        "search": "?page=2",
        "title": "The ferry stays",
        "referrer": "https://news.example/",
    }
    assert context["library"] == {"name": "activity.js", "version": tab.evaluate("activity.version")}
    assert context["locale"] == "en-US"
    assert context["timezone"] == tab.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert context["screen"] == {"width": 1280, "height": 720}
    asked = collector.asked[0]
    assert asked.body["writeKey"] == "wk_site"
    assert asked.body["sentAt"] >= viewed["originalTimestamp"]
    assert asked.content_type.startswith("text/plain")


def test_a_secure_site_tells_the_browsers_own_hints(collector: Collecting, tab: Page) -> None:
    collector.page("/")
    tab.goto(collector.site.replace("site.test", "localhost"))
    hints = collector.one("page")["context"]["userAgentData"]
    assert sorted(hints) == ["brands", "mobile", "platform"]
    assert hints["mobile"] is False


def test_track_identify_page_and_reset(collector: Collecting, tab: Page) -> None:
    tab.goto(collector.page("/"))
    first = collector.one("page")
    tab.evaluate("""() => {
        activity.track('Article Shared', { network: 'email' })
        activity.identify(7, { email: 'ada@example.org' })
        activity.page('Plans', { type: 'checkout' })
        activity.reset()
        activity.track('Back Again')
    }""")
    collector.wait(lambda: collector.named("Back Again"))
    shared, known, plans, again = (
        collector.one("Article Shared"),
        collector.one("identify"),
        collector.named("page")[1],
        collector.one("Back Again"),
    )
    assert shared["properties"] == {"network": "email"}
    assert "userId" not in shared
    assert (known["userId"], known["traits"]) == ("7", {"email": "ada@example.org"})
    assert (plans["name"], plans["properties"], plans["userId"]) == ("Plans", {"type": "checkout"}, "7")
    assert {event["anonymousId"] for event in (first, shared, known, plans)} == {first["anonymousId"]}
    assert again["anonymousId"] != first["anonymousId"]
    assert "userId" not in again


def test_a_reader_is_the_same_on_the_next_page_and_another_when_someone_else_logs_in(
    collector: Collecting, tab: Page
) -> None:
    tab.goto(collector.page("/"))
    tab.evaluate("activity.identify('ada')")
    first = collector.one("identify")
    tab.goto(collector.page("/next"))
    collector.views(2)
    assert collector.named("page")[1]["userId"] == "ada"
    assert collector.named("page")[1]["anonymousId"] == first["anonymousId"]
    tab.evaluate("activity.identify('bob')")
    collector.wait(lambda: len(collector.named("identify")) == 2)
    assert collector.named("identify")[1]["userId"] == "bob"
    assert collector.named("identify")[1]["anonymousId"] != first["anonymousId"]


def test_the_campaign_and_the_landing_page_last_for_the_visit(collector: Collecting, tab: Page) -> None:
    landing = collector.page("/landing") + "?utm_source=letter&utm_medium=email&utm_campaign=autumn"
    tab.goto(landing, referer="https://mail.example/")
    collector.one("page")
    tab.goto(collector.page("/next"))
    collector.views(2)
    context = collector.named("page")[1]["context"]
    assert context["campaign"] == {"source": "letter", "medium": "email", "name": "autumn"}
    assert context["landing"] == {"url": landing, "referrer": "https://mail.example/"}

    tab.goto(f"{collector.site}/next?utm_source=search&utm_term=ferry&utm_content=b")  # another campaign: another visit
    collector.views(3)
    assert collector.named("page")[2]["context"]["campaign"] == {"source": "search", "term": "ferry", "content": "b"}


def test_half_an_hour_without_an_event_ends_the_visit(collector: Collecting, tab: Page) -> None:
    tab.clock.install()
    tab.goto(collector.page("/landing") + "?utm_source=letter")
    tab.clock.run_for(1_000)
    collector.one("page")
    emptied(tab)
    for views, minutes, campaign, landing in (
        (2, 29, {"source": "letter"}, "/landing?utm_source=letter"),
        (3, 31, {}, "/next"),
    ):
        tab.clock.fast_forward(minutes * 60_000)
        # Not by leaving: Page Left is an event, too.
        tab.evaluate("() => { history.pushState({}, '', '/next'); activity.page() }")
        tab.clock.run_for(1_000)
        collector.views(views)
        emptied(tab)
        context = collector.named("page")[-1]["context"]
        assert context["campaign"] == campaign
        assert context["landing"]["url"] == f"{collector.site}{landing}"
