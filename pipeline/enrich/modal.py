"""Modal names, as Pelcro's SDK sends them, to the names a report uses (docs/wire.md, "Pelcro's own SDK")."""

from __future__ import annotations

import re

import pyarrow as pa

from pipeline.enrich.distinct import distinct, first_of, replace, spread

NAMES = {
    "register": "register",
    "newsletter": "newsletter",
    "selection": "subscribe",
    "subscription create": "subscribe",
    "subscribe": "subscribe",
    "subscription success": "success",
    "success": "success",
    "login": "login",
    "dashboard": "dashboard",
    "meter": "meter",
}

_WORD = re.compile(r"\bmodal\b", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_-]+")


def modal(table: pa.Table) -> pa.Table:
    """Set `modal` from the modal's name as sent; what parsing already named stays where no name was sent."""
    names, rows = distinct(table["modal_name"])
    (column,) = spread([(name_of(name),) for name in names], rows, 1)
    return replace(table, {"modal": first_of(column, table["modal"])})


def name_of(sent: str) -> str | None:
    """`subscription create modal` → `subscribe`; an unknown name is kept as sent, without the word "modal"."""
    spaced = _SEPARATORS.sub(" ", sent)
    known = NAMES.get(" ".join(_WORD.sub(" ", spaced).lower().split()))
    return known or " ".join(_WORD.sub(" ", sent).split()) or sent.strip() or None
