"""What browsers are told where a test's server cannot be: behind TLS, or by a route with a policy of its own."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from pages.parts.headers import HSTS, POLICY, SecurityHeaders


def test_https_is_to_be_kept_to() -> None:
    assert told("https")["strict-transport-security"] == HSTS
    assert "strict-transport-security" not in told("http")


def test_a_policy_that_a_route_has_set_stays() -> None:
    assert told("http")["content-security-policy"] == POLICY
    assert told("http", {"content-security-policy": "its own"})["content-security-policy"] == "its own"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ],
)
def test_every_answer_says_so(name: str, value: str) -> None:
    """Written out, for the tests of a real server compare with what the program itself has."""
    assert told("http")[name] == value


@pytest.mark.parametrize(
    ("directive", "sources"),
    [
        ("default-src", {"'none'"}),
        ("connect-src", {"'self'"}),
        ("base-uri", {"'self'"}),
        ("form-action", {"'self'"}),
        ("frame-ancestors", {"'none'"}),
    ],
)
def test_the_policy_lets_nothing_else_in(directive: str, sources: set[str]) -> None:
    assert set(_policy()[directive]) == sources


def test_only_scripts_of_ours_and_of_streamlit_s_run() -> None:
    """What stands in a page itself runs by its hash alone: never all of it, nor texts made into programs."""
    scripts = _policy()["script-src"]
    assert {"'self'", "blob:"} <= set(scripts)
    assert all(source in {"'self'", "blob:"} or source.startswith("'sha256-") for source in scripts), scripts


def _policy() -> dict[str, list[str]]:
    directives = [part.split() for part in told("http")["content-security-policy"].split(";")]
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize(
    ("scheme", "cookie", "sent"),
    [
        ("https", "a=b; HttpOnly; Path=/", "a=b; HttpOnly; Path=/; Secure"),
        ("https", "a=b; secure; Path=/", "a=b; secure; Path=/"),
        ("http", "a=b; HttpOnly; Path=/", "a=b; HttpOnly; Path=/"),
    ],
)
def test_cookies_go_by_tls_only_where_there_is_tls(scheme: str, cookie: str, sent: str) -> None:
    assert told(scheme, {"set-cookie": cookie})["set-cookie"] == sent


def told(scheme: str, of_the_route: dict[str, str] | None = None) -> dict[str, str]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "scheme": scheme, "path": "/", "method": "GET", "headers": []}
    asyncio.run(SecurityHeaders(PlainTextResponse("here", headers=of_the_route))(scope, receive, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}
