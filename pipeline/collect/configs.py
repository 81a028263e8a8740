"""What other makers' browser SDKs fetch before they send: where to, and that there is nothing else to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from pipeline.collect.peer import is_trusted
from pipeline.settings import Settings
from pipeline.state import WriteKey


def rudderstack(key: WriteKey) -> dict[str, Any]:
    """`GET /sourceConfig/`: a source without destinations, whose events go where the page's code says."""
    silent = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    return {
        "source": {
            "id": key.source,
            "name": key.source,
            "writeKey": key.text,
            "enabled": True,
            "workspaceId": "activity",
            "config": {"statsCollection": silent},
            "destinations": [],
        }
    }


def segment(key: WriteKey, base: str) -> dict[str, Any]:
    """`GET /v1/projects/{key}/settings`: Segment's own destination alone, and it is the collector at `base`."""
    parts = urlsplit(base)
    here = {"apiKey": key.text, "apiHost": f"{parts.netloc}{parts.path}/v1", "protocol": parts.scheme}
    return {
        "integrations": {"Segment.io": here},
        "plan": {},
        "metrics": {"sampleRate": 0},
        "enabledMiddleware": {},
        "remotePlugins": [],
    }


def public_address(request: Request, settings: Settings) -> str:
    """Where the collector is for the one who asks: as configured, else as asked for.

    A proxy that is trusted says whether TLS ends at it.
    """
    if settings.collector_url is not None:
        return settings.collector_url
    scheme = request.url.scheme
    peer = request.client.host if request.client else None
    if is_trusted(peer, settings.trusted_proxies):
        told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        scheme = told if told in {"http", "https"} else scheme
    return f"{scheme}://{request.url.netloc}"
