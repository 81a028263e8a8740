"""Where somebody wanted to go before they had to sign in: Streamlit leads back to `/`, and a shared link would be lost.

The address is kept in a cookie of this browser for as long as signing in takes, and followed only to a page of ours.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.parts.access.gate import PERSON

CALLBACK = "/oauth2callback"
_COOKIE = "activity_wanted"
_SECONDS = 600
_LONGEST = 3000  # of a browser's 4096 bytes for a cookie


class Wanted:
    """ASGI middleware behind the gate; `pages` are the paths that may be gone back to."""

    def __init__(self, app: ASGIApp, pages: Collection[str]) -> None:
        self._app = app
        self._pages = frozenset({"/", *pages})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or PERSON in scope:
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._change(scope, message)
            await send(message)

        await self._app(scope, receive, sent)

    def _change(self, scope: Scope, message: Message) -> None:
        headers, path = MutableHeaders(scope=message), scope["path"]
        query = scope["query_string"].decode("latin-1")
        if path == CALLBACK and headers.get("location") == "/":
            headers["location"] = self._kept(scope) or "/"
            _set(headers, "", 0)
        elif path in self._pages and (query or path != "/"):
            address = f"{path}?{query}" if query else path
            if len(quoted := quote(address, safe="")) <= _LONGEST:
                _set(headers, quoted, _SECONDS)

    def _kept(self, scope: Scope) -> str | None:
        """The address in the cookie, when it is one of ours: a path of a page and a query, nothing before it."""
        jar = cookie_parser(Headers(scope=scope).get("cookie", ""))
        address = unquote(jar.get(_COOKIE, ""))
        parts = urlsplit(address)
        odd = parts.scheme or parts.netloc or not address.isascii() or not address.isprintable() or "\\" in address
        return None if odd or parts.path not in self._pages else address


def _set(headers: MutableHeaders, value: str, seconds: int) -> None:
    made = Response()
    made.set_cookie(_COOKIE, value, max_age=seconds, path="/", httponly=True, samesite="lax")
    headers.append("set-cookie", made.headers["set-cookie"])
