"""A site, its collector and a reader of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import find
from tests.browser.activity_js.reader import Reader
from tests.browser.activity_js.reading import Collecting, collecting


@pytest.fixture(scope="package")
def chromium(browser: Browser) -> Iterator[Browser]:
    """A browser that finds *.test here, and keeps pages for the Back button, which Playwright's own does not."""
    opened = browser.browser_type.launch(
        executable_path=find.browser(),
        args=[*find.ARGUMENTS, "--host-resolver-rules=MAP *.test 127.0.0.1"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield opened
    opened.close()


@pytest.fixture
def collector() -> Iterator[Collecting]:
    with collecting() as running:
        yield running


@pytest.fixture
def reader(chromium: Browser) -> Iterator[Reader]:
    read = Reader(chromium.new_context())
    yield read
    read.context.close()
    assert not read.errors, "the script threw into the page"


@pytest.fixture
def tab(reader: Reader) -> Page:
    return reader.tab()
