"""Objects in the landing folder, as the collector writes them: keyed by the time received, whole or not there."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID


def key(received_ms: int, rng: Random) -> str:
    """`v1/dt=YYYY-MM-DD/hh=HH/{received ms}-{uuid7}.jsonl.gz` (docs/wire.md, "Archives in S3")."""
    hour = datetime.fromtimestamp(received_ms / 1000, UTC)
    return f"v1/dt={hour:%Y-%m-%d}/hh={hour:%H}/{received_ms}-{_uuid7(received_ms, rng)}.jsonl.gz"


def put(landing: Path, object_key: str, lines: Iterable[bytes]) -> Path:
    """Write one object: under a hidden name first, on disk, then renamed, so that no reader ever sees half of it."""
    path = landing / object_key
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    # No time stamp inside: two equal runs give equal bytes.
    body = gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6, mtime=0)
    with temporary.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return path


def _uuid7(at_ms: int, rng: Random) -> UUID:
    """RFC 9562: 48 bits of time, the version, 12 random bits, the variant, 62 random bits."""
    return UUID(int=at_ms << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62))
