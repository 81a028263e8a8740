"""Kinesis Firehose: JSON records with no delimiter between them by default, whatever shape the sender gave them.

The stream's name, in the object's name, stands for the source.
"""

from __future__ import annotations

import re

from pipeline.sources.formats.base import Event, Format


def _looks_like(event: Event) -> bool:
    return False  # told by its framing, not by its events: they are those of any other format


FORMAT = Format(
    "firehose",
    # YYYY/MM/dd/HH/{stream}-{version}-{Y-m-d-H-M-S}-{uuid}[.gz]
    layout=re.compile(
        r"(?:^|/)\d{4}/\d\d/\d\d/\d\d/"
        r"(?P<source>[^/]+)-\d+-\d{4}(?:-\d\d){5}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    ),
    looks_like=_looks_like,
    concatenated=True,
    stamped=True,
)
