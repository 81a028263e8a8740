"""The Funnels page as an analyst uses it, in a real browser."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.parts.funnels.templates import TEMPLATES
from tests.browser.conftest import Server, serving, settle
from tests.pages.readers import HOSTILE_COUNT, HOSTILE_EVENT, MODALS, REGISTERED, SUBSCRIBED, VIEWED, make_readers

pytestmark = pytest.mark.browser
_STEPS = [{"event": "Page Viewed"}, {"event": "Registered"}, {"event": "Subscribed"}]
_LEFT, _BARS = 0, 1  # the chart's traces: who was lost, at the left; who came


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("funnel")
    make_readers(folder).close()
    with serving(folder) as running:
        yield running


def _open(page: Page, path: str = "/funnels") -> None:
    page.goto(path)
    expect(_bar(page, _BARS, 1)).to_be_attached()
    settle(page)


def _address(spec: dict[str, Any]) -> str:
    return "/funnels?" + urlencode({"funnel": json.dumps(spec)})


def _bar(page: Page, trace: int, step: int, steps: int = 3) -> Locator:
    return page.locator(".st-key-funnel_chart .trace.bars .point path").nth(trace * steps + step - 1)


def _click(page: Page, bar: Locator) -> None:
    """Where the bar is: the chart takes clicks on a layer above its bars. Not before it says what it is of, as a
    reader would not: a chart that was painted a moment ago may not listen yet."""
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".hoverlayer .hovertext")).to_be_visible()
    settle(page)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def _spec(page: Page) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(parse_qs(urlsplit(page.url).query)["funnel"][0])
    return spec


def _headline(page: Page) -> Locator:
    return page.locator(".headline.people b")


def _downloaded(page: Page, folder: Path) -> list[dict[str, str]]:
    """The rows of the file behind the list."""
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("CSV of exactly")).click()
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return list(csv.DictReader(target.read_text().splitlines()))


def test_a_template_a_drop_its_people_and_their_file_agree(page: Page, tmp_path: Path) -> None:
    _open(page)
    page.get_by_role("button", name=re.compile("Templates & saved")).click()
    page.get_by_role("link", name=TEMPLATES[0].name).click()
    expect(page).to_have_url(re.compile("funnel="))
    expect(_bar(page, _BARS, 1)).to_be_attached()
    settle(page)
    expect(page.get_by_role("group", name="The funnel in figures")).to_contain_text(f"Entered{VIEWED}")
    _click(page, _bar(page, _LEFT, 2))
    expect(_headline(page)).to_have_text(f"{VIEWED - REGISTERED} people")
    people = page.get_by_role("table", name="People")
    expect(people.locator("tbody tr")).to_have_count(50)
    rows = _downloaded(page, tmp_path)
    assert len({row["person"] for row in rows}) == len(rows) == VIEWED - REGISTERED
    page.get_by_role("button", name="Next page").click()
    expect(people.locator("tbody tr")).to_have_count(VIEWED - REGISTERED - 50)


def test_every_template_is_one_click_away(page: Page) -> None:
    page.goto(_address({"steps": _STEPS[1:]}))
    settle(page)
    for template in TEMPLATES:
        page.get_by_role("button", name=re.compile("Templates & saved")).click()
        page.get_by_role("link", name=template.name, exact=True).click()
        expect(page.locator(".st-key-headline .headline b")).to_have_text(template.name)
        settle(page)
        assert _spec(page) == template.spec
        if template.spec.get("breakdown") == "modal":
            for modal, people in MODALS.items():
                name = re.compile(rf"^{modal}, 1\. Modal Displayed: {people} people$")
                expect(page.get_by_role("button", name=name)).to_have_text(str(people))


def test_two_periods_are_compared_by_clicking(page: Page) -> None:
    _open(page)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name=re.compile("^With ")).click()
    sides = page.get_by_role("group", name="The funnel in figures")
    expect(sides.nth(0)).to_contain_text(f"Entered{VIEWED}")
    expect(sides.nth(1)).to_contain_text("Entered0")
    expect(page.locator(".st-key-side_2")).to_contain_text("Nobody entered")
    page.wait_for_url(re.compile("[?&]compare=before(&|$)"))
    page.get_by_role("button", name="End comparison").click()
    expect(_bar(page, _BARS, 1)).to_be_attached()


def test_a_segment_is_compared_with_the_rest_by_clicking(page: Page, tmp_path: Path) -> None:
    _open(page)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("combobox", name="Field").click()
    page.keyboard.type("Country")
    page.get_by_role("option", name="Country", exact=True).click()
    settle(page)
    page.get_by_role("combobox", name="Value").click()
    page.get_by_role("option", name=re.compile("^Japan")).click()
    page.get_by_role("button", name="Compare with the rest").click()
    sides = page.get_by_role("group", name="The funnel in figures")
    expect(sides.nth(0)).to_contain_text(f"Entered{VIEWED // 3}")
    expect(sides.nth(1)).to_contain_text(f"Entered{VIEWED - VIEWED // 3}")
    settle(page)
    _click(page, page.locator(".st-key-chart_2 .trace.bars .point path").nth(3))
    expect(_headline(page)).to_have_text(f"{VIEWED - VIEWED // 3} people")
    expect(page.locator(".headline.people span")).to_contain_text("Country is not Japan")
    assert len(_downloaded(page, tmp_path)) == VIEWED - VIEWED // 3


def test_a_bar_opens_and_back_closes_and_a_link_restores(page: Page) -> None:
    _open(page)
    _click(page, _bar(page, _BARS, 3))
    expect(_headline(page)).to_have_text(f"{SUBSCRIBED} people")
    page.go_back()
    expect(_headline(page)).to_have_count(0)
    page.go_forward()
    expect(_headline(page)).to_have_text(f"{SUBSCRIBED} people")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied link")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "as_of=" in link
    _open(page, link)
    expect(_headline(page)).to_have_text(f"{SUBSCRIBED} people")


def test_a_listed_person_opens_in_activity_and_as_a_profile(page: Page) -> None:
    _open(page)
    _click(page, _bar(page, _BARS, 3))
    row = page.get_by_role("table", name="People").locator("tbody tr").first
    row.get_by_role("link", name="Show").click()
    expect(page.locator(".headline b")).to_have_text("3 events")
    page.go_back()
    name = row.get_by_role("link").first
    customer = name.inner_text()
    name.click()
    expect(page.locator(".facts").get_by_text(customer, exact=True)).to_be_visible()


def test_a_list_opens_in_activity(page: Page) -> None:
    """Those who registered and went no further have a page and a registration each; of all, the step's events."""
    _open(page)
    _click(page, _bar(page, _LEFT, 3))
    expect(_headline(page)).to_have_text(f"{REGISTERED - SUBSCRIBED} people")
    page.get_by_role("link", name="Their events").click()
    expect(page.locator(".headline b")).to_have_text(f"{2 * (REGISTERED - SUBSCRIBED)} events")
    page.go_back()
    _click(page, _bar(page, _BARS, 1))
    expect(_headline(page)).to_have_text(f"{VIEWED} people")
    page.get_by_role("link", name="This step’s events").click()
    expect(page.locator(".headline b")).to_have_text(f"{VIEWED} events")


