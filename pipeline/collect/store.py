"""The landing store as the collector sees it: one object in, and it is there for good, or an error says that it is not.

The keys are of version 7 UUIDs, so any number of collectors may write side by side.
"""

from __future__ import annotations

import base64
from hashlib import md5
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import ActivityError
from pipeline.landing import write_object
from pipeline.s3 import open_client, translated
from pipeline.settings import Settings

_ATTEMPTS = 2  # the clients try again, too, and wait meanwhile
_TYPE = "application/gzip"


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


class S3Store:
    """A bucket: one PUT, whose checksum the server verifies, and whose answer is verified against it."""

    linger_ms = 1000

    def __init__(self, uri: str, *, endpoint_url: str | None, region: str | None) -> None:
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint = endpoint_url
        with translated(self._bucket, endpoint_url):
            self._client: Any = open_client(endpoint_url, region, attempts=_ATTEMPTS)

    def put(self, key: str, body: bytes) -> None:
        digest = md5(body, usedforsecurity=False).digest()
        checksum = base64.b64encode(digest).decode()
        with translated(self._bucket, self._endpoint):
            answer = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentMD5=checksum, ContentType=_TYPE
            )
        etag = str(answer.get("ETag", "")).strip('"')
        # With a key of KMS the ETag is no MD5; there the server's own check of Content-MD5 is all there is.
        if not answer.get("SSEKMSKeyId") and etag != digest.hex():
            raise ActivityError(
                f"The bucket {self._bucket!r} says that it stored something else than was sent.",
                hint="It is sent again.",
                code="store.checksum",
            )


def open_store(settings: Settings) -> Store:
    """The landing store that the settings name. Raises `ActivityError` for an S3 configuration that cannot be used."""
    uri = settings.landing_uri
    if uri.startswith("s3://"):
        return S3Store(uri, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    return FolderStore(Path(uri))
