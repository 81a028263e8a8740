"""`activity.js`, our own browser SDK: the readable source, and the same minified, as the collector serves them.

`python -m pipeline.collect.browser` builds `activity.min.js` again after a change of the source (it needs the test
extra, for rjsmin); a test holds that it was.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("activity.js")
BUILT = Path(__file__).with_name("activity.min.js")
MOST_BYTES = 4_096  # of the built file, with gzip: what a site's readers download


@cache
def script() -> bytes:
    """The minified script."""
    return BUILT.read_bytes()


@cache
def source() -> bytes:
    """The readable source of `script`."""
    return SOURCE.read_bytes()


def minified(source: str) -> str:
    """`source` without comments and white space; names stay as they are."""
    from rjsmin import jsmin  # type: ignore[import-untyped]  # not among what running needs

    return f"{jsmin(source)}\n"
