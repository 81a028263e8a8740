"""The website's routes, to be mounted anywhere: every link is made from where it is mounted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.demo import keys
from pipeline.demo.plan import Plan
from pipeline.demo.site import SECTIONS, Site
from pipeline.demo.website import html
from pipeline.settings import Settings
from pipeline.snippet import snippet
from pipeline.state import State

ASSETS = Path(__file__).parent / "assets"
_DAYS = 21  # of articles that can be opened
# Scripts stand in its pages, as a site's own do: not the dashboard's policy, where it is mounted beside that.
_PAGE = {"cache-control": "no-cache", "content-security-policy": "frame-ancestors 'none'"}
_GONE = "There is no demo here any more. Make one: python -m pipeline demo\n"


def routes(settings: Settings) -> Sequence[BaseRoute]:
    """The pages, for a `Mount`. They answer 404 while there is no demo in the data folder."""
    website = _Website(settings)
    return [
        Route("/", website.front),
        Route("/{name:str}.css", website.asset),
        Route("/{name:str}.js", website.asset),
        Route("/{section:str}", website.section),
        Route("/{section:str}/{slug:str}", website.article),
    ]


class _Website:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._site = lru_cache(maxsize=1)(Site)
        # Opened with the first page, for there may be no data folder before.
        self._state = lru_cache(maxsize=1)(lambda: State(settings.data))

    def front(self, request: Request) -> Response:
        return self._answer(request, html.front)

    def section(self, request: Request) -> Response:
        name = request.path_params["section"]
        return self._answer(request, lambda edition: html.section(edition, name) if name in SECTIONS else None)

    def article(self, request: Request) -> Response:
        path = f"/{request.path_params['section']}/{request.path_params['slug']}"
        return self._answer(request, lambda edition: html.article(edition, path))

    def asset(self, request: Request) -> Response:
        path = ASSETS / request.url.path.rpartition("/")[2]
        if path.name not in {"site.css", "site.js"}:
            return PlainTextResponse("There is no such file.\n", status_code=404)
        return FileResponse(path, headers={"cache-control": "no-cache"})

    def _answer(self, request: Request, page: html.Page) -> Response:
        plan = Plan.read(self._settings.data)
        if plan is None:
            return PlainTextResponse(_GONE, status_code=404)
        now_ms = int(time.time() * 1000)
        edition = html.Edition(
            base=request.scope.get("root_path", "").rstrip("/"),
            at=datetime.fromtimestamp(now_ms / 1000, UTC),
            articles=tuple(self._site(plan.seed).published(now_ms, _DAYS)),
            snippet=snippet(self._collector(request), keys.browser_key(self._state())),
        )
        body = page(edition)
        if body is None:
            return HTMLResponse(html.missing(edition), status_code=404, headers=_PAGE)
        return HTMLResponse(body, headers=_PAGE)

    def _collector(self, request: Request) -> str:
        return self._settings.collector_url or f"{request.url.scheme}://{request.url.netloc}"
