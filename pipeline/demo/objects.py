"""Objects in the landing folder, as the collector writes them: keyed by the time received, whole or not there."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from random import Random
from uuid import UUID

_HOUR_MS = 3_600_000

Line = tuple[int, bytes]  # when it was received (Unix ms), and the line itself


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


def put_hours(
    landing: Path, lines: Iterable[Line], rng: Random, landed_ms: int | None = None
) -> Iterator[tuple[int, int]]:
    """Write lines, in the order received, as one object an hour; yields each one's last time (Unix ms) and length.

    `landed_ms` keys them by when they land if that is later: a pipeline that runs looks into the latest hours only.
    """
    for _, hour in groupby(lines, key=lambda line: line[0] // _HOUR_MS):
        received = list(hour)
        last_ms = received[-1][0]
        put(landing, key(landed_ms or last_ms, rng), (line for _, line in received))
        yield last_ms, len(received)


def newest_ms(landing: Path) -> int | None:
    """When the landing folder's newest object was received (Unix ms), by its key; None without any."""
    times = (path.name.partition("-")[0] for path in _newest_hour(landing).glob("*.jsonl.gz"))
    return max(map(int, times), default=None)


def _newest_hour(landing: Path) -> Path:
    return max(landing.glob("v1/dt=*/hh=*"), default=landing)


def _uuid7(at_ms: int, rng: Random) -> UUID:
    """RFC 9562: 48 bits of time, the version, 12 random bits, the variant, 62 random bits."""
    return UUID(int=at_ms << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62))
