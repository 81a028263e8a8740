"""`activity.js`, our own browser SDK: its readable source, and the file that pages load."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def script() -> bytes:
    """The script as pages load it."""
    return (_HERE / "activity.min.js").read_bytes()


@lru_cache(maxsize=1)
def source() -> bytes:
    """The script as it was written."""
    return (_HERE / "activity.js").read_bytes()
