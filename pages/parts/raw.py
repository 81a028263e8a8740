"""The line as it was received, read again from its object."""

from __future__ import annotations

from typing import Any

from pages.parts.answers import Row
from pages.parts.serving import product
from pages.parts.unexpected import said
from pipeline.errors import ActivityError
from pipeline.lake import Snapshot
from pipeline.raw import raw_line as read_again


def raw_line(row: Row, snapshot: Snapshot) -> dict[str, Any]:
    """What the inspector shows under *Raw*: the text, or why there is none."""
    shown: dict[str, Any] = {"id": row["event_id"], "text": None, "note": ""}
    try:
        line = read_again(product().settings, snapshot, row["object_key"], int(row["line"]))
    except ActivityError as error:
        return shown | {"note": said(error)}
    return shown | {"text": line.decode("utf-8", errors="replace")}
