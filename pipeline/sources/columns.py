"""Picked rows as a table of columns (`pipeline.event.PARSED_SCHEMA`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.event import PARSED_SCHEMA
from pipeline.sources.fields import COLUMNS, Row

_HEX = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], np.uint8)
# Where the 32 digits stand among the 36 letters of a UUID; a dash is between.
_DIGITS = np.array([at for at in range(36) if at not in (8, 13, 18, 23)])


def as_table(rows: list[Row], object_index: int) -> pa.Table:
    """The rows as columns; what no line tells is null, as is what enrichment and the commit are to fill in."""
    count = len(rows)
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {}
    arrays = []
    for wanted in PARSED_SCHEMA:
        values = columns.get(wanted.name)
        if wanted.name == "object":
            arrays.append(pa.array(np.full(count, object_index, np.int32)))
        elif values is None or not any(value is not None for value in values):
            arrays.append(pa.nulls(count, wanted.type))
        elif wanted.name == "event_id":
            arrays.append(uuids(values))
        elif wanted.name == "properties":
            # UTF-8 already, straight from the JSON writer: no need to decode it to encode it again.
            arrays.append(pa.array(values, pa.binary()).view(pa.string()))
        else:
            arrays.append(pa.array(values, wanted.type))
    return pa.Table.from_arrays(arrays, schema=PARSED_SCHEMA)


def uuids(keys: Sequence[Any]) -> pa.Array:
    """16 hashed bytes each as the text of a UUID (version 8 of RFC 9562), all of them at once."""
    octets = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16).copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x80
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    letters = np.full((len(octets), 36), ord("-"), np.uint8)
    letters[:, _DIGITS] = _HEX[octets].reshape(-1, 32)
    offsets = np.arange(0, 36 * (len(octets) + 1), 36, dtype=np.int32)
    return pa.StringArray.from_buffers(len(octets), pa.py_buffer(offsets), pa.py_buffer(letters))
