"""Whoever signs in is led back to the page they came for, and never to anybody else's."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pages.parts.access.wanted import CALLBACK, Wanted

PAGES = ("/funnels", "/customers")


async def _streamlit(scope: Scope, receive: Receive, send: Send) -> None:
    answer: Response = RedirectResponse("/") if scope["path"] == CALLBACK else PlainTextResponse("a page")
    await answer(scope, receive, send)


def _asked(path: str, query: str = "", cookie: str = "") -> Headers:
    """The head of the answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"cookie", cookie.encode("latin-1"))] if cookie else []
    scope = {"type": "http", "path": path, "method": "GET", "query_string": query.encode(), "headers": headers}
    asyncio.run(Wanted(_streamlit, PAGES)(scope, receive, send))
    return Headers(raw=sent[0]["headers"])


def _led_to(wanted: str) -> str:
    return _asked(CALLBACK, cookie=f"activity_wanted={wanted}")["location"]


@pytest.mark.parametrize(("path", "query"), [("/", "range=30D&f=country%20is%20Germany"), ("/funnels", "")])
def test_whoever_signs_in_is_where_they_wanted_to_be(path: str, query: str) -> None:
    kept = _asked(path, query)["set-cookie"].partition(";")[0].partition("=")[2]
    assert _led_to(kept) == (f"{path}?{query}" if query else path)


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/evil",
            "javascript:alert(1)",
        ),
        *(
            "/\n\rX: 1",
            "/funnels\r\nX: 1",
            "/\t/evil.example",
            "/fünnels",
            "funnels",
            "",
            "?range=30D",
            "/funnels/../evil",
        ),
        *("https:/funnels", "///evil.example", "//evil.example/funnels", "/%2F/evil.example"),
    ],
)
def test_nobody_is_led_elsewhere(wanted: str) -> None:
    assert _led_to(quote(wanted, safe="")) == "/"


def test_what_is_too_long_for_a_cookie_is_not_kept() -> None:
    assert "set-cookie" not in _asked("/", "f=" + "a" * 4_000)


def test_only_pages_are_remembered() -> None:
    assert "set-cookie" not in _asked("/static/main.js", "v=1")
    assert "set-cookie" not in _asked("/")
