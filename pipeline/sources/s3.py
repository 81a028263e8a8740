"""A bucket, or what lies under a prefix of one, as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from pipeline.errors import SourceError
from pipeline.s3 import ATTEMPTS, open_client, translated
from pipeline.sources.inflate import inflate, packed_like
from pipeline.sources.layout import walk
from pipeline.sources.objects import ObjectRef, Sweep


class S3Source:
    """`s3://bucket/prefix`: the object of that very key, and every object in the folder of that name.

    `logs` does not take in `logs-old/`. Credentials come from boto3's own chain; once they were refused they are
    looked up again at the next listing, since whoever renews them does so in a file.
    """

    def __init__(self, uri: str, *, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._endpoint = endpoint_url
        self._region = region
        self._refused = False
        self._client = self._opened()

    @property
    def uri(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def _opened(self) -> Any:
        with translated(self._bucket, self._endpoint):
            return open_client(self._endpoint, self._region, attempts=ATTEMPTS)

    @contextmanager
    def _asking(self, key: str | None = None) -> Iterator[None]:
        """A conversation with S3, about the object `key` if given."""
        try:
            with translated(self._bucket, self._endpoint, key):
                yield
        except SourceError as error:
            self._refused |= error.code == "source.credentials"
            raise

    def list(self, now: datetime, sweep: Sweep) -> Iterator[ObjectRef]:
        if self._refused:
            self._client, self._refused = self._opened(), False
        yield from self._exact()
        yield from walk(self, f"{self._prefix}/" if self._prefix else "", now, sweep)

    def children(self, folder: str, after: str = "") -> tuple[Sequence[str], Sequence[ObjectRef]]:
        """The folders and the objects directly in `folder` whose names are greater than `after`."""
        folders: list[str] = []
        objects: list[ObjectRef] = []
        start = {"StartAfter": f"{folder}{after}"} if after else {}
        for page in self._pages(Prefix=folder, Delimiter="/", **start):
            folders += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
            objects += self._refs(page)
        return folders, objects

    def everything(self, folder: str) -> Iterator[ObjectRef]:
        """All objects below `folder`."""
        for page in self._pages(Prefix=folder):
            yield from self._refs(page)

    def fetch(self, ref: ObjectRef, *, max_inflated: int) -> BinaryIO:
        with self._asking(ref.key):
            # If-Match: what is read is the version listed, or nothing.
            answer = self._client.get_object(Bucket=self._bucket, Key=ref.key, IfMatch=f'"{ref.etag}"')
            with closing(answer["Body"]) as body:
                self._expect(ref, answer)
                return inflate(cast(BinaryIO, body), max_inflated=max_inflated)

    def _expect(self, ref: ObjectRef, answer: dict[str, Any]) -> None:
        """Refuse another object, or a part of this one: what some proxy or cache on the way, or a server that knows no
        If-Match, hands out. Taken for the object, it would be rejected as broken, or its missing lines be lost."""
        told = {"size": answer.get("ContentLength", ref.size), "etag": answer.get("ETag", ref.etag).strip('"')}
        if told != {"size": ref.size, "etag": ref.etag}:
            raise SourceError(
                f"S3 answers with something other than the object {ref.key!r} that it lists: {told['size']:,} bytes of "
                f"{ref.size:,}, ETag {told['etag']}.",
                hint="A proxy or cache before it may be at fault; it is tried again by itself.",
                code="source.other_answer",
            )

    def replace(self, ref: ObjectRef, text: BinaryIO) -> ObjectRef:
        named = {"Bucket": self._bucket, "Key": ref.key}
        with self._asking(ref.key):
            # If-Match, twice: what is replaced is the version listed, or nothing.
            with closing(self._client.get_object(**named, Range="bytes=0-1", IfMatch=f'"{ref.etag}"')["Body"]) as body:
                head = body.read()
            with packed_like(head, text) as packed:
                put = self._client.put_object(**named, Body=packed, IfMatch=f'"{ref.etag}"')
            if put.get("VersionId"):
                self._forget_versions(ref.key, put["VersionId"])
            now = self._client.head_object(**named)
        modified = now["LastModified"].astimezone(UTC)
        return ObjectRef(self.uri, ref.key, now["ETag"].strip('"'), now["ContentLength"], modified)

    def _forget_versions(self, key: str, newest: str) -> None:
        """Where a bucket keeps versions, an object that is written over is still there."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        found = [each for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, ())]
        for each in found:
            if each["Key"] == key and each["VersionId"] != newest:
                self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=each["VersionId"])

    def _exact(self) -> Iterator[ObjectRef]:
        """The object whose key is the whole prefix: of all keys that start with it, it sorts first."""
        if self._prefix:
            with self._asking():
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
            yield from (ref for ref in self._refs(page) if ref.key == self._prefix)

    def _pages(self, **query: str) -> Iterator[dict[str, Any]]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **query))
        while True:
            with self._asking():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _refs(self, page: dict[str, Any]) -> Sequence[ObjectRef]:
        """The page's objects, without the empty ones by which consoles make folders."""
        found = page.get("Contents", ())
        return [self._ref(each) for each in found if each["Size"] or not each["Key"].endswith("/")]

    def _ref(self, found: dict[str, Any]) -> ObjectRef:
        modified = found["LastModified"].astimezone(UTC)
        return ObjectRef(self.uri, found["Key"], found["ETag"].strip('"'), found["Size"], modified)
