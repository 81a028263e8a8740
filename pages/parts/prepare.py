"""Excel and Parquet with progress: start, look, fetch, cancel. The page's Export menu is what calls these.

POST export/prepare/xlsx?VIEW  →  {"id"};  GET export/prepared/ID  →  {"rows", "total", "ready", "problem"};
GET export/prepared/ID/file  →  the file, once;  DELETE export/prepared/ID  cancels.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from urllib.parse import urlsplit

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pages.parts import download
from pages.parts.access.gate import person_of
from pages.parts.access.identity import Person
from pages.parts.deeds import note, told
from pages.parts.jobs import Busy, Job, Jobs
from pages.parts.unexpected import said
from pipeline.errors import ActivityError
from pipeline.questions import activity

_NO_STORE = {"cache-control": "no-store"}
_GONE = "There is no such file: it was fetched, cancelled, or not asked about for too long. Export again.\n"


@lru_cache(maxsize=1)
def jobs() -> Jobs:
    """The files that this process is making."""
    return Jobs()


@asynccontextmanager
async def jobs_kept() -> AsyncIterator[None]:
    """Leaves no file behind: a server that is told to stop does not come past Python's own cleaning up."""
    try:
        yield
    finally:
        if jobs.cache_info().currsize:
            jobs().close()


async def start(request: Request) -> Response:
    suffix = request.path_params["suffix"]
    if suffix not in download.PREPARED:
        return PlainTextResponse(f"{suffix!r} is not prepared: use parquet or xlsx.\n", status_code=404)
    if _from_elsewhere(request):
        return PlainTextResponse("Only this dashboard's own pages may ask for files.\n", status_code=403)
    try:
        identifier = await run_in_threadpool(_start, suffix, download.allowed(request), person_of(request))
    except Busy as error:
        return PlainTextResponse(f"{error}\n", status_code=429)
    except ActivityError as error:
        return PlainTextResponse(f"{said(error)}\n", status_code=download.status(error))
    return JSONResponse({"id": identifier}, status_code=202, headers=_NO_STORE)


def _start(suffix: str, query: str, person: Person) -> str:
    view, snapshot = download.asked(query, person)
    total = activity.count(snapshot, view)
    started = jobs().start(
        partial(download.write, snapshot, view, suffix),
        name=download.file_name(view, suffix),
        media_type=download.TYPES[suffix],
        total=total,
        owner=_owner(person),
    )
    note(person, "export", f"{suffix}: {told(view)}", rows=total)
    return started


def _owner(person: Person) -> str:
    """Whose file it is: of one sign-in, and of what it may see; after a change of roles it is nobody's."""
    return f"{person.role.name} {person.session}"


def _job(request: Request) -> Job | None:
    """The file asked about, for whoever asked for it."""
    return jobs().look(request.path_params["id"], _owner(person_of(request)))


async def look(request: Request) -> Response:
    job = _job(request)
    if job is None:
        return PlainTextResponse(_GONE, status_code=410)
    told = {"rows": job.rows, "total": job.total, "ready": job.ready, "problem": job.problem}
    return JSONResponse(told, headers=_NO_STORE)


async def fetch(request: Request) -> Response:
    job = _job(request)
    if job is None or not job.ready:
        return PlainTextResponse(_GONE, status_code=410)
    headers = {"content-disposition": f'attachment; filename="{job.name}"', **_NO_STORE, **download.AS_IS}
    after = BackgroundTask(jobs().drop, request.path_params["id"])
    return FileResponse(job.path, media_type=job.media_type, headers=headers, background=after)


async def cancel(request: Request) -> Response:
    if _from_elsewhere(request):
        return PlainTextResponse("Only this dashboard's own pages may cancel files.\n", status_code=403)
    if _job(request) is not None:
        jobs().drop(request.path_params["id"])
    return Response(status_code=204)


def _from_elsewhere(request: Request) -> bool:
    """Whether another site's page sent this: a browser says where such a request comes from."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


ROUTES = [
    Route("/export/prepare/{suffix}", start, methods=["POST"]),
    Route("/export/prepared/{id}", look, methods=["GET"]),
    Route("/export/prepared/{id}", cancel, methods=["DELETE"]),
    Route("/export/prepared/{id}/file", fetch, methods=["GET"]),
]
