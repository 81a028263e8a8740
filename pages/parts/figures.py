"""Tiles and plain tables: figures and texts that may quote anything, so no Markdown and no HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pages.parts.component import mount

Kind = Literal["text", "right", "nowrap", "mono", "raw", "link", "country", "name", "time", "email"]
Column = tuple[str, Kind]


def tile(label: str, value: str, note: str = "", tone: str = "", *, small: bool = False) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "tone": tone, "small": small}


def tiles(items: Sequence[dict[str, Any] | str], *, key: str, label: str, dense: bool = False) -> None:
    """Figures side by side; a text among the items is a sign between two of them. `dense` keeps them on one line."""
    mount("tiles", key=key, data={"items": list(items), "label": label, "dense": dense})


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, key: str, label: str, empty: str, height: str = ""
) -> None:
    """A table of texts and numbers; `empty` is said when there are no rows."""
    heads = [{"label": name, "kind": kind} for name, kind in columns]
    data = {"columns": heads, "rows": [list(row) for row in rows], "label": label, "empty": empty, "height": height}
    mount("table", key=key, data=data)
