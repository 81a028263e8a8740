"""What browsers are told of every answer of a real server; that the pages run under it, the `page` fixture holds."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from pages.parts.headers import HEADERS
from tests.browser.conftest import Server


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, told


@pytest.mark.parametrize(
    "path", ["/", "/funnels", "/export/events.csv?range=7D", "/assets/favicon.svg", "/_stcore/health", "/no/such"]
)
def test_every_answer_has_them(server: Server, path: str) -> None:
    _, told = ask(server, path)
    assert HEADERS.items() <= told.items()
    assert "strict-transport-security" not in told


@pytest.mark.parametrize("path", ["events.csv?range=7D", "events.xlsx?range=7D", "rejected.csv", "events.csv?x=1"])
def test_nothing_keeps_a_file_nor_what_is_said_instead(server: Server, path: str) -> None:
    assert ask(server, f"/export/{path}")[1]["cache-control"] == "no-store"


def test_a_refusal_has_them_too(server: Server) -> None:
    status, told = ask(server, "/", Host="evil.example")
    assert status == 403
    assert HEADERS.items() <= told.items()


@pytest.mark.parametrize("before", ["", "/funnels"])
@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/upload_file/session/file",
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp/",
    ],
)
def test_what_nobody_needs_is_closed(server: Server, before: str, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        assert ask(server, before + path, method)[0] == 404
