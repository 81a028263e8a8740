"""The files of rejected lines: a route of their own that streams, pinned to the snapshot that the page counted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pages.parts.download import AS_IS, TYPES, status, streamed
from pages.parts.serving import product
from pipeline.errors import ActivityError, QuestionError
from pipeline.questions import rejects

_TYPES = {"csv": TYPES["csv"], "jsonl": "application/x-ndjson; charset=utf-8"}


async def serve(request: Request) -> Response:
    """Answer with all rejected lines, or those of one reason."""
    suffix = request.path_params["suffix"]
    if suffix not in _TYPES:
        return PlainTextResponse(f"There is no format {suffix!r}: use csv or jsonl.\n", status_code=404)
    try:
        chunks = await run_in_threadpool(_asked, request.url.query, suffix)
        first = await run_in_threadpool(next, chunks, b"")
    except ActivityError as error:
        return PlainTextResponse(f"{error}\n", status_code=status(error))
    headers = {
        "content-disposition": f'attachment; filename="rejected.{suffix}"',
        "cache-control": "no-store",
        **AS_IS,
    }
    return StreamingResponse(streamed(first, chunks), media_type=_TYPES[suffix], headers=headers)


def _asked(query: str, suffix: str) -> Iterator[bytes]:
    """The lines that an address asks for. Raises `QuestionError`, `SnapshotGone`."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := given.keys() - {"reason", "as_of"}:
        raise QuestionError(f"There is no parameter {min(unknown)!r}.", code="view.unknown_parameter")
    pinned_to = given.get("as_of")
    if pinned_to is not None and not (pinned_to.isascii() and pinned_to.isdigit() and len(pinned_to) < 13):
        raise QuestionError("as_of is the number of a snapshot.", code="view.not_a_number")
    snapshot = product().lake.snapshot(None if pinned_to is None else int(pinned_to))
    return (rejects.csv if suffix == "csv" else rejects.jsonl)(snapshot, given.get("reason"))


ROUTES = [Route("/export/rejected.{suffix}", serve, methods=["GET"])]
