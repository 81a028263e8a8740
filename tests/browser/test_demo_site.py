"""From a reader's click on the demo's news site to Activity: collector, pipeline and pages, all of it real."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from pipeline.demo.plan import Plan
from tests.browser.conftest import PATIENCE_MS, Server, serving, settle, watch_policy
from tests.browser.running import running_pipeline

pytestmark = pytest.mark.browser

FREE = 3
WITHIN = 30.0  # seconds from the last click on the site to Activity
ROWS = "tr[data-row]"
# Headless Chromium says so in its User-Agent, and is a bot.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@dataclass
class Reader:
    """Somebody who reads the site in a browser of their own; `foreign` and `errors` must stay empty."""

    page: Page
    server: Server
    foreign: list[str]
    errors: list[str]

    def articles(self, premium: bool = False) -> list[str]:
        """Paths of articles on the front page, each once."""
        self.page.goto("/demo-site/")
        kind = ":has(.premium)" if premium else ":not(:has(.premium))"
        links = self.page.locator(f"article{kind} :is(h2, h4) a").all()
        return list(dict.fromkeys(str(link.get_attribute("href")) for link in links))

    def read(self, path: str) -> None:
        """Open it and stay a moment, until it has told that it was opened, and its interface has met its reader.

        The script loads beside the page: who leaves at once was never seen there.
        """
        with self.page.expect_response(lambda answer: _tells_of_page(answer.request.post_data or "", path)):
            self.page.goto(path)
        expect(self.page.locator("body[data-met]")).to_have_count(1)

    def register(self, first: str = "Ada", email: str = "ada@example.com") -> None:
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("First name").fill(first)
        dialog.get_by_label("Last name").fill("Example")
        dialog.get_by_label("Email").fill(email)
        dialog.get_by_role("button", name="Create account").click()

    def see(self) -> Page:
        """What the bar at the bottom leads to."""
        self.page.get_by_role("link", name="See yourself in Activity").click()
        self.page.wait_for_selector("[data-testid=stApp]")
        return self.page


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An installation with the demo's plan and none of its history, so that nobody else is in Activity."""
    data = tmp_path_factory.mktemp("demo")
    Plan(int(time.time() * 1000), days=1, events=100, customers=10).finished().write(data)
    with serving(data, ACTIVITY_MOUNT_COLLECTOR="true") as server, running_pipeline(data):
        yield server


@pytest.fixture
def reader(browser: Browser, demo: Server) -> Iterator[Reader]:
    context = browser.new_context(
        base_url=demo.url, viewport={"width": 1440, "height": 900}, user_agent=AGENT, locale="en-GB"
    )
    found = _reader(context, demo)
    yield found
    context.close()
    assert not found.foreign, "the page asked other hosts"
    assert not found.errors, "the page's scripts failed"


def _reader(context: BrowserContext, demo: Server) -> Reader:
    found = Reader(context.new_page(), demo, [], [])
    found.page.set_default_timeout(PATIENCE_MS)

    def asked(request: Request) -> None:
        if not request.url.startswith((demo.url, demo.url.replace("http", "ws"), "data:", "blob:")):
            found.foreign.append(request.url)

    found.page.on("request", asked)
    watch_policy(found.page, found.errors)
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    return found


def shown(page: Page) -> list[tuple[str, str]]:
    """(event with its modal, path) of every row, oldest first."""
    rows = page.locator(ROWS).all()
    cells = [[" ".join(cell.inner_text().split()) for cell in row.locator("td").all()[:3]] for row in rows]
    return [(event, path) for event, _, path in reversed(cells)]


def wait_for(page: Page, events: set[str], viewed: list[str], since: float) -> float:
    """Reload Activity until it shows all of these events, and so many page views; the seconds it took since then.

    More than `WITHIN` is a failure.
    """
    while True:
        settle(page)
        took = time.monotonic() - since
        told = [event for event, _ in shown(page)]
        if events <= set(told) and told.count("Page Viewed") >= len(viewed):
            return took
        assert took < WITHIN, f"after {took:.0f} s: {shown(page)}"
        page.wait_for_timeout(500)
        page.reload()


