"""Making room for the publisher's own events: the demo goes, whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.demo.history import GEO_FILE
from pipeline.demo.plan import FILE, Plan


def remove(data: Path) -> bool:
    """Remove the demo: its objects, the lake made of them, its geo database. True if there was one.

    The demo never shares its landing folder (it refuses to be written beside other objects). Whether the lake holds
    other events too is for the caller to know.
    """
    if Plan.read(data) is None:
        return False
    for folder in ("landing", "lake"):
        shutil.rmtree(data / folder, ignore_errors=True)
    for name in (GEO_FILE, "state.sqlite", "state.sqlite-wal", "state.sqlite-shm", FILE):
        (data / name).unlink(missing_ok=True)
    return True
