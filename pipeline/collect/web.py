"""The collector over HTTP: its paths, its answers, and who may read them ("What real clients send", docs/wire.md)."""

from __future__ import annotations

import gzip
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.collect import browser, configs
from pipeline.collect.collector import Collector, log
from pipeline.collect.refused import Refused
from pipeline.state import WriteKey

# The long paths and the short ones. What a path does not name, the event's own type says.
_SINGLE = {
    **{name: name for name in ("track", "page", "identify", "screen", "group", "alias")},
    **{"t": "track", "p": "page", "i": "identify", "s": "screen", "g": "group", "a": "alias"},
}
_BATCH = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch")
_TYPES = frozenset(_SINGLE.values())

# Any page may send: a key is asked for, never a cookie. So no answer is anyone's in particular.
_CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After"}
_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-max-age": "86400",
}
_OK = b'{"success": true}'

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(collector: Collector) -> list[BaseRoute]:
    """Every path of the collector, for an application that runs within `collector.running()`."""

    def taking(*, batch: bool, type: str | None = None) -> Endpoint:
        async def take(request: Request) -> Response:
            if request.method == "OPTIONS":
                return preflight(request)
            return await _answer(collector, request, batch=batch, type=type)

        return take

    async def jitsu(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight(request)
        kind = request.path_params["type"]
        return await _answer(collector, request, batch=False, type=kind if kind in _TYPES else None)

    async def rudderstack(request: Request) -> Response:
        return await _config(request, partial(collector.known, request), configs.rudderstack)

    async def segment(request: Request) -> Response:
        known = partial(collector.known, request, request.path_params["key"])
        return await _config(request, known, lambda key: configs.segment(key, collector.address(request)))

    async def ready(request: Request) -> Response:
        problem = collector.problem
        return PlainTextResponse("ready\n" if problem is None else f"{problem}\n", 200 if problem is None else 503)

    async def metrics(request: Request) -> Response:
        return Response(collector.metrics.text(), media_type=collector.metrics.content_type)

    events = ["POST", "OPTIONS"]
    return [
        *(Route(path, taking(batch=True), methods=events) for path in _BATCH),
        *(Route(f"/v1/{name}", taking(batch=False, type=type), methods=events) for name, type in _SINGLE.items()),
        Route("/api/s/s2s/{type}", jitsu, methods=events),
        Route("/api/s/{type}", jitsu, methods=events),
        Route("/sourceConfig", rudderstack, methods=["GET", "OPTIONS"]),
        Route("/sourceConfig/", rudderstack, methods=["GET", "OPTIONS"]),
        Route("/v1/projects/{key}/settings", segment, methods=["GET", "OPTIONS"]),
        Route("/activity.js", _script(browser.script), methods=["GET", "OPTIONS"]),
        Route("/activity.src.js", _script(browser.source), methods=["GET", "OPTIONS"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


async def _answer(collector: Collector, request: Request, *, batch: bool, type: str | None) -> Response:
    began = time.monotonic()
    code: str | None = None
    try:
        await collector.take(request, batch=batch, type=type)
        response = Response(_OK, media_type="application/json", headers=_CORS)
    except Refused as no:
        code = no.code
        response = refusal(no)
    except Exception:
        log.exception("A request failed in a way that nobody thought of")
        code = "collector.failed"
        response = refusal(Refused(500, code, "The collector failed. Send it again.", retry_after=5))
    collector.metrics.answered(response.status_code, code, time.monotonic() - began)
    return response


def refusal(no: Refused) -> Response:
    """`code` and `message`, without which some clients send a 400 again; Retry-After where that is of use."""
    headers = dict(_CORS)
    if no.retry_after is not None:
        headers["retry-after"] = str(no.retry_after)
    if no.status in {408, 413}:
        headers["connection"] = "close"  # the rest of the body is not read
    return JSONResponse({"success": False, "code": no.code, "message": no.message}, no.status, headers)


def preflight(request: Request) -> Response:
    """Whatever header a client's page asks for: what it says is looked at as little as anything of a client's."""
    asked = request.headers.get("access-control-request-headers", "")
    headers = {**_PREFLIGHT, "vary": "Access-Control-Request-Headers"}
    if asked:
        headers["access-control-allow-headers"] = asked
    return Response(status_code=204, headers=headers)


async def _config(
    request: Request, known: Callable[[], Awaitable[WriteKey]], config: Callable[[WriteKey], object]
) -> Response:
    """What a browser SDK needs to know before it sends, for one with a key."""
    if request.method == "OPTIONS":
        return preflight(request)
    try:
        return JSONResponse(config(await known()), headers=_CORS)
    except Refused as no:
        return refusal(no)


def _script(read: Callable[[], bytes]) -> Endpoint:
    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight(request)
        headers = {
            **_CORS,
            "cache-control": "public, max-age=3600",
            "x-content-type-options": "nosniff",
            "vary": "Accept-Encoding",
        }
        text = read()
        if "gzip" in request.headers.get("accept-encoding", ""):
            text, headers["content-encoding"] = _packed(text), "gzip"
        return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)

    return serve


@lru_cache(maxsize=4)
def _packed(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")
