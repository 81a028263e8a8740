"""The Activity page as a reader uses it, in a real browser."""

from __future__ import annotations

import csv
import re
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, serving, settle, visit
from tests.pages.sample import HOSTILE, HOSTILE_ID, HOSTILE_URL, ORDINARY, hostile_text, make_sample
from tests.support import add_events, make_lake

pytestmark = pytest.mark.browser
TOTAL = ORDINARY + 1
ROWS = "tr[data-row]"


def _column(page: Page, number: int) -> list[str]:
    return page.locator(f"{ROWS} td:nth-child({number})").all_inner_texts()


def test_a_deep_link_is_answered_by_a_fresh_server(browser: Browser, tmp_path: Path) -> None:
    """Nothing has run on this server yet, so neither pages nor questions are known to it."""
    make_sample(tmp_path).close()
    with serving(tmp_path) as fresh:
        page = browser.new_page(base_url=fresh.url)
        visit(page, "/?range=7D&f=country+is+Japan&f=event+is_not+Modal+Displayed")
        assert set(_column(page, 1)) == {"Page Viewed"}
        assert set(_column(page, 4)) == {"🇯🇵Japan"} or {text[-5:] for text in _column(page, 4)} == {"Japan"}
        visit(page, "/customers?customer=cus_004")
        expect(page.get_by_role("heading", name="Reader 4")).to_be_visible()
        expect(page.get_by_text("Page not found")).to_have_count(0)
        assert page.title() == "Customers · Customers Activity"
        page.close()


def test_new_events_are_announced_and_shown_on_request(browser: Browser, tmp_path: Path) -> None:
    """The view stands still while data arrives; the pipeline writes from a process of its own, as here."""
    lake = make_sample(tmp_path)
    with serving(tmp_path) as fresh:
        page = browser.new_page(base_url=fresh.url)
        visit(page, "/?f=event+is+Registered")
        expect(page.locator(".headline b")).to_have_text("0 events")
        now = datetime.now(UTC)
        made = {"event": "Registered", "occurred_at": now, "anonymous_id": "v"}
        newer = [{**made, "message_id": f"new-{letter}"} for letter in "ab"]
        add_events(lake, newer, key="newer.jsonl", now=now)
        lake.close()
        announced = page.locator(".st-key-show_new").get_by_role("button")
        expect(announced.first).to_contain_text("2 new events — show")
        expect(page.locator(".headline b")).to_have_text("0 events")
        announced.first.click()
        expect(page.locator(".headline b")).to_have_text("2 events")
        expect(announced).to_have_count(0)
        page.close()


def test_the_first_events_of_all_come_by_themselves(browser: Browser, tmp_path: Path) -> None:
    with closing(make_lake(tmp_path, [])) as lake, serving(tmp_path) as fresh:
        page = browser.new_page(base_url=fresh.url)
        page.goto("/")
        expect(page.get_by_text("No events yet")).to_be_visible()
        now = datetime.now(UTC)
        for key, at in (("old", now - timedelta(days=60)), ("new", now)):  # an archive is loaded from its beginning
            made = {"event": "Registered", "occurred_at": at}
            add_events(lake, [{**made, "message_id": f"{key}-{letter}"} for letter in "ab"], key=key, now=now)
            page.wait_for_timeout(6_000)  # it looks every five seconds
        expect(page.locator(".headline b")).to_have_text("2 events")
        expect(page.locator(ROWS)).to_have_count(2)
        page.close()


def test_a_click_opens_the_event_and_back_closes_it(page: Page) -> None:
    visit(page, "/")
    row = page.locator(ROWS).nth(3)
    path = row.locator("td").nth(2).inner_text()
    row.click()
    expect(page.locator("section.panel .row").filter(has_text=re.compile(f"^Path{path}$"))).to_be_visible()
    expect(page).to_have_url(re.compile("event="))
    expect(row).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("heading", name="This view at a glance")).to_be_visible()
    assert "event=" not in page.url


def test_an_event_is_filtered_by_its_values(page: Page) -> None:
    visit(page, "/")
    page.locator(ROWS).nth(3).click()
    country = page.locator(".row").filter(has=page.get_by_text("Country", exact=True))
    country.hover()
    country.get_by_role("button", name="Filter by this Country").click()
    expect(page.get_by_role("listitem", name="")).to_have_count(1)
    settle(page)
    assert len({text[-5:] for text in _column(page, 4)}) == 1
    page.get_by_role("button", name=re.compile("^Remove filter: Country is")).click()
    expect(page.locator(".headline b")).to_have_text(f"{TOTAL} events")


