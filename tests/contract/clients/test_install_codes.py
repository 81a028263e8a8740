"""The Install page's codes, each run as it stands: what is copied from there brings an event into the store."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, sync_playwright

from pages.parts.sdks import Code, ways
from pipeline.snippet import snippet
from pipeline.state import KINDS, Kind
from tests import support_collect as collector
from tests.browser import find
from tests.contract.clients.install import FOLDER, node_program
from tests.contract.clients.proxy import Attempt, Proxy
from tests.contract.clients.site import Site

CODES = [
    pytest.param(kind, way.id, code.title, id=f"{kind} {way.id} {number}")
    for kind in KINDS
    for way in ways(kind, "", "")
    for number, code in enumerate(way.codes, start=1)
]


@dataclass(frozen=True, slots=True)
class Place:
    upstream: str
    keys: dict[Kind, str]
    site: Site
    browser: Browser


@pytest.fixture(scope="module")
def place(npm_clients: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("codes")
    with ExitStack() as stack:
        upstream = stack.enter_context(collector.collecting(data)).address
        site = stack.enter_context(closing(Site()))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=find.browser(), args=list(find.ARGUMENTS))
        stack.callback(browser.close)
        yield Place(upstream, {kind: collector.make_key(data, f"my-{kind}", kind) for kind in KINDS}, site, browser)


@pytest.mark.parametrize(("kind", "way", "title"), CODES)
def test_a_code_brings_an_event_as_it_stands(place: Place, kind: Kind, way: str, title: str) -> None:
    with closing(Proxy(place.upstream, "203.0.113.1")) as proxy:
        key = place.keys[kind]
        (code,) = [
            code for each in ways(kind, proxy.url, key) if each.id == way for code in each.codes if code.title == title
        ]
        language = title.split()[0].strip(",")
        if language in {"HTML", "JavaScript"}:
            _browse(place, code, proxy, snippet(proxy.url, key) if way == "website" else "")
        else:
            _run(code, language)
            assert proxy.wait(_delivered, 10), "no event arrived"
    assert all(attempt.delivered for attempt in proxy.attempts)


def _browse(place: Place, code: Code, proxy: Proxy, head: str) -> None:
    """Open a page with the code, and wait for its event."""
    if code.text.lstrip().startswith("<"):
        head, script = code.text, ""
    else:
        kind = "" if head else ' type="module"'
        script = f"<script{kind}>\n{code.text}</script>"
    place.site.write("install-code.html", code=f"{head}\n{script}")
    with closing(place.browser.new_context()) as context:
        page = context.new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{place.site.url}/install-code.html")
        arrived = proxy.wait(_delivered, 10)
        page.evaluate("0")  # what happened in the page was told by now
        assert not errors, errors
        assert arrived, "no event arrived"
        foreign = [url for url in asked if not url.startswith((place.site.url, proxy.url, "data:"))]
        assert not foreign, "the page asked other hosts"


def _run(code: Code, language: str) -> None:
    command = {
        "Python": [sys.executable, "-"],
        "Node": [node_program(), "--input-type=module", "-"],
        "Shell": [shutil.which("sh") or "sh"],
    }[language]
    done = subprocess.run(command, input=code.text, cwd=FOLDER, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def _delivered(attempts: Sequence[Attempt]) -> bool:
    return any(attempt.delivered for attempt in attempts)