def test_a_reader_meets_the_meter_registers_subscribes_and_is_one_person_in_activity(reader: Reader) -> None:
    page = reader.page
    *free, last = reader.articles()[: FREE + 1]
    for path in free:
        reader.read(path)
        expect(page.get_by_role("dialog")).to_have_count(0)
    reader.read("/demo-site/")
    page.locator(f'h4 a[href="{last}"]').first.click()
    page.get_by_role("dialog").get_by_role("button", name="Register for free").click()
    reader.register()
    expect(page.get_by_role("button", name="Ada")).to_be_visible()
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.get_by_role("button", name=re.compile("Digital Annual")).click()
    # What a page sends as it is left bears Chromium's own User-Agent and not the one it was told, so stay a moment.
    with page.expect_response(lambda answer: "Subscribed" in (answer.request.post_data or "")):
        page.get_by_role("button", name="Start my subscription").click()
        clicked = time.monotonic()
    expect(page.get_by_role("dialog", name="Welcome aboard")).to_be_visible()
    page.get_by_role("button", name="Start reading").click()
    activity = reader.see()
    modals = [f"Modal Displayed {name}" for name in ("meter", "register", "subscribe", "success")]
    visited = ["/demo-site/", *free, "/demo-site/", last]
    took = wait_for(activity, {"Registered", "Subscribed", *modals}, visited, clicked)
    print(f"from the click to Activity: {took:.1f} s")

    expect(activity.locator(".chip")).to_have_text(re.compile("^Person is c:cus_"))
    told = [each for each in shown(activity) if each[0] not in {"Page Left", "Identified"}]
    assert [event for event, _ in told if event != "Page Viewed"] == [
        *("Modal Displayed meter", "Modal Displayed register", "Registered"),
        *("Modal Displayed subscribe", "Modal Displayed subscribe", "Subscribed", "Modal Displayed success"),
    ]
    assert [path for event, path in told if event == "Page Viewed"] == visited
    assert {path for event, path in told if event != "Page Viewed"} == {last}
    for event in ("Registered", "Subscribed"):
        inspect(activity, event, last, f"{reader.server.url}/demo-site/")


def _tells_of_page(sent: str, path: str) -> bool:
    events = json.loads(sent)["batch"] if sent.startswith("{") else []
    return any(event["type"] == "page" and event["context"]["page"]["path"] == path for event in events)


def inspect(activity: Page, event: str, path: str, referrer: str) -> None:
    """Where, from where, on what and by whom, in the inspector."""
    settle(activity)
    activity.locator(ROWS).filter(has_text=event).first.click()
    panel = activity.locator("section.panel")
    expect(panel.locator(".row").filter(has_text=re.compile(f"^Path{re.escape(path)}$"))).to_be_visible()
    for text in (referrer, "Chrome", "Linux", "Desktop", "Ada Example", "ada@example.com"):
        expect(panel).to_contain_text(text)
    settle(activity)
    activity.keyboard.press("Escape")
    expect(activity).not_to_have_url(re.compile("event="))


def test_a_visitor_who_stays_anonymous_finds_themselves(reader: Reader) -> None:
    (path, *_) = reader.articles()
    reader.read(path)
    clicked = time.monotonic()
    activity = reader.see()
    wait_for(activity, set(), ["/demo-site/", path], clicked)
    expect(activity.locator(".chip")).to_have_text(re.compile("^Person is a:"))
    assert ("Page Viewed", path) in shown(activity)


def test_a_story_for_subscribers_offers_the_subscriptions(reader: Reader) -> None:
    page = reader.page
    (premium, *_) = reader.articles(premium=True)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.get_by_role("button", name=re.compile("Supporter")).click()
    reader.register("Bo", "bo@example.com")
    expect(page.get_by_role("dialog", name="Almost aboard")).to_be_visible()
    reader.read(premium)
    expect(page.get_by_role("dialog", name="Choose your subscription")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".story.closed")).to_have_count(1)
    page.get_by_role("button", name="Go on reading").click()
    page.get_by_role("button", name=re.compile("Digital Monthly")).click()
    page.get_by_role("button", name="Start my subscription").click()
    page.get_by_role("button", name="Start reading").click()
    expect(page.locator(".story.closed")).to_have_count(0)
    expect(page.get_by_role("button", name="Subscribe", exact=True)).to_be_hidden()


def test_logging_out_and_starting_over(reader: Reader) -> None:
    page = reader.page
    reader.read("/demo-site/")
    page.get_by_role("button", name="Sign up free").click()
    page.get_by_role("dialog").get_by_label("Email").fill("cy@example.com")
    page.get_by_role("button", name="Sign me up").click()
    page.get_by_role("button", name="Go on reading").click()
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("button", name="Create an account").click()
    reader.register("Cy", "cy@example.com")
    before = page.evaluate("localStorage['activity.anonymousId']")
    page.get_by_role("button", name="Cy", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("button", name="Log in as Cy Example").click()
    expect(page.get_by_role("button", name="Cy", exact=True)).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_text(f"{FREE} free articles left")).to_be_visible()
    expect(page.locator("body[data-met]")).to_have_count(1)
    assert page.evaluate("localStorage['activity.anonymousId']") != before
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody has registered")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_fits_every_screen(reader: Reader, width: int, height: int, scheme: str) -> None:
    page = reader.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": height})
    for path in ("/demo-site/", "/demo-site/culture", reader.articles()[0], "/demo-site/nothing"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