def test_how_a_number_is_computed_is_said_beside_it(page: Page) -> None:
    _open(page)
    signs = page.get_by_role("button", name="How this is computed")
    expect(signs).to_have_count(4)
    signs.nth(1).click()
    said = page.locator("[data-testid=stPopoverBody]")
    expect(said).to_contain_text("People are counted, not events")
    expect(said).to_contain_text("python -m pipeline funnel - --as-of")


def test_steps_are_built_by_typing(page: Page) -> None:
    _open(page)
    page.get_by_role("combobox", name="Event of step 3").click()
    page.keyboard.type("regis")
    expect(page.get_by_role("option", name=re.compile("^Registered"))).to_contain_text(str(REGISTERED))
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="The funnel in figures")).to_contain_text("Converted0")
    page.get_by_role("button", name="Remove step 3").click()
    expect(page.get_by_role("group", name="The funnel in figures")).to_contain_text(f"Converted{REGISTERED}")
    page.get_by_role("button", name="Filter step 1").click()
    page.keyboard.type("country is France")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="The funnel in figures")).to_contain_text(f"Entered{VIEWED // 3}")
    page.get_by_role("button", name="Add step").click()
    page.keyboard.type("subs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Event of step 3")).to_have_value("Subscribed")
    settle(page)
    assert _spec(page)["steps"] == [
        {"event": "Page Viewed", "filters": ["country is France"]},
        {"event": "Registered"},
        {"event": "Subscribed"},
    ]
    page.go_back()
    expect(page.get_by_role("combobox", name="Event of step 3")).to_have_count(0)


def test_what_is_being_typed_outlives_an_answer(page: Page) -> None:
    """The answer to the change before comes while the next one is typed."""
    _open(page)
    page.get_by_role("combobox", name="Event of step 1").click()
    page.keyboard.type("sub")
    # Without taking the focus, as an answer that comes later does not.
    page.get_by_role("button", name="Move step 3 up").evaluate("button => button.click()")
    expect(page.get_by_role("combobox", name="Event of step 2")).to_have_value("Subscribed")
    settle(page)
    expect(page.get_by_role("combobox", name="Event of step 1")).to_have_value("sub")
    page.keyboard.type("scribed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Event of step 1")).to_have_value("Subscribed")
    settle(page)
    assert [step["event"] for step in _spec(page)["steps"]] == ["Subscribed", "Subscribed", "Registered"]


def test_hostile_names_stay_text(page: Page) -> None:
    spec = {"steps": [{"event": "Page Viewed"}, {"event": HOSTILE_EVENT}], "breakdown": "country"}
    page.goto(f"/funnels?funnel={json.dumps(spec).replace('&', '%26')}&people=converted")
    expect(_headline(page)).to_have_text(f"{HOSTILE_COUNT} people")
    settle(page)
    expect(page.locator(".st-key-funnel_chart .ytick text").nth(1)).to_contain_text(HOSTILE_EVENT[:15])
    expect(page.get_by_role("combobox", name="Event of step 2")).to_have_value(HOSTILE_EVENT)
    expect(page.get_by_role("table", name="By Country")).to_contain_text("<img src=x")
    _click(page, _bar(page, _BARS, 2, steps=2))
    settle(page)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0


