"""What `make run` serves beside the dashboard, on its port: the collector, and the demo's news site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pipeline import settings as configuration
from pipeline.collect import Collector, routes
from pipeline.demo.website import routes as website
from pipeline.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Mounted:
    """Routes, and what must run while they are served."""

    routes: list[BaseRoute]
    running: Callable[[], AbstractAsyncContextManager[None]]

    def has(self, path: str) -> bool:
        """Whether one of the routes has this very path."""
        for route in self.routes:
            if isinstance(route, Mount) and path.startswith(f"{route.path}/"):
                return True
            if isinstance(route, Route) and route.path_regex.match(path):
                return True
        return False


def mounted() -> Mounted:
    """What the settings ask for; nothing when they cannot be read, which every page then says."""
    try:
        settings = configuration.load()
    except SettingsError:
        return NOTHING
    if not settings.mount_collector:
        return NOTHING
    collector = Collector(settings)
    site = Mount("/demo-site", routes=website(settings))
    beside = [*routes(collector), Route("/demo-site", _with_slash), site]
    return Mounted(beside, collector.running)


async def _with_slash(_request: Request) -> Response:
    """The site's own links are relative to its folder."""
    return RedirectResponse("/demo-site/")


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


NOTHING = Mounted([], _nothing)
