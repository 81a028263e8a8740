"""Our collector's objects: JSON lines, each an event plus `receivedAt`, `ip`, `userAgent` and `source`."""

from __future__ import annotations

import re

from pipeline.sources.formats.base import Event, Format


def _looks_like(event: Event) -> bool:
    return "receivedAt" in event and isinstance(event.get("source"), str)


FORMAT = Format(
    "activity",
    # v1/dt=2026-11-23/hh=14/{received ms}-{uuid7}.jsonl.gz
    layout=re.compile(r"(?:^|/)v1/dt=\d{4}-\d\d-\d\d/hh=\d\d/"),
    looks_like=_looks_like,
    stamped=True,
)
