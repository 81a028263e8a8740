"""The formats objects come in: one file each, one entry here, one golden sample in tests/golden.

They carry the same events (see `pipeline.sources.fields`) and differ in how keys are laid out, how an object is cut
into lines, and in what our own collector stamps on each ("Archives in S3" in docs/wire.md).
"""

from __future__ import annotations

from pipeline.sources.formats import activity, firehose, rudderstack, segment
from pipeline.sources.formats.base import Format

# Where several look right, the first one wins: from the most to the least telling.
FORMATS: dict[str, Format] = {
    each.name: each for each in (activity.FORMAT, rudderstack.FORMAT, segment.FORMAT, firehose.FORMAT)
}

__all__ = ["FORMATS", "Format"]
