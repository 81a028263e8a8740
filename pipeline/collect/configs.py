"""What other makers' browser SDKs fetch before they send: where to, and that there is nothing else to do."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from pipeline.collect.keyring import key_text


def rudderstack(request: Request) -> dict[str, Any]:
    """`GET /sourceConfig/`: a source without destinations, whose events go where the page's code says."""
    return {
        "source": {
            "id": "activity",
            "name": "Customers Activity",
            "writeKey": key_text(request) or "",
            "enabled": True,
            "workspaceId": "activity",
            "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
            "connections": [],
            "destinations": [],
        }
    }


def segment(request: Request) -> dict[str, Any]:
    """`GET /v1/projects/{key}/settings`: Segment's own destination alone, and it is this collector."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": request.path_params["key"],
                "apiHost": f"{request.url.netloc}/v1",
                "protocol": request.url.scheme,
            }
        },
        "plan": {"track": {"__default": {"enabled": True}}},
        "metrics": {"sampleRate": 0},
    }
