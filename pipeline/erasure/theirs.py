"""Which lines are an erased person's: one rule, for what is loaded and for what is kept already.

A line is theirs when it names the erased customer; when it names no customer, but a visitor who was first linked to
them; or when it is an alias call from either ("Customers and visitors" in docs/semantics.md). People are known by
keyed hashes only, so every name a line holds is hashed and looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources import Parsed, Rejected
from pipeline.state import Erased

CODE = "customer.erased"
REASON = "The customer was erased. Nothing of the line is kept."

# In a line that is no JSON: whatever stands in quotes, and numbers.
_NAMES = re.compile(rb'"((?:[^"\\]|\\.)*)"|(?<![\w.])(\d+)(?![\w.])', re.DOTALL)


def without_erased(parsed: Parsed, erased: Erased) -> Parsed:
    """What was parsed, with the erased people's lines rejected, place and reason alone."""
    if not erased:
        return parsed
    theirs = rows_of(parsed.table, erased)
    table = parsed.table.filter(pa.array(~theirs)) if theirs.any() else parsed.table
    numbers = parsed.table["line"].filter(pa.array(theirs)).to_pylist()
    named = [Rejected(number, CODE, REASON, b"") for number in numbers]
    others = [
        Rejected(each.line, CODE, REASON, b"") if mentions(each.raw, erased) else each for each in parsed.rejected
    ]
    return replace(parsed, table=table, rejected=[*others, *named])


def rows_of(table: pa.Table, erased: Erased) -> np.ndarray:
    """A mask over `table` (`PARSED_SCHEMA`): true for the rows of erased people."""
    customer, visitor = (
        _known(table[name], prefix, erased) for name, prefix in (("customer_id", "c:"), ("anonymous_id", "a:"))
    )
    anonymous = np.asarray(table["customer_id"].is_null())
    theirs = customer | (anonymous & visitor)
    for row in np.flatnonzero(np.asarray(pc.equal(table["type"], "alias").fill_null(False))):
        theirs[row] |= _previous(table["properties"][int(row)].as_py(), erased)
    return np.asarray(theirs)


def _known(column: pa.ChunkedArray, prefix: str, erased: Erased) -> np.ndarray:
    """Which values are erased people's; each distinct one is hashed once."""
    hits = [value for value in column.unique().to_pylist() if value is not None and f"{prefix}{value}" in erased]
    if not hits:
        return np.zeros(len(column), dtype=bool)
    return np.array(pc.is_in(column, value_set=pa.array(hits, column.type)))


def _previous(properties: str | None, erased: Erased) -> bool:
    event = orjson.loads(properties) if properties else {}
    return any(f"{prefix}{event.get('previousId')}" in erased for prefix in ("c:", "a:"))


def mentions(raw: bytes, erased: Erased) -> bool:
    """Whether a line that became no event is an erased person's: by its ids, or an email anywhere in it.

    In a line that cannot be read any text or number counts, so that nothing of theirs stays behind a missing bracket.
    """
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError:
        texts = [_text(found) for found in _NAMES.finditer(raw)]
        return any(f"{prefix}{text}" in erased for text in texts for prefix in ("c:", "a:")) or _email(texts, erased)
    ids = {name: event.get(name) for name in ("userId", "anonymousId", "previousId")} if isinstance(event, dict) else {}
    named = {f"{prefix}{value}" for value in ids.values() if value is not None for prefix in ("c:", "a:")}
    return any(name in erased for name in named) or _email(_texts(event), erased)


def _email(texts: Any, erased: Erased) -> bool:
    return any(email_name(text) in erased for text in texts if "@" in text)


def email_name(email: str) -> str:
    """The name by which a person with that email is remembered."""
    return f"e:{email.strip().casefold()}"


def _text(found: re.Match[bytes]) -> str:
    quoted = found[1]
    if quoted is None:
        return found[2].decode()
    try:
        return str(json.loads(b'"%b"' % quoted, strict=False))
    except ValueError:  # broken inside, too
        return quoted.decode(errors="replace")


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
