from __future__ import annotations

import gzip

from pipeline.collect.browser import MOST_BYTES, minified, script, source


def test_what_is_served_was_built_from_the_source() -> None:
    assert script().decode() == minified(source().decode()), "build it again: python -m pipeline.collect.browser"


def test_a_reader_downloads_at_most_four_kilobytes() -> None:
    size = len(gzip.compress(script(), mtime=0))
    print(f"activity.min.js: {size} bytes with gzip")
    assert size <= MOST_BYTES
