"""Build `activity.min.js` from its source."""

from __future__ import annotations

import gzip

from pipeline.collect.browser import BUILT, MOST_BYTES, SOURCE, minified

if __name__ == "__main__":
    built = minified(SOURCE.read_text(encoding="utf-8")).encode()
    BUILT.write_bytes(built)
    print(f"{BUILT.name}: {len(built)} bytes, {len(gzip.compress(built, mtime=0))} with gzip (at most {MOST_BYTES})")
