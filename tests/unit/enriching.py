"""Batches for the tests of enrichment: rows of what a test is about, every other field empty."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline.event import PARSED_SCHEMA


def batch(*rows: dict[str, Any]) -> pa.Table:
    """A parsed batch with these rows."""
    return pa.table(
        {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in PARSED_SCHEMA},
        schema=PARSED_SCHEMA,
    )


def column(table: pa.Table, *names: str) -> list[Any]:
    """One row's values of these fields, or, of one field, every row's."""
    if len(names) == 1:
        values: list[Any] = table[names[0]].to_pylist()
        return values
    (row,) = table.select(names).to_pylist()
    return [row[name] for name in names]
