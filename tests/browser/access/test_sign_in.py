"""Sign-in against a real provider: who comes in, who does not, and who is out at the next click."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.access.conftest import ANA, OLIVIA, VERA, Guarded, sign_in
from tests.browser.conftest import settle

ROWS = "tr[data-row]"
PAGES = ("/", "/funnels", "/customers", "/pipeline", "/install")
SignedIn = Callable[..., Page]


def _export(page: Page) -> str:
    """The address of the view's CSV, as the page gives it to whoever looks at it."""
    link = page.get_by_role("menuitem", name="CSV")
    if link.count() == 0:
        page.get_by_role("button", name="Export").click()
    return str(link.evaluate("element => element.href"))


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_sees_the_way_in_and_nothing_else(profile: Callable[[], BrowserContext], path: str) -> None:
    page = profile().new_page()
    page.goto(path)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    settle(page)
    assert page.locator(ROWS).count() == 0
    assert "example.com" not in page.locator("[data-testid=stMain]").inner_text()


def test_who_is_on_the_list_comes_in_and_can_leave(signed_in: SignedIn) -> None:
    page = signed_in(ANA)
    expect(page.locator(ROWS).first).to_be_visible()
    page.get_by_role("button", name="account_circle").click()
    expect(page.get_by_text(ANA)).to_be_visible()
    expect(page.get_by_text("Analyst: sees and exports personal data")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()  # of the provider
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.locator(ROWS).count() == 0


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("eve@elsewhere.example", "may not see this dashboard"),
        ("ana@example.com.evil.example", "may not see this dashboard"),
        ("ana+unconfirmed@viewers.example", "is not confirmed"),
    ],
)
def test_a_wrong_account_is_refused(signed_in: SignedIn, email: str, said: str) -> None:
    page = signed_in(email)
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("button", name="Use another account")).to_be_visible()
    assert page.locator(ROWS).count() == 0
    assert page.request.get("/export/events.csv?range=14D").status == 403


def test_who_is_taken_off_is_out_at_the_next_click_and_the_next_export(signed_in: SignedIn, guarded: Guarded) -> None:
    page = signed_in(ANA)
    address = _export(page)
    assert page.request.get(address).status == 200
    guarded.allow(owners=[OLIVIA])
    assert page.request.get(address).status == 403
    page.locator(ROWS).nth(3).click()
    expect(page.get_by_text("may not see this dashboard")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(0)


def test_whoever_is_taken_off_and_does_nothing_sees_nothing_soon_either(signed_in: SignedIn, guarded: Guarded) -> None:
    page = signed_in(ANA)
    expect(page.locator(ROWS).first).to_be_visible()
    guarded.allow(owners=[OLIVIA])
    expect(page.locator(ROWS)).to_have_count(0)


def test_a_copied_link_does_nothing_for_somebody_else(
    signed_in: SignedIn, profile: Callable[[], BrowserContext]
) -> None:
    page = signed_in(ANA)
    address = _export(page)
    assert page.request.get(address).status == 200
    assert page.request.get(address.replace("from=20", "from=19")).status == 403
    other = signed_in(OLIVIA)
    assert other.request.get(address).status == 403
    assert profile().request.get(address).status == 401
    page.context.clear_cookies()
    assert page.request.get(address).status == 401
    again = page
    sign_in(again, ANA)
    assert again.request.get(address).status == 403, "another sign-in of the same person"


def test_a_shared_link_is_where_one_is_after_signing_in(signed_in: SignedIn) -> None:
    page = signed_in(ANA, "/?range=30D&f=country%20is%20Germany")
    expect(page.get_by_text("Country is Germany").first).to_be_visible()
    assert "range=30D" in page.url


def test_nobody_is_led_elsewhere(profile: Callable[[], BrowserContext], guarded: Guarded) -> None:
    page = profile().new_page()
    page.context.add_cookies([{"name": "activity_wanted", "value": "%2F%2Fevil.example", "url": guarded.server.url}])
    sign_in(page, ANA)
    assert page.url == f"{guarded.server.url}/"


def test_what_only_owners_may(signed_in: SignedIn) -> None:
    page = signed_in(ANA)
    page.goto("/install")
    expect(page.get_by_text("Only owners make keys")).to_be_visible()
    expect(page.get_by_role("button", name="Make the key")).to_have_count(0)
    owner = signed_in(OLIVIA)
    for somebody, number in ((page, 0), (owner, 1)):
        somebody.goto("/customers?customer=cus_004")
        expect(somebody.get_by_role("button", name="Export")).to_be_visible()
        settle(somebody)
        expect(somebody.get_by_role("button", name="Erase")).to_have_count(number)
    owner.goto("/install")
    expect(owner.get_by_role("button", name="Make the key")).to_be_visible()


def _status(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/funnels", {}, 200),
        ("/_stcore/health", {}, 200),
        ("/export/events.csv", {}, 401),
        ("/export/events.xlsx", {}, 401),
        ("/export/people.csv", {}, 401),
        ("/export/rejected.jsonl", {}, 401),
        ("/export/prepared/anything", {}, 401),
        ("/export/prepared/anything/file", {}, 401),
        ("/funnels/export/events.csv", {}, 401),
        ("//export/events.csv", {}, 401),
        ("/assets/../export/events.csv", {}, 400),
        ("/static/..%2fexport/events.csv", {}, 400),
        ("/media/anything", {}, 401),
        ("/app/static/anything", {}, 401),
        ("/anything", {}, 401),
        ("/_stcore/metrics", {}, 404),
        ("/_stcore/upload_file/a/b", {}, 404),
        ("/export/events.csv", {"Cookie": "_streamlit_user=forged"}, 401),
        ("/export/events.csv", {"Cookie": '_streamlit_user={"is_logged_in":true,"email":"ana@example.com"}'}, 401),
        ("/export/events.csv", {"Cookie": "_streamlit_user=chunks-9"}, 401),
        ("/", {"Host": "evil.example"}, 421),
        ("/", {"Host": "evil.example", "X-Forwarded-Host": "localhost"}, 421),
        ("/export/events.csv", {"X-Streamlit-User": "ana@example.com"}, 401),
    ],
)
def test_what_a_stranger_is_answered(guarded: Guarded, path: str, headers: dict[str, str], status: int) -> None:
    assert _status(guarded.server.url + path, **headers) == status


def test_a_viewer_comes_in(signed_in: SignedIn) -> None:
    page = signed_in(VERA)
    expect(page.locator(ROWS).first).to_be_visible()


def test_the_audit_log_says_who_did_what_and_names_no_customer(signed_in: SignedIn) -> None:
    page = signed_in(ANA, "/?range=30D&f=customer_id%20is%20cus_secret")
    assert page.request.get(_export(page)).status == 200
    page.goto("/audit")
    expect(page.get_by_text("Only owners see who did what")).to_be_visible()
    owner = signed_in(OLIVIA, "/audit")
    log = owner.get_by_role("table", name="Audit log")
    expect(log).to_contain_text("Sign-in")
    expect(log).to_contain_text(ANA)
    expect(log).to_contain_text("csv: ")
    expect(log).to_contain_text("Customer ID is #")
    expect(log).not_to_contain_text("cus_secret")
