"""The landing store as the collector sees it: one object in, and it is there for good, or an error says that it is not.

The keys are of version 7 UUIDs, so any number of collectors may write side by side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pipeline.errors import ActivityError
from pipeline.landing import write_object
from pipeline.settings import Settings


class Store(Protocol):
    """Where objects are put. `put` raises `ActivityError` when it cannot tell that the object is there."""

    linger_ms: int

    def put(self, key: str, body: bytes) -> None: ...


class FolderStore:
    """A folder: written, flushed, renamed, and the folder flushed."""

    linger_ms = 200

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, body: bytes) -> None:
        try:
            write_object(self._folder, key, body)
        except OSError as error:
            raise ActivityError(
                f"The landing folder cannot be written: {error.strerror}.",
                hint="Look at its disk's space and its rights.",
                code="store.unwritable",
            ) from None


def open_store(settings: Settings) -> Store:
    """The landing store that the settings name. Raises `ActivityError` for an S3 configuration that cannot be used."""
    uri = settings.landing_uri
    if uri.startswith("s3://"):
        from pipeline.collect.s3_store import S3Store  # boto3 takes time and memory that a folder does not need

        return S3Store(uri, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    return FolderStore(Path(uri))
