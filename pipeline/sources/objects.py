"""What a source is: a place that lists objects and hands out their bytes, whole and verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol


class Sweep(StrEnum):
    """How much of a source to list; each takes in the one before it.

    Only folders whose names carry a date, and objects whose names begin with their time, are ever left out (see
    `pipeline.sources.layout`).
    """

    NEWEST = "newest"  # as recent, but only the last minutes of an hour whose keys begin with their time
    RECENT = "recent"  # the current and the previous hour, or day where folders are days
    DAYS = "days"  # the last three days
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One version of one object.

    `source` is the source's canonical URI, `key` the key in the bucket or the path below the folder, `etag` changes
    when the content does, `size` is in bytes as stored, `modified` is UTC.
    """

    source: str
    key: str
    etag: str
    size: int
    modified: datetime

    @property
    def path(self) -> str:
        """Where the object lies, from the top, so that a folder deep inside an archive still shows its layout."""
        root = self.source.partition("://")[2]
        # An S3 key is counted from the bucket, a file's from the source's folder.
        return f"{root.partition('/')[0] if self.source.startswith('s3://') else root}/{self.key}"


class Source(Protocol):
    """A folder or a bucket's prefix.

    `list` raises `SourceError` when the place is missing, closed or out of reach: never an empty list instead.
    `fetch` gives the inflated bytes in a seekable temporary file of the caller's to close; it raises `ObjectGone`
    when the object is no longer the version listed, `ObjectRejected` when it can never be read as it is, and
    `SourceError` when another try may help.
    `replace` puts another text in the place of the version listed, compressed as that was, whole or not at all, and
    removes what the place keeps of earlier versions; it raises `ObjectGone` when the object is no longer the version
    listed, and `SourceError` when it may not be written.
    """

    @property
    def uri(self) -> str: ...

    def list(self, now: datetime, sweep: Sweep) -> Iterator[ObjectRef]: ...

    def fetch(self, ref: ObjectRef, *, max_inflated: int) -> BinaryIO: ...

    def replace(self, ref: ObjectRef, text: BinaryIO) -> ObjectRef: ...
