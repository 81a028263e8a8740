"""Objects in the landing folder, as the collector writes them: keyed by the time received, whole or not there."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from random import Random

from pipeline.landing import object_key, write_object

_HOUR_MS = 3_600_000

Line = tuple[int, bytes]  # when it was received (Unix ms), and the line itself


def put(landing: Path, key: str, lines: Iterable[bytes]) -> Path:
    """Write one object of these lines."""
    # No time stamp inside: two equal runs give equal bytes.
    return write_object(landing, key, gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6, mtime=0))


def put_hours(landing: Path, lines: Iterable[Line], rng: Random) -> Iterator[tuple[int, int]]:
    """Write lines, in the order received, as one object an hour; yields each one's last time (Unix ms) and length."""
    for _, hour in groupby(lines, key=lambda line: line[0] // _HOUR_MS):
        received = list(hour)
        last_ms = received[-1][0]
        put(landing, object_key(last_ms, rng.getrandbits), (line for _, line in received))
        yield last_ms, len(received)
