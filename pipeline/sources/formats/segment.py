"""Segment's S3 archive: JSON lines, `timestamp` already corrected by Segment for the client's clock."""

from __future__ import annotations

import re

from pipeline.sources.formats.base import Event, Format


def _looks_like(event: Event) -> bool:
    return "type" in event or "event" in event


FORMAT = Format(
    "segment",
    # segment-logs/{source id}/{received day as Unix milliseconds}/*.gz
    layout=re.compile(r"(?:^|/)segment-logs/(?P<source>[^/]+)/\d{13}/"),
    looks_like=_looks_like,
)
