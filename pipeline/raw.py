"""A line as it was received, read again from the object it came from."""

from __future__ import annotations

from typing import Any

from pipeline.errors import ObjectGone, QuestionError
from pipeline.lake import Snapshot
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import ObjectRef, open_source, read_line


def raw_line(settings: Settings, snapshot: Snapshot, object_key: str, line: int) -> bytes:
    """Line `line` (from 1) of the object stored as `object_key`, as it was received.

    Reads the object again, so it may take a while for a large one. Raises `ObjectGone` when the object is no longer
    there, or no longer the version that was loaded, `SourceError` when it cannot be reached, and `QuestionError`
    (raw.masked) for a masked snapshot: nothing can be hidden in a line without knowing what it means.
    """
    if snapshot.masked:
        raise QuestionError(
            "The event as it was received holds personal data, which is hidden from you.",
            hint="Whoever runs this installation can let you see it.",
            code="raw.masked",
        )
    for entry in _loaded(snapshot, object_key):
        ref = ObjectRef(entry["source"], entry["key"], entry["etag"], entry["bytes"], entry["modified"])
        source = open_source(SourceSpec(ref.source), endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
        with source.fetch(ref, max_inflated=settings.max_object_bytes) as file:
            found = read_line(file, entry["format"], line, line_bytes=settings.max_line_bytes)
        if found is not None:
            return found
    raise ObjectGone("The object this event came from is gone, or is no longer the one that was loaded.")


def _loaded(snapshot: Snapshot, object_key: str) -> list[dict[str, Any]]:
    objects = snapshot.objects
    found = objects.filter((objects.key == object_key) & (objects.state == "loaded"))
    rows: list[dict[str, Any]] = snapshot.fetch(found).to_pylist()
    return rows
