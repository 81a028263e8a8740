"""Work on distinct values: a batch of 200,000 events has a few thousand addresses, agents and pages.

column → dictionary (its distinct values) → one answer each → taken back to every row
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

Answer = tuple[str | None, ...]
K = TypeVar("K")
V = TypeVar("V")


def distinct(column: pa.ChunkedArray | pa.Array) -> tuple[list[str], pa.Array]:
    """The distinct values of a text column, and for each row which of them it has (null where it has none)."""
    encoded = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    return encoded.dictionary.to_pylist(), encoded.indices


def spread(answers: Sequence[Answer], rows: pa.Array, width: int) -> list[pa.Array]:
    """`width` text columns: for each row the answer its value got, null where it has no value."""
    columns = zip(*answers, strict=True) if answers else ([] for _ in range(width))
    return [pa.array(column, pa.string()).take(rows) for column in columns]


def replace(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    """The table with these columns in place of its own."""
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    return table


def first_of(*columns: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """For each row the first value that is not null. Columns without any, as most of a batch's are, cost nothing."""
    telling = [column for column in columns if column.null_count < len(column)]
    if len(telling) > 1 and telling[0].null_count:
        return pc.coalesce(*telling)
    return (telling or columns)[0]


class Remembered(Generic[K, V]):
    """Answers to keys, asked for many at a time; the most recently used are kept across batches, at most `most`."""

    def __init__(self, answer: Callable[[list[K]], list[V]], most: int = 50_000) -> None:
        self._answer = answer
        self._most = most
        self._kept: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, keys: list[K]) -> list[V]:
        new = [key for key in dict.fromkeys(keys) if key not in self._kept]
        found = dict(zip(new, self._answer(new), strict=True)) if new else {}
        for key in keys:
            # Taken out and put back: a dict keeps its order, so the least recently used stand first.
            found[key] = self._kept[key] = found[key] if key in found else self._kept.pop(key)
        excess = max(0, len(self._kept) - self._most)
        for key in list(islice(self._kept, excess)):
            del self._kept[key]
        return [found[key] for key in keys]

    def forget(self) -> None:
        self._kept.clear()
