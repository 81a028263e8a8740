"""How much, and how slowly, somebody may send: no page of ours needs more than a short head and hardly any body.

The collector, which has bounds of its own, is let through. A head that comes slowly never reaches this; the proxy in
front ends it (SECURITY.md), and nobody else but this machine can send one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.parts.access.gate import Beside
from pages.parts.unexpected import noted

HEAD_BYTES = 32_768
MOST_HEADERS = 100
BODY_BYTES = 65_536
BODY_SECONDS = 10.0


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Limits:
    """ASGI middleware around all of the dashboard's own routes; also says, and notes, what nobody thought of."""

    def __init__(self, app: ASGIApp, beside: Beside) -> None:
        self._app, self._beside = app, beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._beside.has(scope["path"]):
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            _look_at_head(scope)
            await self._app(scope, _Body(receive), sent)
        except _Refused as error:
            status, why = error.status, error.why
        except Exception as error:
            status, why = 500, noted(error)
            if begun:  # half a file must not look like a whole one
                raise RuntimeError(why) from None
        else:
            return
        if not begun:
            headers = {"cache-control": "no-store", "connection": "close"}
            await PlainTextResponse(f"{why}\n", status_code=status, headers=headers)(scope, receive, send)


def _look_at_head(scope: Scope) -> None:
    """Raises `_Refused`."""
    address = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if address > HEAD_BYTES:
        raise _Refused(414, "The address is too long.")
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    sizes = [len(name) + len(value) for name, value in pairs]
    if len(sizes) > MOST_HEADERS or sum(sizes) > HEAD_BYTES:
        raise _Refused(431, "The request's headers are too large.")
    told = Headers(scope=scope).get("content-length", "0")
    if not (told.isascii() and told.isdigit()) or int(told) > BODY_BYTES:
        raise _Refused(413, f"Nothing here takes more than {BODY_BYTES:,} bytes.")


class _Body:
    """Hands on what comes of a body while it is small and comes soon."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._size, self._ended = receive, 0, False
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Message:
        if self._ended:  # only that the reader has left can come now
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise _Refused(408, "The request's body came too slowly.") from None
        self._size += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._size > BODY_BYTES:
            raise _Refused(413, f"Nothing here takes more than {BODY_BYTES:,} bytes.")
        return message