def test_typing_in_the_filter_bar_proposes_and_filters(page: Page) -> None:
    visit(page, "/")
    page.keyboard.press("/")
    page.keyboard.type("fran")
    option = page.get_by_role("option", name=re.compile("Country is.*France"))
    expect(option).to_contain_text(str(len(range(0, ORDINARY, 3))))
    page.keyboard.press("Enter")
    expect(page.locator(".headline b")).to_have_text(f"{len(range(0, ORDINARY, 3))} events")
    expect(page).to_have_url(re.compile(r"f=country(\+|%20)is(\+|%20)France"))
    page.go_back()
    expect(page.locator(".headline b")).to_have_text(f"{TOTAL} events")


def test_a_filter_can_be_said_outright(page: Page) -> None:
    visit(page, "/")
    page.get_by_role("combobox", name="Add a filter").fill("properties.number >= 125")
    page.keyboard.press("Enter")
    expect(page.locator(".headline b")).to_have_text(f"{ORDINARY - 125} events")


def test_the_builder_makes_a_filter(page: Page) -> None:
    visit(page, "/")
    page.get_by_test_id("stPopoverButton").filter(has_text="Filter").click()
    page.get_by_role("combobox", name=re.compile("Value")).fill("Modal Displayed")
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Apply filter").click()
    expect(page.locator(".headline b")).to_have_text(f"{len(range(0, ORDINARY, 5))} events")


def test_the_keyboard_walks_opens_and_closes(page: Page) -> None:
    visit(page, "/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(ROWS).nth(2)).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile("event="))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="This view at a glance")).to_be_visible()
    expect(page).not_to_have_url(re.compile("event="))


def test_tab_passes_the_list_by_one_row(page: Page) -> None:
    visit(page, "/")
    page.locator(ROWS).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.locator(ROWS).nth(1).get_by_role("link").evaluate("link => link.matches(':focus')")
    page.keyboard.press("Tab")
    assert page.locator(f"{ROWS} a:focus").count() == 0


def test_pages_neither_skip_nor_repeat(page: Page) -> None:
    visit(page, "/")
    seen = _column(page, 6)
    for number in (2, 3):
        page.get_by_role("button", name="Next page").click()
        expect(page).to_have_url(re.compile(f"page={number}"))
        expect(page.get_by_text(re.compile(f"Rows {50 * (number - 1) + 1}–"))).to_be_visible()
        settle(page)
        seen += _column(page, 6)
    assert len(seen) == len(set(seen)) == TOTAL
    numbers = page.get_by_role("navigation", name="Pagination").get_by_role("button").all_inner_texts()
    assert [text for text in numbers if text.isdigit()] == ["1", "2", "3"]


def test_a_customer_is_a_real_link(page: Page) -> None:
    visit(page, "/")
    link = page.locator(f"{ROWS} a").nth(2)
    customer = link.inner_text()
    with page.context.expect_page() as opened:
        link.click(modifiers=["ControlOrMeta"])
    tab = opened.value
    tab.wait_for_selector(ROWS)
    assert tab.url.endswith(f"/customers?customer={customer}")
    assert "event=" not in page.url
    link.click()
    page.wait_for_url(re.compile("/customers"))
    page.wait_for_selector(ROWS)
    page.go_back()
    expect(page.locator(".headline b")).to_have_text(f"{TOTAL} events")


def test_copying_a_value_and_the_link(page: Page) -> None:
    visit(page, "/")
    page.locator(ROWS).filter(has_text="cus_004").first.click()
    page.get_by_role("button", name="Copy ID").click()
    assert page.evaluate("navigator.clipboard.readText()") == "cus_004"
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"\?from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d&event=[0-9a-f-]{36}&as_of=\d+$", link)
    visit(page, link)
    expect(page.locator("section.panel")).to_contain_text("cus_004")


def test_the_exported_file_is_the_list(page: Page, tmp_path: Path) -> None:
    visit(page, "/?f=country+is+France&f=event+is+Page+Viewed")
    shown = _column(page, 3)
    promised = page.get_by_role("button", name=re.compile("^Export")).get_attribute("aria-label")
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=re.compile("^CSV")).click()
    target = tmp_path / started.value.suggested_filename
    started.value.save_as(target)
    assert re.fullmatch(r"events_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv", target.name)
    with target.open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert promised == f"Export {len(written)} rows"
    assert [row["path"] for row in written] == shown
    assert {row["country"] for row in written} == {"France"}


def test_the_chart_is_brushed(page: Page) -> None:
    visit(page, "/?range=7D")
    chart = page.locator(".chart svg")
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d"))
    expect(page.get_by_test_id("stDateInput")).to_be_visible()


