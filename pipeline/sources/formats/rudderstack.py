"""RudderStack's S3 archive: Segment's fields plus `rudderId` and `request_ip`, traits under `context`."""

from __future__ import annotations

import re

from pipeline.sources.formats.base import Event, Format


def _looks_like(event: Event) -> bool:
    return "rudderId" in event or "request_ip" in event


FORMAT = Format(
    "rudderstack",
    # [prefix/]rudder-logs/{source id}/{YYYY-MM-DD or MM-DD-YYYY}/{unix}.{source id}.{uuid}.json.gz
    layout=re.compile(r"(?:^|/)rudder-logs/(?P<source>[^/]+)/(?:\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4})/"),
    looks_like=_looks_like,
)
