"""The Install page in a real browser: a key, the snippet, an event by real HTTP, and both ticks."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pipeline.state import State
from tests.browser.conftest import PATIENCE_MS, Server, serving, settle, watch_policy
from tests.browser.running import running_pipeline
from tests.pages.sample import HOSTILE

pytestmark = pytest.mark.browser
KEY = re.compile(r"wk_\w{22}")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard with the collector on its port, and the scheduler beside it."""
    data = tmp_path_factory.mktemp("install")
    with serving(data, ACTIVITY_MOUNT_COLLECTOR="true") as server, running_pipeline(data):
        yield server


@pytest.fixture
def install(browser: Browser, installation: Server) -> Iterator[Page]:
    context = browser.new_context(
        base_url=installation.url,
        viewport={"width": 1440, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    errors: list[str] = []
    watch_policy(page, errors)
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/install?new=1")
    page.wait_for_selector("[role=tablist]")
    settle(page)
    yield page
    context.close()
    assert not errors


def make(page: Page, name: str, kind: str = "Web pages") -> None:
    page.get_by_role("radio", name=kind).click()
    settle(page)
    page.get_by_label("Name of the site").fill(name)
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator(".key.on")).to_contain_text(name)
    settle(page)  # its codes come after its name


def check(page: Page) -> Locator:
    return page.get_by_role("status", name="Live check")


def copied(page: Page, title: str) -> str:
    page.get_by_role("button", name=f"Copy {title}").click()
    return str(page.evaluate("navigator.clipboard.readText()"))


def send(url: str, key: str, event: str) -> None:
    """As any client does."""
    body = json.dumps({"event": event, "anonymousId": "visitor-1"}).encode()
    user = base64.b64encode(f"{key}:".encode()).decode()
    request = urllib.request.Request(f"{url}/v1/track", body, {"authorization": f"Basic {user}"}, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_from_a_new_key_to_the_first_event_in_activity(install: Page, installation: Server) -> None:
    make(install, "The Daily Example")
    expect(check(install)).to_contain_text("Waiting for your first event…")
    code = copied(install, "HTML, in the <head>")
    assert f'src="{installation.url}/activity.js"' in code
    (key,) = KEY.findall(code)
    send(installation.url, key, "Hello")
    expect(check(install)).to_contain_text("Received ✓")
    expect(check(install)).to_contain_text("1 event, at ")
    expect(check(install)).to_contain_text("In Activity ✓")
    expect(install.locator(".key.on .said")).to_contain_text("1 event, ")
    install.get_by_role("link", name="See them in Activity").click()
    expect(install.locator(".headline b")).to_have_text("1 event")
    expect(install.locator(".chip")).to_have_text("Source is the-daily-example")
    expect(install.locator("tr[data-row] td").first).to_contain_text("Hello")


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """Another site: the same machine, by its number, is another origin than `localhost`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_with_the_copied_snippet_is_received(install: Page, tmp_path: Path) -> None:
    """The two lines as they are on the clipboard, in a page of another origin."""
    make(install, "Snippet")
    code = copied(install, "HTML, in the <head>")
    reader = install.context.new_page()
    (tmp_path / "a.html").write_text(f"<!doctype html><head>{code}</head><title>Read</title>")
    with folder_served(tmp_path) as site:
        reader.goto(f"{site}/a.html")
        expect(check(install)).to_contain_text("Received ✓")
    reader.close()


def test_the_curl_line_works_as_it_is(install: Page) -> None:
    make(install, "Curl")
    install.get_by_role("tab", name="Try it now").click()
    done = subprocess.run(["sh", "-c", copied(install, "Shell")], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout) == {"success": True}, done.stderr
    expect(check(install)).to_contain_text("Received ✓")


def test_a_server_key_is_shown_this_once(install: Page) -> None:
    make(install, "Billing", "Servers")
    expect(install.get_by_role("alert")).to_contain_text("shown this once")
    text = install.locator(".key.on code").inner_text()
    assert text.startswith("sk_")
    install.get_by_role("tab", name="RudderStack").click()
    expect(install.get_by_role("tabpanel")).to_contain_text(text)
    install.reload()
    expect(install.locator(".key.on")).to_contain_text("shown once, when it is made")
    assert text not in install.content()
    assert install.get_by_text(text).count() == 0


def test_another_key_is_picked_and_one_is_revoked(install: Page, installation: Server) -> None:
    state = State(installation.data)
    first, second = (state.keys.make(name, name=name, at=datetime.now(UTC)) for name in ("Morning", "Evening"))
    install.goto(f"/install?key={second.key.id}")
    expect(install.locator(".key.on")).to_contain_text("Evening")
    install.get_by_role("radio", name="Morning").click()
    expect(install.locator(".key.on")).to_contain_text("Morning")
    expect(install).to_have_url(re.compile(f"key={first.key.id}"))
    expect(install.get_by_role("tabpanel")).to_contain_text(first.text)
    install.get_by_role("button", name="Revoke Morning").click()
    install.get_by_role("button", name="Keep it").click()
    expect(install.get_by_role("dialog")).to_have_count(0)
    install.get_by_role("button", name="Revoke Morning").click()
    install.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(install.locator(".key").filter(has_text="Morning")).to_have_count(0)
    assert first.key.id not in {key.id for key in state.keys.all()}


def test_what_is_held_down_while_news_comes_is_still_clicked(browser: Browser, installation: Server) -> None:
    """A press takes people a tenth of a second; what is replaced in between gets no click."""
    state = State(installation.data)
    held = state.keys.make("held", name="Held", at=datetime.now(UTC))
    page = browser.new_page(base_url=installation.url)
    page.set_default_timeout(PATIENCE_MS)
    with page.expect_websocket() as socket:
        page.goto(f"/install?key={held.key.id}")
    page.get_by_role("button", name="Revoke Held").hover()
    settle(page)
    page.mouse.down()
    with socket.value.expect_event("framereceived", lambda frame: b"Meanwhile" in frame):
        state.keys.make("meanwhile", name="Meanwhile", at=datetime.now(UTC))
    settle(page)
    meanwhile = page.locator(".key").filter(has_text="Meanwhile")
    expect(meanwhile).to_have_count(0)
    page.mouse.up()
    expect(page.get_by_role("dialog")).to_contain_text("Held (held)")
    expect(meanwhile).to_have_count(1)
    page.context.close()


def test_hostile_names_are_plain_text(install: Page, installation: Server) -> None:
    state = State(installation.data)
    now = datetime.now(UTC)
    made = [state.keys.make(f"hostile-{number}", name=name, at=now) for number, name in enumerate(HOSTILE)]
    install.goto(f"/install?key={made[0].key.id}")
    for name in HOSTILE:
        expect(install.locator(".key .name").filter(has_text=name)).to_have_count(1)
    install.get_by_role("button", name=f"Revoke {HOSTILE[0]}").click()
    expect(install.get_by_role("dialog")).to_contain_text(HOSTILE[0])
    assert install.evaluate("window.hacked") is None
    assert install.locator("img[src=x]").count() == 0
    for each in made:
        state.keys.revoke(each.key.id, now)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_nothing_is_cut(install: Page, width: int, height: int) -> None:
    install.set_viewport_size({"width": width, "height": height})
    settle(install)
    assert install.evaluate("document.documentElement.scrollWidth") <= width
    for tab in install.get_by_role("tab").all():
        tab.click()
        for code in install.locator("pre").all():
            assert code.evaluate("node => node.scrollWidth <= node.clientWidth")
