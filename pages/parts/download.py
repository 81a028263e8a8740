"""Exports: the files' own route, streaming with flat memory, and the links to it.

A route rather than `st.download_button`, which would hold the whole file in memory before the first byte.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pages.parts import answers as events
from pages.parts.access.gate import person_of
from pages.parts.access.identity import NotAdmitted, Person
from pages.parts.access.links import signed, unsigned
from pages.parts.access.session import person
from pages.parts.deeds import note, told
from pages.parts.funnels import answers
from pages.parts.funnels.address import Behind, behind_of, canonical, listed, parse, pinned
from pages.parts.installed import installation
from pages.parts.serving import clock, snapshot_for
from pages.parts.unexpected import said
from pages.parts.words import first_and_last
from pipeline.errors import ActivityError, LakeError, QuestionError, SnapshotGone
from pipeline.lake import Snapshot
from pipeline.questions import export, workbook
from pipeline.questions.export import Progress
from pipeline.questions.funnel import Funnel, people_csv
from pipeline.questions.view import View

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Streamlit would gzip what has no encoding, on the event loop that every page shares; on one machine it saves nothing.
AS_IS = {"content-encoding": "identity"}
FORMATS = {
    "csv": ("CSV", "Opens anywhere; times in UTC and your zone"),
    "parquet": ("Parquet", "Typed, for analysis tools"),
    "xlsx": ("Excel", "For spreadsheets; texts stay texts"),
}
PREPARED = ("parquet", "xlsx")  # written whole before they can be sent


def path(view: View, snapshot: Snapshot, suffix: str) -> str:
    """The address of the view's file, pinned to the snapshot that the page shows, for whoever looks at the page."""
    return signed(f"export/events.{suffix}?{_pinned(view, snapshot)}", person())


def preparation(view: View, snapshot: Snapshot, suffix: str) -> str | None:
    """Where to ask for that file when it takes preparing, with progress; None when it streams."""
    address = f"export/prepare/{suffix}?{_pinned(view, snapshot)}"
    return signed(address, person()) if suffix in PREPARED else None


def _pinned(view: View, snapshot: Snapshot) -> str:
    return view.scope().with_(as_of=snapshot.version).query()


def file_name(view: View, suffix: str) -> str:
    """`events_2026-11-10_2026-11-23.csv`: first and last day."""
    first, last = first_and_last(view)
    return f"events_{first.isoformat()}_{last.isoformat()}.{suffix}"


async def serve(request: Request) -> Response:
    """Answer with the whole view. What cannot be answered is said before the first byte, with a fitting status."""
    suffix = request.path_params["suffix"]
    if suffix not in TYPES:
        return PlainTextResponse(f"There is no format {suffix!r}: use csv, parquet or xlsx.\n", status_code=404)
    try:
        view, snapshot = await run_in_threadpool(_asked_noted, request, suffix)
        name = file_name(view, suffix)
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store", **AS_IS}
        if suffix == "csv":
            chunks = export.csv(snapshot, view)
            first = await run_in_threadpool(next, chunks, b"")
            return StreamingResponse(streamed(first, chunks), media_type=TYPES[suffix], headers=headers)
        spooled = await run_in_threadpool(_spooled, snapshot, view, suffix)
    except ActivityError as error:
        return PlainTextResponse(f"{said(error)}\n", status_code=status(error))
    return FileResponse(spooled, media_type=TYPES[suffix], headers=headers, background=BackgroundTask(spooled.unlink))


def allowed(request: Request) -> str:
    """The query of a request that comes from the one whom its link was made for. Raises `NotAdmitted`."""
    return unsigned(request.url.path, request.url.query, person_of(request))


def _asked_noted(request: Request, suffix: str) -> tuple[View, Snapshot]:
    who = person_of(request)
    view, snapshot = asked(allowed(request), who)
    rows = events.count(snapshot, view)
    note(who, "export", f"{suffix}: {told(view)}", rows=rows)
    return view, snapshot


def asked(query: str, who: Person) -> tuple[View, Snapshot]:
    """The view that an address asks for, and the snapshot it is pinned to, else the current one, as that person may
    see it."""
    view = View.parse(query, now=clock(), zone=installation().settings.zone)
    return view, snapshot_for(who, view.as_of)


async def streamed(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, each made in a worker thread so that other pages stay responsive; stops when the reader leaves."""
    try:
        chunk = first
        while chunk:
            yield chunk
            chunk = await run_in_threadpool(next, rest, b"")
    finally:
        close = getattr(rest, "close", None)
        if close is not None:
            close()


def _spooled(snapshot: Snapshot, view: View, suffix: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="events-", suffix=f".{suffix}")
    os.close(handle)
    target = Path(name)
    try:
        write(snapshot, view, suffix, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def write(snapshot: Snapshot, view: View, suffix: str, target: Path, progress: Progress | None = None) -> None:
    """Write the view to a file of a format in `PREPARED`."""
    if suffix == "parquet":
        export.parquet(snapshot, view, target, progress)
    else:
        workbook.xlsx(snapshot, view, target, progress)


def status(error: ActivityError) -> int:
    """The HTTP status that says the same as the error."""
    if isinstance(error, NotAdmitted):
        return 403
    if isinstance(error, QuestionError):
        return 400
    if isinstance(error, SnapshotGone):
        return 410
    return 503 if isinstance(error, LakeError) else 500


def people_path(funnel: Funnel, behind: Behind, version: int) -> str:
    """The address of the file of a funnel's people, pinned as the page is."""
    pairs = [("funnel", canonical(pinned(funnel))), ("as_of", str(version)), *listed(replace(behind, side=1, page=1))]
    return signed(f"export/people.csv?{urlencode(pairs, quote_via=quote, safe='')}", person())


def people_name(behind: Behind) -> str:
    return f"people_{behind.text().replace(':', '_')}.csv"


async def serve_people(request: Request) -> Response:
    """Answer with everybody in a group of a funnel, the same people as the page counts and lists."""
    try:
        chunks, name = await run_in_threadpool(_people_asked, request)
    except ActivityError as error:
        return PlainTextResponse(f"{said(error)}\n", status_code=status(error))
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store", **AS_IS}
    return StreamingResponse(streamed(next(chunks), chunks), media_type=TYPES["csv"], headers=headers)


def _people_asked(request: Request) -> tuple[Iterator[bytes], str]:
    """The people that an address asks for, in pieces, and what their file is called. Raises `QuestionError`."""
    given = dict(parse_qsl(allowed(request), keep_blank_values=True))
    if unknown := given.keys() - {"funnel", "people", "of", "as_of"}:
        raise QuestionError(f"There is no parameter {min(unknown)!r}.", code="view.unknown_parameter")
    pinned_to = given.get("as_of", "")
    if not (pinned_to.isascii() and pinned_to.isdigit() and len(pinned_to) < 13):
        raise QuestionError("as_of is the number of a snapshot.", code="view.not_a_number")
    funnel = parse(given.get("funnel", ""), clock(), installation().settings.zone)
    behind = behind_of(funnel, given.get("people", ""), given.get("of"))
    snapshot = snapshot_for(person_of(request), int(pinned_to))
    answer = answers.measured(snapshot, funnel).result().answer
    everybody = answers.everybody(snapshot, answer, behind)
    about = f"people of a funnel, {behind.text()}: {told(funnel.view)}"
    note(person_of(request), "export", about, rows=everybody.num_rows)
    return people_csv(everybody), people_name(behind)


ROUTES = [
    Route("/export/events.{suffix}", serve, methods=["GET"]),
    Route("/export/people.csv", serve_people, methods=["GET"]),
]