def test_days_are_picked_in_the_calendar(page: Page) -> None:
    """The first click leaves half a range, which must wait for the second."""
    visit(page, "/?from=2026-03-01&to=2026-03-31", "[data-testid=stDateInput]")
    settle(page)
    page.locator("[data-testid=stDateInput] button").last.click()
    for day in ("10", "12"):
        page.get_by_role("button", name=re.compile(rf"March {day}, 2026")).first.click()
        settle(page)
    expect(page).to_have_url(re.compile("from=2026-03-10&to=2026-03-12"))


def test_previous_and_next_stay_with_the_person(page: Page) -> None:
    visit(page, "/")
    page.locator(ROWS).filter(has_text="cus_004").first.click()
    page.get_by_role("button", name="Previous", exact=True).click()
    expect(page.locator("section.panel")).to_contain_text("/news/14")
    expect(page.locator("section.panel")).to_contain_text("cus_004")


def test_hostile_values_are_shown_as_plain_text(page: Page) -> None:
    visit(page, "/")
    row = page.locator(ROWS).first
    expect(row.locator("td").nth(2)).to_have_text(hostile_text("path"))
    expect(row.get_by_role("link")).to_have_text(HOSTILE_ID)
    row.click()
    panel = page.locator("section.panel")
    for field in ("event", "name", "email", "region", "city", "title", "referrer_domain"):
        expect(panel).to_contain_text(hostile_text(field))
    expect(panel).to_contain_text(HOSTILE[2])
    expect(panel.get_by_text(HOSTILE_URL, exact=True)).to_be_visible()
    assert [link.get_attribute("href") for link in panel.get_by_role("link").all()] == [
        "customers?customer=cus_%3Cb%3E7%3C%2Fb%3E"
    ]
    path = page.locator(".row").filter(has=page.get_by_text("Path", exact=True))
    path.hover()
    path.get_by_role("button", name="Filter by this Path").click()
    expect(page.locator(".chip")).to_contain_text(f"Path is {hostile_text('path')}")
    expect(page.locator(".headline b")).to_have_text("1 event")
    page.get_by_test_id("stPopoverButton").filter(has_text="Filter").click()
    settle(page)
    visit(page, f"/customers?customer={HOSTILE_ID}")
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile_text("name"))
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0


def test_an_address_nobody_understands_is_explained(page: Page) -> None:
    visit(page, "/?f=county+is+France", "[role=alert]")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean 'country'?")
    page.get_by_role("link", name="Show the last 14 days").click()
    page.wait_for_selector(ROWS)


def test_nothing_is_cut_at_1024(page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    visit(page, "/?f=country+is+France&f=device+is_not+Bot")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    for time in page.locator(f"{ROWS} td:nth-child(6)").all()[:5]:
        assert time.evaluate("cell => cell.scrollWidth <= cell.clientWidth")
    tops = [page.locator(f".st-key-toolbar {part}").first.bounding_box() for part in ("button", ".bar", ".share")]
    assert max(box["y"] for box in tops if box) - min(box["y"] for box in tops if box) < 12


@pytest.mark.parametrize("size", [(1024, 768), (1440, 900)])
def test_events_with_a_modal_keep_their_name(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    visit(page, "/?f=modal+is+meter")
    rows = page.locator(ROWS)
    for row in rows.all()[:5]:
        for part in (".name", ".modal", "td:nth-child(6)"):
            assert row.locator(part).evaluate("node => node.scrollWidth <= node.clientWidth"), part
    heights = {round(box["height"]) for row in rows.all()[:5] if (box := row.bounding_box())}
    assert len(heights) == 1
    assert max(heights) <= 38


def test_the_charts_scale_stands_above_its_bars(page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    visit(page, "/")
    scale = page.locator(".chart .labels span").first.bounding_box()
    bars = [box for bar in page.locator(".chart .bar").all() if (box := bar.bounding_box())]
    assert scale is not None
    assert scale["y"] + scale["height"] <= min(box["y"] for box in bars if box["height"] > 1)


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-For", "Forwarded"])
def test_only_this_machine_is_answered(server: Server, name: str) -> None:
    for path in ("/", "/export/events.csv", "/_stcore/health", "/assets/favicon.svg"):
        request = urllib.request.Request(f"{server.url}{path}", headers={name: "dashboard.example"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403
        assert "no sign-in set up" in refused.value.read().decode()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/export/events.csv?f=county%20is%20France", 400, "Did you mean 'country'?"),
        ("/export/events.csv?as_of=999999", 410, "is gone"),
        ("/export/events.pdf", 404, "use csv, parquet or xlsx"),
    ],
)
def test_a_file_that_cannot_be_made_says_why(server: Server, path: str, status: int, said: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(server.url + path, timeout=20)
    assert refused.value.code == status
    assert said in refused.value.read().decode()
