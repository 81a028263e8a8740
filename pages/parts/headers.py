"""What browsers are told of every answer, and which of Streamlit's own routes are closed.

The policy is one that the pages really run under: our components are scripts that Streamlit loads from `blob:`
addresses, and styles are set by scripts. Nothing is asked of another host, nothing frames a page, and what an event
carried, should it ever reach a page as more than text, has no script to run.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _streamlits_own() -> str:
    """Hashes of the scripts that stand in Streamlit's page itself (one line, of the version that is installed)."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' blob: {_streamlits_own()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": POLICY,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        # A view's address may name a customer: no other site is told where a link was followed from.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
)
HSTS = "max-age=31536000"
# Figures of the process, files from readers, driving a page without a browser: nobody needs them here.
_FILES = "/export/"
CLOSED = ("/_stcore/metrics", "/_stcore/upload_file", "/_stcore/agent")


class SecurityHeaders:
    """ASGI middleware around everything. A header that a route has set itself stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if _FILES in scope["path"]:
                    headers.setdefault("cache-control", "no-store")  # what is said instead of a file, too
                if scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", HSTS)
                    message["headers"] = [_by_tls_only(*pair) for pair in message["headers"]]
            await send(message)

        # By their last part as well: Streamlit also answers `/funnels/_stcore/…`.
        closed = any(f"{route}/" in f"{scope['path']}/" for route in CLOSED)
        app: ASGIApp = PlainTextResponse("Not found.\n", status_code=404) if closed else self._app
        await app(scope, receive, with_headers)


def _by_tls_only(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A cookie that no browser sends without TLS: Streamlit's do not say so themselves."""
    plain = name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return name, value + b"; Secure" if plain else value
