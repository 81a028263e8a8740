"""Excel and Parquet: prepared with progress, then downloaded by themselves; cancelled; refused with a reason."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Server, visit
from tests.pages.sample import ORDINARY

pytestmark = pytest.mark.browser
FRANCE = "/?f=country+is+France"
ROWS = len(range(0, ORDINARY, 3))


def _asked(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(server.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_a_file_is_prepared_and_downloads_by_itself(page: Page, server: Server, tmp_path: Path) -> None:
    visit(page, FRANCE)
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_response(re.compile("export/prepare/parquet")) as answer, page.expect_download() as started:
        page.get_by_role("menuitem", name=re.compile("^Parquet")).click()
    target = tmp_path / started.value.suggested_filename
    started.value.save_as(target)
    assert target.suffix == ".parquet"
    table = pq.read_table(target)
    assert table.num_rows == ROWS
    assert set(table["country"].to_pylist()) == {"France"}
    expect(page.get_by_role("status", name="File being prepared")).to_contain_text("The download has begun")
    expect(page.get_by_role("status", name="File being prepared")).to_have_count(0)
    assert _asked(server, f"/export/prepared/{answer.value.json()['id']}")[0] == 410


def test_a_file_in_the_making_shows_its_progress_and_is_cancelled(page: Page, server: Server) -> None:
    """The server is quicker than a reader here, so what it says about its progress stands still."""
    so_far = {"rows": 12_345, "total": 67_890, "ready": False, "problem": ""}

    def unfinished(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(body=json.dumps(so_far), content_type="application/json")
        else:
            route.continue_()

    page.route("**/export/prepared/*", unfinished)
    visit(page, FRANCE)
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_response(re.compile("export/prepare/xlsx")) as answer:
        page.get_by_role("menuitem", name=re.compile("^Excel")).click()
    path = f"/export/prepared/{answer.value.json()['id']}"
    making = page.get_by_role("status", name="File being prepared")
    expect(making).to_contain_text("12,345 of 67,890 rows")
    assert _asked(server, path)[0] == 200
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        making.get_by_role("button", name="Cancel").click()
    expect(making).to_have_count(0)
    assert _asked(server, path)[0] == 410


def test_a_file_that_cannot_be_prepared_says_why(page: Page) -> None:
    page.route("**/export/prepare/*", lambda route: route.fulfill(status=410, body="The data is gone."))
    visit(page, FRANCE)
    page.get_by_role("button", name=re.compile("^Export")).click()
    page.get_by_role("menuitem", name=re.compile("^Excel")).click()
    expect(page.get_by_role("status", name="File being prepared")).to_contain_text("The data is gone.")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/export/prepare/csv", 404, "use parquet or xlsx"),
        ("/export/prepare/xlsx?f=county%20is%20France", 400, "Did you mean 'country'?"),
        ("/export/prepare/xlsx?as_of=999999", 410, "is gone"),
    ],
)
def test_what_cannot_be_prepared_is_refused(server: Server, path: str, status: int, said: str) -> None:
    code, text = _asked(server, path, "POST")
    assert code == status
    assert said in text


@pytest.mark.parametrize(("path", "method"), [("/export/prepare/xlsx", "POST"), ("/export/prepared/x", "DELETE")])
def test_another_sites_page_prepares_nothing(server: Server, path: str, method: str) -> None:
    assert _asked(server, path, method, Origin="https://elsewhere.example")[0] == 403
    assert _asked(server, path, method, Host="dashboard.example")[0] == 403
