"""The files of rejected lines: a route of their own that streams, pinned to the snapshot that the page counted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pages.parts.access.gate import person_of
from pages.parts.access.roles import Role
from pages.parts.deeds import note
from pages.parts.download import AS_IS, TYPES, allowed, status, streamed
from pages.parts.serving import snapshot_for
from pages.parts.unexpected import said
from pipeline.errors import ActivityError, QuestionError
from pipeline.questions import rejects

_TYPES = {"csv": TYPES["csv"], "jsonl": "application/x-ndjson; charset=utf-8"}


async def serve(request: Request) -> Response:
    """Answer with all rejected lines, or those of one reason."""
    suffix = request.path_params["suffix"]
    if suffix not in _TYPES:
        return PlainTextResponse(f"There is no format {suffix!r}: use csv or jsonl.\n", status_code=404)
    try:
        person_of(request).must_be(Role.ANALYST)
        chunks = await run_in_threadpool(_asked, request, suffix)
        first = await run_in_threadpool(next, chunks, b"")
    except ActivityError as error:
        return PlainTextResponse(f"{said(error)}\n", status_code=status(error))
    headers = {
        "content-disposition": f'attachment; filename="rejected.{suffix}"',
        "cache-control": "no-store",
        **AS_IS,
    }
    return StreamingResponse(streamed(first, chunks), media_type=_TYPES[suffix], headers=headers)


def _asked(request: Request, suffix: str) -> Iterator[bytes]:
    """The lines that an address asks for. Raises `QuestionError`, `SnapshotGone`."""
    given = dict(parse_qsl(allowed(request), keep_blank_values=True))
    if unknown := given.keys() - {"reason", "as_of"}:
        raise QuestionError(f"There is no parameter {min(unknown)!r}.", code="view.unknown_parameter")
    pinned_to = given.get("as_of")
    if pinned_to is not None and not (pinned_to.isascii() and pinned_to.isdigit() and len(pinned_to) < 13):
        raise QuestionError("as_of is the number of a snapshot.", code="view.not_a_number")
    snapshot = snapshot_for(person_of(request), None if pinned_to is None else int(pinned_to))
    reason = given.get("reason")
    rows = rejects.count(snapshot, reason)
    note(person_of(request), "export", f"{suffix}: rejected lines, {reason or 'all'}", rows=rows)
    return (rejects.csv if suffix == "csv" else rejects.jsonl)(snapshot, reason)


ROUTES = [Route("/export/rejected.{suffix}", serve, methods=["GET"])]
