"""The dashboard behind TLS, as SECURITY.md says to set it up, through the real programs."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.access import proxies
from tests.browser.access.conftest import ANA, guarding, sign_in
from tests.browser.conftest import free_port, serving, settle, watch_policy

UNCHECKED = ssl._create_unverified_context()  # the certificate is of the proxy's own making


class Proxy(Protocol):
    def __call__(self, folder: Path, port: int, upstream: int) -> AbstractContextManager[None]: ...


PROXIES: dict[str, Proxy] = {"caddy": proxies.caddy, "nginx": proxies.nginx}


@pytest.fixture(scope="module", params=list(PROXIES))
def name(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if proxies.program(name) is None:
        pytest.skip(f"{name} is not here: apt-get install {proxies.NAMES[name]}")
    return name


@pytest.fixture(scope="module")
def port(name: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the proxy listens, in front of a dashboard that people sign in to."""
    folder, port, upstream = tmp_path_factory.mktemp(name), free_port(), free_port()
    with (
        guarding(data, folder, port=upstream, public=f"https://localhost:{port}"),
        PROXIES[name](folder, port, upstream),
    ):
        yield port


def test_people_sign_in_and_see_events_through_it(browser: Browser, port: int) -> None:
    context = browser.new_context(base_url=f"https://localhost:{port}", ignore_https_errors=True)
    errors: list[str] = []
    page = context.new_page()
    watch_policy(page, errors)
    sign_in(page, ANA, "/?range=30D")
    expect(page.locator("tr[data-row]").first).to_be_visible()
    page.locator("tr[data-row]").nth(2).click()
    settle(page)
    expect(page.locator("section.panel h2")).to_be_visible()
    cookie = next(each for each in context.cookies() if each["name"].startswith("_streamlit_user"))
    assert cookie["secure"], "the sign-in would be sent without TLS, too"
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert not errors
    context.close()


def _get(port: int, path: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
    with closing(http.client.HTTPSConnection("localhost", port, context=UNCHECKED, timeout=20)) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer


def test_browsers_are_told_to_come_by_tls_only(port: int) -> None:
    assert (_get(port, "/").getheader("strict-transport-security") or "").startswith("max-age=")


def test_a_stranger_is_refused_through_it(port: int) -> None:
    assert _get(port, "/export/events.csv").status == 401
    assert _get(port, "/_stcore/metrics").status == 404


def test_a_slow_head_does_not_stay(port: int) -> None:
    with UNCHECKED.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname="localhost") as slow:
        began = time.monotonic()
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        slow.settimeout(30)
        answer = slow.recv(100)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer
        assert time.monotonic() - began < 20


def test_a_large_head_is_refused(port: int) -> None:
    try:
        status = _get(port, "/", {"X-Large": "x" * 200_000}).status
    except (ConnectionError, http.client.RemoteDisconnected, ssl.SSLError):
        return  # ended before it was read
    assert status in {400, 431, 494}


def test_without_sign_in_whatever_a_proxy_forwards_is_refused(name: str, data: Path, tmp_path: Path) -> None:
    port, upstream = free_port(), free_port()
    with serving(data, upstream), PROXIES[name](tmp_path, port, upstream):
        answer = _get(port, "/")
        assert answer.status == 403
