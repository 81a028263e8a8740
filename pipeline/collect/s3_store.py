"""A bucket as the landing store."""

from __future__ import annotations

import base64
from hashlib import md5
from typing import Any

from pipeline.errors import ActivityError
from pipeline.s3 import open_client, translated

# The clients try again, too, and wait meanwhile.
_ATTEMPTS = 2
_READ_SECONDS = 10
_TYPE = "application/gzip"


class S3Store:
    """A bucket: one PUT, whose checksum the server verifies, and whose answer is verified against it."""

    linger_ms = 1000

    def __init__(self, uri: str, *, endpoint_url: str | None, region: str | None) -> None:
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint = endpoint_url
        with translated(self._bucket, endpoint_url):
            self._client: Any = open_client(endpoint_url, region, attempts=_ATTEMPTS, read_seconds=_READ_SECONDS)

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
