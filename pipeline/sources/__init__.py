"""Where events come from: folders and S3; objects in, tables of events and rejected lines out.

source = open_source(spec)
for ref in source.list(now, Sweep.RECENT):
    with source.fetch(ref, max_inflated=…) as file:
        for job in cut(file, ref, 0, spec.format, received_fallback=ref.modified, limits=Limits()):
            job.run().table
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import SourceError
from pipeline.sources.folder import FolderSource
from pipeline.sources.formats import FORMATS, Format
from pipeline.sources.lines import Limits, Rejected, kept_whole
from pipeline.sources.objects import ObjectRef, Source, Sweep
from pipeline.sources.parse import Job, Parsed, cut, detect, parse_lines, read_line, read_lines
from pipeline.sources.pool import ParsePool, fetch_ahead

# Each process that parses imports this package: it must neither wait nor pay memory for S3's library and the settings'.
if TYPE_CHECKING:
    from pipeline.settings import SourceSpec

__all__ = [
    "FORMATS",
    "Format",
    "Job",
    "Limits",
    "ObjectRef",
    "ParsePool",
    "Parsed",
    "Rejected",
    "Source",
    "Sweep",
    "cut",
    "detect",
    "fetch_ahead",
    "kept_whole",
    "open_source",
    "parse_lines",
    "read_line",
    "read_lines",
]


def open_source(spec: SourceSpec, *, endpoint_url: str | None = None, region: str | None = None) -> Source:
    """The source that `spec.uri` names: a folder, a file, `file://…` or `s3://bucket/prefix`.

    Nothing is read yet, so a place that does not exist is told by `list`. Raises `SourceError` for another kind of
    URI, and for an S3 configuration that cannot be used.
    """
    scheme, separator, _ = spec.uri.partition("://")
    if separator and scheme == "s3":
        from pipeline.sources.s3 import S3Source

        return S3Source(spec.uri, endpoint_url=endpoint_url, region=region)
    if separator and scheme != "file":
        raise SourceError(
            f"{spec.uri!r} is no source.",
            hint="Name a folder, a file or s3://bucket/prefix.",
            code="source.unknown",
        )
    return FolderSource(spec.uri)
