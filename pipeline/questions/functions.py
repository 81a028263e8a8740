"""The few functions of the engine that Ibis has no name for. Another engine would need these and nothing else.

Ibis compiles each to a call of the engine's function of the same name; their bodies are never run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import ibis
import ibis.expr.types as ir

SECOND = 1_000_000  # in microseconds
_NUMBERS = 1 << 30  # that ids and addresses are looked up by
FEW = 50  # literals that compile in no time


_TEXT_AT = (("string", "string"), "string")  # (document, pointer) → text
_json_extract_string = ibis.udf.scalar.builtin(lambda doc, at: None, name="json_extract_string", signature=_TEXT_AT)
_json_type = ibis.udf.scalar.builtin(lambda doc, at: None, name="json_type", signature=_TEXT_AT)
_from_json = ibis.udf.scalar.builtin(
    lambda doc, shape: None, name="from_json_strict", signature=(("string", "string"), "array<string>")
)
_numbers = ibis.udf.scalar.builtin(
    lambda doc, shape: None, name="from_json_strict", signature=(("string", "string"), "array<int64>")
)
_hash = ibis.udf.scalar.builtin(lambda text: None, name="hash", signature=(("string",), "uint64"))
_json = ibis.udf.scalar.builtin(lambda text: None, name="json", signature=(("string",), "string"))
_sha256 = ibis.udf.scalar.builtin(lambda text: None, name="sha256", signature=(("string",), "string"))
_epoch_us = ibis.udf.scalar.builtin(lambda at: None, name="epoch_us", signature=(("timestamp('UTC')",), "int64"))


def json_text(document: ir.StringValue, key: str) -> ir.StringValue:
    """The value of a top-level key as text: a string unquoted, anything else as JSON; null when absent or null."""
    return _json_extract_string(document, _pointer(key))


def json_is_text(document: ir.StringValue, key: str) -> ir.BooleanValue:
    """Whether the value of a top-level key is a JSON string; null when absent."""
    return _json_type(document, _pointer(key)) == "VARCHAR"


def bucket(instant: ir.TimestampValue, width: int) -> ir.IntegerValue:
    """Which bucket of `width` microseconds since 1970 an instant lies in; seven times as quick as `date_trunc`."""
    return _epoch_us(instant) // width


def day_number(instant: ir.TimestampValue) -> ir.IntegerValue:
    """The day (UTC) of an instant, counted since 1970."""
    return bucket(instant, 86_400 * SECOND)


def microseconds(instant: ir.TimestampValue) -> ir.IntegerValue:
    """An instant as microseconds since 1970."""
    return _epoch_us(instant)


def among(text: ir.StringValue, values: Collection[str]) -> ir.BooleanValue:
    """Whether `text` is one of `values`, however many. To a single one it is compared as such: then the engine reads
    the other columns of an event only where it is equal.

    Many travel as one JSON text that the engine takes apart, since a literal each would take seconds to compile.
    """
    if len(values) <= FEW:
        return of_few(text, [*values])
    listed = ibis.literal(json.dumps(list(values), ensure_ascii=False))
    return text.isin(_from_json(listed, ibis.literal('["VARCHAR"]')).unnest().name("value").as_table().value)


def among_numbers(number: ir.IntegerValue, values: Collection[int]) -> ir.BooleanValue:
    """As `among`, of whole numbers."""
    if len(values) <= FEW:
        return of_few(number, [*values])
    listed = ibis.literal(json.dumps(list(values)))
    return number.isin(_numbers(listed, ibis.literal('["BIGINT"]')).unnest().name("value").as_table().value)


def of_few(column: ir.Value, values: Sequence[Any]) -> ir.BooleanValue:
    """As `among`, of any kind of value, of which there are at most `FEW`."""
    if not values:
        return ibis.literal(False)
    return column == values[0] if len(values) == 1 else column.isin(values)


def id_number(event_id: UUID) -> int:
    """What `events.id_number` is for that id: 30 bits of its first eight digits."""
    return (event_id.int >> 96) % _NUMBERS


def ip_number(address: str) -> int:
    """What `events.ip_number` is for that address: 30 bits of its MD5's second half."""
    digest = hashlib.md5(address.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") % _NUMBERS


def hashed(text: ir.StringValue, salt: int) -> ir.IntegerValue:
    """A number for a text, or for null, which another text may share: ask again with another salt then."""
    return _hash(text if salt == 0 else ibis.literal(f"{salt} ") + text)


def canonical_json(document: ir.StringValue) -> ir.StringValue:
    """The same JSON without white space between its tokens, and no more escapes than it needs."""
    return _json(document)


def sha256(text: ir.StringValue) -> ir.StringValue:
    """The hash of a text, as 64 hexadecimal digits."""
    return _sha256(text)


def _pointer(key: str) -> str:
    """The JSON pointer (RFC 6901) to a top-level key. A path like `$.key` would give `.`, `*` and `$` a meaning."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
