"""What a role may see holds on every page and in every file: one customer's personal data lies everywhere a sender can
put it, and whatever a browser receives is searched for it, in the pages' web sockets, too."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet
import pytest
from openpyxl import load_workbook
from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from pipeline.state import State
from tests.browser.access.conftest import ANA, OLIVIA, VERA, Guarded, guarding, sign_in
from tests.browser.conftest import settle
from tests.canary import EMAIL, make_canary_lake, told
from tests.support import NOW

DAYS = "from=2026-11-22&to=2026-11-23"
STEPS = [{"event": "Read"}, {"event": "Registered"}]
RANGE = {"from": "2026-11-22", "to": "2026-11-23"}
ROWS = "tr[data-row]"
PLACES = {
    "list": f"/?{DAYS}",
    "second page": f"/?{DAYS}&page=2",
    "search": "/customers?q=illfea",
    "search by ID": "/customers?q=cus_7",
    "profile": "/customers?customer=cus_7",
    "visitor": "/customers?person=a%3Av1",
    "most active": "/customers",
    "broken down": "/funnels?funnel=" + quote(json.dumps({"steps": STEPS, **RANGE, "breakdown": "title"})),
    "people": "/funnels?people=reached%3A1&funnel=" + quote(json.dumps({"steps": STEPS, **RANGE})),
    "rejected": "/pipeline?part=rejected",
    "objects": "/pipeline?part=objects",
    "batches": "/pipeline?part=batches",
    "storage": "/pipeline?part=storage",
    "upkeep": "/pipeline?part=upkeep",
    "install": "/install",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    data = tmp_path_factory.mktemp("canary")
    make_canary_lake(data).close()
    hers = {"steps": [{"event": "Read", "filters": [f"email is {EMAIL}"]}, {"event": "Registered"}], **RANGE}
    State(data).funnels.save("Of one reader", hers, NOW)
    with guarding(data, tmp_path_factory.mktemp("secrets")) as found:
        yield found


class Received:
    """Everything that a browser's page has been sent since it was last asked."""

    def __init__(self, page: Page) -> None:
        self._page, self._parts = page, list[object]()
        page.on("websocket", self._listen)
        page.on("response", lambda answer: self._parts.append(answer.url))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self._parts.append(frame))

    def signs(self) -> set[str]:
        """Signs of her in what came, and in what stands on the page."""
        parts, self._parts = [*self._parts, self._page.content()], []
        return set().union(*(told(part.encode() if isinstance(part, str) else part) for part in parts))


# As a link within the app does it: to load all of the page anew takes five seconds of CPU.
GO = "path => { history.pushState(null, '', path); window.dispatchEvent(new PopStateEvent('popstate')); }"


def _look(page: Page, received: Received, path: str) -> set[str]:
    page.evaluate(GO, path)
    page.wait_for_timeout(200)  # until the server has been asked
    expect(page.locator("[data-testid=stMainBlockContainer]")).not_to_be_empty()
    if path.startswith("/?"):
        expect(page.locator(ROWS).first).to_be_visible()
    settle(page)
    page.wait_for_timeout(500)  # what comes after the first run: a skeleton is drawn anew with the answers
    settle(page)
    assert "nobody thought of" not in page.content(), path
    return received.signs()


def _open_everything(page: Page, received: Received) -> set[str]:
    """An event with its raw line, what typing proposes, the filter builder, and the saved funnels."""
    _look(page, received, PLACES["list"])
    page.locator(ROWS).nth(3).click()
    page.get_by_text("Raw: the line as received").click()
    settle(page)
    found = received.signs()
    page.get_by_role("combobox", name="Add a filter").fill("illfea")
    page.wait_for_timeout(1_500)
    settle(page)
    found |= received.signs()
    _look(page, received, PLACES["people"])
    page.get_by_role("button", name=re.compile("Templates & saved")).click()
    settle(page)
    return found | received.signs()


def _downloads(page: Page, tmp_path: Path) -> dict[str, set[str]]:
    """Signs of her in each kind of file that the pages offer."""
    found: dict[str, set[str]] = {}
    page.goto(PLACES["list"])
    settle(page)
    for name in ("CSV", "Parquet", "Excel"):
        page.get_by_role("button", name=re.compile("^Export")).click()
        with page.expect_download() as started:
            page.get_by_role("menuitem", name=re.compile(f"^{name}")).click()
        found[name] = told(_content(started.value.path(), name))
        page.keyboard.press("Escape")
    page.goto(PLACES["people"])
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^CSV of exactly")).click()
    found["people"] = told(started.value.path().read_bytes())
    return found


def _content(path: Path, name: str) -> object:
    if name == "Parquet":
        table = pyarrow.parquet.read_table(path)
        assert table.num_rows
        return table.to_pylist()
    if name == "Excel":
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
        assert len(rows) > 1
        return rows
    text = path.read_bytes()
    assert text.count(b"\n") > 1
    return text


