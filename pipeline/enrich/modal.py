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
    "payment success": "success",
    "success": "success",
    "login": "login",
    "dashboard": "dashboard",
    "meter": "meter",
}

_WORD = re.compile(r"\bmodal\b", re.IGNORECASE)
_ELEMENT = "pelcro-"  # the DOM event PelcroModalDisplay names the modal's element: pelcro-register-modal
_SEPARATORS = re.compile(r"[\s_-]+")


def modal(table: pa.Table) -> pa.Table:
    """Set `modal` from the modal's name as sent; what parsing already named stays where no name was sent."""
    names, rows = distinct(table["modal_name"])
    (column,) = spread([(name_of(name),) for name in names], rows, 1)
    return replace(table, {"modal": first_of(column, table["modal"])})


def name_of(sent: str) -> str | None:
    """`subscription create modal` → `subscribe`; an unknown name is kept as sent, without the word "modal".

    An element's id counts as the name that Pelcro's UI makes of it: `pelcro-gift-create-modal` → `gift create`.
    """
    if sent.startswith(_ELEMENT):
        sent = sent.removeprefix(_ELEMENT).replace("-", " ")
    spaced = _SEPARATORS.sub(" ", sent)
    known = NAMES.get(" ".join(_WORD.sub(" ", spaced).lower().split()))
    return known or " ".join(_WORD.sub(" ", sent).split()) or sent.strip() or None
