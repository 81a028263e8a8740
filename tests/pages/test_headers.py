"""What browsers are told where a test's server cannot be: behind TLS, or by a route with a policy of its own."""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import Message

from pages.parts.headers import HSTS, POLICY, SecurityHeaders


def test_https_is_to_be_kept_to() -> None:
    assert told("https")["strict-transport-security"] == HSTS
    assert "strict-transport-security" not in told("http")


def test_a_policy_that_a_route_has_set_stays() -> None:
    assert told("http")["content-security-policy"] == POLICY
    assert told("http", {"content-security-policy": "its own"})["content-security-policy"] == "its own"


def told(scheme: str, of_the_route: dict[str, str] | None = None) -> dict[str, str]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "scheme": scheme, "path": "/", "method": "GET", "headers": []}
    asyncio.run(SecurityHeaders(PlainTextResponse("here", headers=of_the_route))(scope, receive, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}
