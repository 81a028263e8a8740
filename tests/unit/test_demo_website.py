"""The demo's news site, page by page: what it says, and that it asks nobody else for anything."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pipeline.demo import keys
from pipeline.demo.plan import FILE, Plan
from pipeline.demo.site import PLANS, SECTIONS, Site, parts_of
from pipeline.demo.website import prose, routes
from pipeline.demo.website.html import path_of
from pipeline.settings import Settings
from pipeline.state import State
from tests.support import make_settings

NOW_MS = int(time.time() * 1000)
SITE = Site(7)

Get = Callable[[str], tuple[int, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    Plan(NOW_MS, days=1, events=100, customers=10).finished().write(tmp_path)
    return tmp_path


@pytest.fixture
def get(data: Path) -> Get:
    return client(make_settings(data))


def client(settings: Settings) -> Get:
    """Asks the site mounted under /demo-site, as the dashboard has it."""
    app = Starlette(routes=[Mount("/demo-site", routes=list(routes(settings)))])

    async def ask(path: str) -> tuple[int, str]:
        told: list[dict[str, object]] = []
        scope: dict[str, object] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "root_path": ""}
        scope |= {"scheme": "http", "server": ("localhost", 8501), "headers": [(b"host", b"localhost:8501")]}

        async def receive() -> dict[str, object]:
            await asyncio.sleep(60)  # the asker stays
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            told.append(message)

        await asyncio.wait_for(app(scope, receive, send), 20)
        body = b"".join(bytes(each.get("body", b"")) for each in told if each["type"] == "http.response.body")
        return int(str(told[0]["status"])), body.decode()

    return lambda path: asyncio.run(ask(path))


def test_the_front_page_leads_to_articles_and_sections(get: Get) -> None:
    status, page = get("/demo-site/")
    assert status == 200
    for section in SECTIONS:
        assert f'href="/demo-site/{section}"' in page
    links = set(re.findall(r'href="(/demo-site/\w+/[\w-]+)"', page))
    assert len(links) >= 10
    assert all(get(link)[0] == 200 for link in links)


def test_an_article_has_its_text_and_its_tags_for_the_snippet(get: Get) -> None:
    article = SITE.published(NOW_MS - 3_600_000, 1)[0]
    status, page = get(f"/demo-site{path_of(article)}")
    assert status == 200
    assert f"<h1>{article.title}</h1>" in page
    assert f'<meta property="article:section" content="{article.section}">' in page
    assert f'<meta property="article:tag" content="{article.title.split()[-1]}">' in page
    assert f'data-premium="{str(article.premium).lower()}"' in page
    assert all(paragraph.replace("'", "&#x27;") in page for paragraph in prose.paragraphs(article))


def test_every_article_can_be_written() -> None:
    """Whatever headline the dice put together, and the same text every time."""
    for article in SITE.published(NOW_MS, 200):
        subject, verb, what = parts_of(article)
        assert f"{subject} {verb} {what}" == article.title
        texts = prose.paragraphs(article)
        assert len(texts) == len(set(texts)) == 7
        assert not any("{" in text for text in texts)
        assert texts == prose.paragraphs(article)


def test_the_live_demos_articles_are_on_the_site(get: Get) -> None:
    """What a made-up reader reads now, one can open."""
    today = [path_of(article) for article in SITE.published(NOW_MS - 3_600_000, 1)]
    assert today
    assert get(f"/demo-site{today[-1]}")[0] == 200


def test_the_snippet_bears_the_demos_key_made_once(get: Get, data: Path) -> None:
    pages = [get("/demo-site/")[1], get("/demo-site/politics")[1]]
    (key,) = State(data).keys.all()
    assert (key.source, key.kind, key.name) == ("harbour-courier", "browser", keys.WEBSITE)
    for page in pages:
        head = page.partition("</head>")[0]
        assert f'data-key="{key.text}"' in head
        assert 'src="http://localhost:8501/activity.js"' in head


def test_a_revoked_key_is_made_anew(get: Get, data: Path) -> None:
    get("/demo-site/")
    state = State(data)
    (first,) = state.keys.all()
    state.keys.revoke(first.id, first.made_at)
    page = get("/demo-site/")[1]
    (second,) = state.keys.all()
    assert second.text
    assert second.text != first.text
    assert second.text in page


def test_a_collector_elsewhere_is_named(data: Path) -> None:
    page = client(make_settings(data, collector_url="https://events.example.com"))("/demo-site/")[1]
    assert 'src="https://events.example.com/activity.js"' in page


def test_no_page_asks_another_host_for_anything(get: Get) -> None:
    article = path_of(SITE.published(NOW_MS - 3_600_000, 1)[0])
    for path in ("/", "/food", article, "/site.css", "/site.js"):
        text = get(f"/demo-site{path}")[1].replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"""(?:src|href|url|import|fetch)\W+https?://(?!localhost:8501)""", text), path


def test_all_plans_are_on_sale(get: Get) -> None:
    (sold,) = re.findall(r'data-plans="([^"]+)"', get("/demo-site/")[1])
    assert {line.split(";")[0] for line in sold.split("|")} == {plan.name for plan in PLANS}


@pytest.mark.parametrize("path", ["/nowhere", "/politics/never-written-1", "/other.js", "/politics/x.css"])
def test_what_is_not_there_is_said(get: Get, path: str) -> None:
    assert get(f"/demo-site{path}")[0] == 404


def test_without_a_demo_there_is_no_site(get: Get, data: Path) -> None:
    (data / FILE).unlink()
    status, text = get("/demo-site/")
    assert status == 404
    assert "python -m pipeline demo" in text
    assert State(data).keys.all() == ()
