"""An object's bytes, inflated and verified whole, in a temporary file that starts in memory.

The `gzip` module is used on purpose: `zlib.decompressobj` and DuckDB's own reader return part of the lines of a
truncated or CRC-broken file without an error ("Archives in S3" in docs/wire.md).
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from pipeline.errors import ObjectRejected, SourceError, short_of

MEMORY_BYTES = 32 * 1024 * 1024
COPY_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"

# Files that are neither JSON nor gzip, by their first bytes: one clear answer instead of a million rejected lines.
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"PAR1", "Parquet"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
)


def inflate(stream: BinaryIO, *, max_inflated: int) -> BinaryIO:
    """Copy `stream` (gzip by its magic bytes, or plain) to a temporary file, seeked to its start.

    Raises `ObjectRejected`: `object.truncated`, `object.corrupt` (checksum, garbage inside or after the end),
    `object.too_large` (more than `max_inflated` bytes), `object.unsupported` (another kind of file); and `SourceError`
    when there is no room for the temporary file.
    """
    head = stream.read(16)
    whole = cast(BinaryIO, io.BufferedReader(_Rejoined(head, stream), COPY_BYTES))
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            raise ObjectRejected(
                f"The object is {kind}, which is not read here.",
                hint="Write JSON lines, plain or gzip.",
                code="object.unsupported",
            )
    target = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))  # noqa: SIM115 - the caller's
    try:
        if head.startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=whole) as inflated:
                _copy_gzip(cast(BinaryIO, inflated), target, max_inflated)
        else:
            _copy(whole, target, max_inflated)
        with _temporary():
            target.seek(0)  # writes what is buffered
    except BaseException:
        with suppress(OSError):  # nothing may come of what is buffered
            target.close()
        raise
    return target


def packed_like(head: bytes, text: BinaryIO) -> BinaryIO:
    """`text` as an object that begins with `head` has it, gzip or plain: a temporary file, seeked to its start."""
    target = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))  # noqa: SIM115 - the caller's
    text.seek(0)
    if head.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed:
            shutil.copyfileobj(text, packed, COPY_BYTES)
    else:
        shutil.copyfileobj(text, target, COPY_BYTES)
    target.seek(0)
    return target


def _copy_gzip(inflated: BinaryIO, target: BinaryIO, limit: int) -> None:
    try:
        _copy(inflated, target, limit)
    except EOFError:
        raise ObjectRejected(
            "The gzip file ends before its end-of-stream mark: it was cut off.",
            hint="Write the object again, whole.",
            code="object.truncated",
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ObjectRejected(
            f"The gzip file is broken: {error}.", hint="Write the object again, whole.", code="object.corrupt"
        ) from None


def _copy(stream: BinaryIO, target: BinaryIO, limit: int) -> None:
    size = 0
    while block := stream.read(COPY_BYTES):
        size += len(block)
        if size > limit:
            raise ObjectRejected(
                f"The object inflates to more than {limit:,} bytes.",
                hint="Raise ACTIVITY_MAX_OBJECT_BYTES, or split the object.",
                code="object.too_large",
            )
        with _temporary():
            target.write(block)


@contextmanager
def _temporary() -> Iterator[None]:
    """Around writing a temporary file: what fails there is not the object, which is to be tried again."""
    try:
        yield
    except OSError as error:
        folder = tempfile.tempdir or "the folder for temporary files"
        raise short_of(error, folder) or SourceError(
            f"A temporary file cannot be written in {folder}: {error.strerror}.",
            hint="Let TMPDIR name a folder that may be written.",
            code="disk.unwritable",
        ) from None


class _Rejoined(io.RawIOBase):
    """`head`, already read, and the rest of `stream`: what arrives over a network cannot be rewound."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data, self._head = self._head or self._stream.read(len(buffer)), b""
        buffer[: len(data)] = data
        return len(data)
