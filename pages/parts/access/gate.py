"""The one door: ASGI middleware around everything, web sockets included.

Without sign-in, only this machine is answered. With it, whoever is on the allow-list; what anybody is given is what a
browser needs to show the sign-in, and what the collector and the demo's site answer with keys of their own. All other
routes, those not thought of included, ask for a person first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_origin_from_redirect_uri

from pages.parts.access.identity import THIS_MACHINE, NotAdmitted, Person, admit, claims_of, end
from pages.parts.access.loopback import refusal
from pages.parts.access.roles import AllowList, allow_list
from pipeline.errors import ActivityError, SettingsError

_STREAM = "/_stcore/stream"  # a page's web socket; what is drawn through it asks for itself: pages.parts.access.session
_HEALTH = "/_stcore/health"
_FIGURES = "/metrics"  # the collector's, for whoever watches it from this machine
_OPEN = (_HEALTH, "/_stcore/host-config", "/_stcore/script-health-check", "/oauth2callback")
_SIGN_OUT = "/auth/logout"
_OPEN_BELOW = ("/static/", "/assets/", "/auth/", "/_stcore/bidi-components/")
PERSON = "activity_person"  # in the scope of a request that somebody known makes


class Beside(Protocol):
    """Routes on the same port that are no part of the dashboard."""

    def has(self, path: str) -> bool: ...


def person_of(request: Request) -> Person:
    """Who asks, as the gate found; for our routes."""
    found: Person = request.scope[PERSON]
    return found


class Gate:
    """`pages` are the pages' paths, under each of which Streamlit answers its own routes as well; the routes of
    `beside` check for themselves who may use them."""

    def __init__(self, app: ASGIApp, pages: Collection[str], beside: Beside) -> None:
        self._app = app
        self._pages = frozenset(pages)
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            status, why = await run_in_threadpool(self._checked, scope)
        except NotAdmitted as error:
            status, why = 403 if error.signed_in else 401, str(error)
        except ActivityError as error:
            status, why = 503, str(error)
        if why is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            headers = {"cache-control": "no-store"}
            await PlainTextResponse(f"{why}\n", status_code=status, headers=headers)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})

    def _checked(self, scope: Scope) -> tuple[int, str | None]:
        """Status and reason of a refusal; no reason when it is answered. Raises `NotAdmitted`."""
        headers, client, beside = Headers(scope=scope), scope.get("client"), self._beside.has(scope["path"])
        from_elsewhere = refusal(headers, client[0] if client else None)
        try:
            allowed = allow_list()
        except SettingsError:
            if not beside:  # events come in whatever is wrong with a list of people
                raise
            allowed = AllowList({})
        if allowed is None:
            scope[PERSON] = THIS_MACHINE
            return 403, from_elsewhere
        if scope["path"] == _FIGURES and from_elsewhere:
            return 404, "Not found."
        if beside or scope["path"] == _HEALTH:  # it is asked by what watches this process, at whatever name
            return 200, None
        expected = urlsplit(get_origin_from_redirect_uri() or "").netloc
        if headers.getlist("host") != [expected]:
            return 421, "This dashboard has another address: the one in redirect_uri, in secrets.toml."
        if scope["path"] == _SIGN_OUT:
            end(claims_of(headers.get("cookie", "")))
        elif not self._is_open(scope["path"]):
            scope[PERSON] = admit(claims_of(headers.get("cookie", "")), allowed)
        return 200, None

    def _is_open(self, path: str) -> bool:
        bare = path.rstrip("/")
        if bare in self._pages or not bare:
            return True
        for page in self._pages:  # Streamlit answers `/funnels/_stcore/…`, too
            path = path.removeprefix(page) if path.startswith(f"{page}/") else path
        return path in {*_OPEN, _STREAM} or path.startswith(_OPEN_BELOW)
