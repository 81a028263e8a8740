"""What our routes answer, behind the gate, asked as a server asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Message

from pages.parts.access.gate import Gate
from pipeline.mounted import NOTHING


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


def answer(routes: Sequence[BaseRoute], address: str, around: Any = None, **arguments: Any) -> Answer:
    """`around` is middleware between the gate and the routes, made with the `arguments`."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)  # the reader stays
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
    }
    gate = Middleware(Gate, pages=(), beside=NOTHING)
    more = [Middleware(around, **arguments)] if around else []
    asyncio.run(Starlette(routes=routes, middleware=[gate, *more])(scope, receive, send))
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]).decode())