@pytest.fixture(scope="module")
def signed_in_before() -> dict[str, Any]:
    """The cookies of whoever signed in already: to sign in takes as long as most of these tests."""
    return {}


@pytest.fixture
def looking(
    profile: Callable[[], BrowserContext], signed_in_before: dict[str, Any]
) -> Callable[[str], tuple[Page, Received]]:
    def as_(email: str) -> tuple[Page, Received]:
        page = profile().new_page()
        received = Received(page)
        if email in signed_in_before:
            page.context.add_cookies(signed_in_before[email])
            page.goto(PLACES["list"])
            expect(page.locator(ROWS).first).to_be_visible()
            settle(page)
        else:
            sign_in(page, email, PLACES["list"])
            signed_in_before[email] = page.context.cookies()
        return page, received

    return as_


Looking = Callable[[str], tuple[Page, Received]]


def test_a_viewer_receives_no_personal_data_on_any_page(looking: Looking) -> None:
    page, received = looking(VERA)
    assert received.signs() == set()
    assert {name: signs for name, path in PLACES.items() if (signs := _look(page, received, path))} == {}
    assert _open_everything(page, received) == set()


def test_an_analyst_receives_it(looking: Looking) -> None:
    """Else the test above might look in the wrong place."""
    page, received = looking(ANA)
    found = {name: _look(page, received, path) for name, path in PLACES.items()}
    without = {name for name, signs in found.items() if not signs}
    assert without == {"batches", "storage", "upkeep", "install"}
    assert {"zoraida", "quillfeather"} <= _open_everything(page, received)


def test_a_viewer_gets_whole_files_without_it(looking: Looking, tmp_path: Path) -> None:
    page, _ = looking(VERA)
    assert _downloads(page, tmp_path) == {key: set() for key in ("CSV", "Parquet", "Excel", "people")}
    page.goto(PLACES["rejected"])
    settle(page)
    assert page.get_by_role("link", name=re.compile("Export|JSON lines")).count() == 0
    assert page.request.get("/export/rejected.csv").status == 403


def test_an_analyst_gets_files_with_it(looking: Looking, tmp_path: Path) -> None:
    page, _ = looking(ANA)
    assert all(_downloads(page, tmp_path).values())


def test_a_viewer_cannot_find_out_by_asking(looking: Looking) -> None:
    page, _ = looking(VERA)
    for path in (
        f"/?{DAYS}&f=email%20is%20{quote(EMAIL)}",
        f"/?{DAYS}&f=name%20contains%20z",
        f"/?{DAYS}&f=ip%20is_set",
        f"/?{DAYS}&f=properties.first_name%20is%20a",
        "/customers?customer=cus_7&f=email%20is_set",
        "/funnels?funnel=" + quote(json.dumps({"steps": STEPS, **RANGE, "filters": [f"email is {EMAIL}"]})),
        "/funnels?funnel=" + quote(json.dumps({"steps": STEPS, **RANGE, "breakdown": "email"})),
    ):
        page.goto(path)
        expect(page.get_by_text("is personal data, which is hidden from you").first).to_be_visible()
        assert page.locator(ROWS).count() == 0
        assert EMAIL not in page.locator("[data-testid=stMain]").inner_text()


def test_a_viewer_is_not_offered_what_is_hidden(looking: Looking) -> None:
    page, _ = looking(VERA)
    page.get_by_role("button", name=re.compile("^filter_list|^Filter$")).first.click()
    page.get_by_role("combobox", name="Field").click()
    offered = page.get_by_role("option").all_inner_texts()
    assert "Country" in offered
    assert not {"Name", "Email", "IP address", "IP"} & set(offered)


def test_who_becomes_a_viewer_receives_no_more_of_it_from_the_next_click_on(looking: Looking, guarded: Guarded) -> None:
    page, received = looking(ANA)
    assert received.signs()
    guarded.allow(owners=[OLIVIA], viewers=[ANA])
    page.locator(ROWS).nth(3).click()
    expect(page.locator("section.panel")).to_contain_text("•••")
    settle(page)
    received.signs()
    page.locator(ROWS).nth(4).click()
    settle(page)
    assert received.signs() == set()


def test_a_file_in_the_making_is_not_for_who_has_become_a_viewer(looking: Looking, guarded: Guarded) -> None:
    page, _ = looking(ANA)
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_response(re.compile("export/prepare/parquet")) as answer:
        page.route("**/export/prepared/**", lambda route: route.abort())
        page.get_by_role("menuitem", name=re.compile("^Parquet")).click()
    identifier = answer.value.json()["id"]
    assert page.request.get(f"/export/prepared/{identifier}").status == 200
    guarded.allow(owners=[OLIVIA], viewers=[ANA])
    assert page.request.get(f"/export/prepared/{identifier}").status == 410
    assert page.request.get(f"/export/prepared/{identifier}/file").status == 410