def test_a_funnel_is_saved_renamed_and_deleted(page: Page) -> None:
    _open(page)
    page.get_by_role("button", name=re.compile("Templates & saved")).click()
    page.get_by_role("textbox", name="Save this funnel as").fill("Spring <b>sale</b>")
    page.keyboard.press("Tab")
    settle(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".st-key-headline .headline b")).to_have_text("Spring <b>sale</b>")
    page.get_by_role("button", name="Rename Spring <b>sale</b>").click()
    page.get_by_role("textbox", name="New name").fill("Summer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Summer")).to_be_visible()
    page.get_by_role("button", name="Delete Summer").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("link", name="Summer")).to_have_count(0)


def test_a_saved_funnel_is_loaded_and_replaced(page: Page) -> None:
    name = page.locator(".st-key-headline .headline b")
    library = page.get_by_role("button", name=re.compile("Templates & saved"))

    def save(button: str) -> None:
        page.get_by_role("textbox", name="Save this funnel as").fill("Trial")
        page.keyboard.press("Tab")
        settle(page)
        page.get_by_role("button", name=button, exact=True).click()

    page.goto(_address({"steps": _STEPS[1:]}))
    expect(name).to_have_text("Your funnel")
    library.click()
    save("Save")
    expect(name).to_have_text("Trial")
    page.goto("/funnels")
    expect(name).to_have_text(TEMPLATES[0].name)
    library.click()
    page.get_by_role("link", name="Trial", exact=True).click()
    expect(name).to_have_text("Trial")
    settle(page)
    assert _spec(page)["steps"] == _STEPS[1:]
    page.get_by_text("First entry only").click()
    expect(name).to_have_text("Your funnel")
    settle(page)
    library.click()
    save("Save")
    expect(page.get_by_role("alert")).to_contain_text("called 'Trial' already")
    page.get_by_role("button", name="Replace the one there").click()
    expect(name).to_have_text("Trial")


def test_a_breakdown_cell_lists_its_people(page: Page) -> None:
    _open(page, _address({"steps": _STEPS, "breakdown": "country"}))
    page.get_by_role("button", name=re.compile("^Japan, 1. Page Viewed")).click()
    expect(_headline(page)).to_have_text(f"{VIEWED // 3} people")
    expect(page.locator(".headline.people span")).to_contain_text("Country is Japan")


def test_a_drop_in_a_part_lists_its_people(page: Page, tmp_path: Path) -> None:
    _open(page, _address({"steps": _STEPS, "breakdown": "country"}))
    stopped = page.get_by_role("button", name=re.compile("^Japan, stopped at 1. Page Viewed"))
    count = int(stopped.inner_text())
    stopped.click()
    expect(_headline(page)).to_have_text(f"{count} people")
    expect(page.locator(".headline.people span")).to_contain_text("but not “Registered” · Country is Japan")
    expect(stopped).to_have_attribute("aria-pressed", "true")
    rows = _downloaded(page, tmp_path)
    assert len({row["person"] for row in rows}) == count
    assert {row["at_2"] for row in rows} == {""}


@pytest.mark.parametrize("width", [1024, 1440])
def test_tables_of_millions_are_not_cut(page: Page, width: int) -> None:
    """With exclusions, with three steps broken down, and with a list of people, at a laptop's and a tablet's width."""
    page.set_viewport_size({"width": width, "height": 800})
    spec = {
        "steps": _STEPS,
        "exclusions": [{"event": HOSTILE_EVENT, "after_step": 1, "before_step": 2}],
        "breakdown": "country",
    }
    page.goto(_address(spec) + "&people=dropped:1")
    expect(_headline(page)).to_have_text(re.compile("people$"))
    settle(page)
    for name in ("Step by step", "By Country", "People"):
        cut = page.get_by_role("table", name=name).evaluate(
            """table => {
              const counts = [...table.querySelectorAll('.count')].map(node => node.firstChild);
              for (const text of counts.filter(Boolean)) text.data = text.data.replace(/^[0-9,]+$/, '12,345,678');
              const times = [...table.querySelectorAll('.count')].filter(node => / [sdh]$|min/.test(node.innerText));
              for (const node of times) node.innerText = '23 min 45 s';
              return table.offsetWidth - table.parentElement.clientWidth;
            }"""
        )
        assert cut <= 0, f"{name} is {cut} px wider than its place"


def test_a_number_of_the_steps_is_a_button_for_the_keyboard(page: Page) -> None:
    _open(page)
    stopped = page.get_by_role("button", name=re.compile("^Stopped at 1. Page Viewed"))
    stopped.focus()
    page.keyboard.press("Enter")
    expect(_headline(page)).to_have_text(f"{VIEWED - REGISTERED} people")
    expect(stopped).to_have_attribute("aria-pressed", "true")
    header = page.locator("header").first.bounding_box()
    assert header is not None
    assert header["y"] == 0  # the list is scrolled to, and the frame stays
