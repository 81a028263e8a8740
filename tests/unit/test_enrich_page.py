from __future__ import annotations

import pytest

from pipeline.enrich.page import page
from tests.unit.enriching import batch, column


@pytest.mark.parametrize(
    ("url", "path", "domain"),
    [
        ("https://www.example.com/news/a?x=1#top", "/news/a", "www.example.com"),
        ("https://www.example.com", "/", "www.example.com"),
        ("https://www.example.com?x=1", "/", "www.example.com"),
        ("https://www.example.com#/spa", "/", "www.example.com"),
        ("HTTPS://WWW.Example.COM:8443/A", "/A", "www.example.com"),
        ("https://www.example.com./a", "/a", "www.example.com"),
        ("https://www.example.com.:443/a", "/a", "www.example.com"),
        ("https://user:pw@www.example.com/a", "/a", "www.example.com"),
        ("http://[2001:db8::1]:8080/a", "/a", "2001:db8::1"),
        ("http://[2001:db8::1]/a", "/a", "2001:db8::1"),
        ("http://[2001:db8::1/a", "/a", "2001:db8::1"),
        ("//news.example.com/a", "/a", "news.example.com"),
        ("/only/a/path?x=1", "/only/a/path", None),
        ("only/a/path", "/only/a/path", None),
        ("https://example.com:port/a", "/a", "example.com"),
        ("https:///a", "/a", None),
        ("about:blank", "/", None),
        ("mailto:reader@example.com", "/", None),
        ("android-app://com.example.reader/a", "/a", "com.example.reader"),
        ("https://example.com/a:b@c//d;e=f", "/a:b@c//d;e=f", "example.com"),
        ("https://bücher.example.com/ü", "/ü", "bücher.example.com"),
        ("https://example.com/%7Ea%2Fb", "/%7Ea%2Fb", "example.com"),
        (" https://example.com/a ", "/a", "example.com"),
        ("https://example.com/a\nb", "/a\nb", "example.com"),
        ("::::", "/::::", None),
        ("http://", "/", None),
    ],
)
def test_path_and_domain_come_from_the_url(url: str, path: str, domain: str | None) -> None:
    assert column(page(batch({"url": url})), "path", "domain") == [path, domain]


def test_the_url_outranks_what_parsing_found() -> None:
    row = {"url": "https://www.example.com/a", "path": "/b", "domain": "other.example.com"}
    assert column(page(batch(row)), "path", "domain") == ["/a", "www.example.com"]


def test_without_a_url_path_and_domain_stay_and_are_made_to_rule() -> None:
    assert column(page(batch({"path": "", "domain": "News.Example.com."})), "path", "domain") == [
        "/",
        "news.example.com",
    ]
    assert column(page(batch({"path": "a/b"})), "path", "domain") == ["/a/b", None]
    assert column(page(batch({"url": "  ", "path": "/a"})), "path", "domain") == ["/a", None]


def test_an_event_without_a_page_has_no_path() -> None:
    assert column(page(batch({"event": "Subscription Renewed"})), "path", "domain", "url") == [None, None, None]


@pytest.mark.parametrize("nothing", ["$direct", " $direct ", "", "  ", None])
def test_direct_is_no_referrer(nothing: str | None) -> None:
    row = {"url": "https://example.com/", "referrer": nothing, "referrer_domain": nothing}
    assert column(page(batch(row)), "referrer", "referrer_domain") == [None, None]


def test_the_referrer_is_kept_as_sent_and_its_domain_is_lower_case() -> None:
    row = {"referrer": "https://WWW.Google.com/search?q=a", "referrer_domain": "elsewhere.example.com"}
    assert column(page(batch(row)), "referrer", "referrer_domain") == [
        "https://WWW.Google.com/search?q=a",
        "www.google.com",
    ]
    assert column(page(batch({"referrer_domain": "T.CO"})), "referrer", "referrer_domain") == [None, "t.co"]


def test_the_campaign_is_read_from_the_url_where_parsing_found_none() -> None:
    url = "https://example.com/?utm_source=x&UTM_Medium=social&utm_campaign=a%20b+c&utm_term=&utm_source=second#utm_content=no"
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    assert column(page(batch({"url": url})), *names) == ["x", "social", "a b c", None, None]
    sent = {"url": url, "utm_source": "sent", "utm_medium": "  "}
    assert column(page(batch(sent)), "utm_source", "utm_medium") == ["sent", "social"]


def test_a_campaign_that_is_not_utf8_is_read_all_the_same() -> None:
    assert column(page(batch({"url": "https://example.com/?utm_source=%ff%41"})), "utm_source") == ["\ufffdA"]


def test_every_row_gets_its_own_answer() -> None:
    urls = ["https://a.example.com/1", None, "https://b.example.com/2", "https://a.example.com/1"]
    assert column(page(batch(*({"url": url} for url in urls))), "path") == ["/1", None, "/2", "/1"]
