"""What browsers are told where a test's server cannot be: behind TLS, and on the demo's own site."""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import Message

from pages.parts.headers import HSTS, SecurityHeaders


def test_https_is_to_be_kept_to_and_the_demos_site_has_scripts_of_its_own() -> None:
    assert told_by_the_middleware("https", "/")["strict-transport-security"] == HSTS
    assert "content-security-policy" not in told_by_the_middleware("http", "/demo-site/")


def told_by_the_middleware(scheme: str, path: str) -> dict[str, str]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "scheme": scheme, "path": path, "method": "GET", "headers": []}
    asyncio.run(SecurityHeaders(PlainTextResponse("here"))(scope, receive, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}
