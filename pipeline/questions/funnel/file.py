"""The people behind a number as CSV ("Exports" in docs/semantics.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline.questions.cells import csv_header, csv_lines, utc_text

_ROWS = 50_000  # people made text at once


def people_csv(found: pa.Table) -> Iterator[bytes]:
    """The rows of `people` in pieces: a header of the columns' names, then everybody, times in UTC."""
    yield csv_header(found.column_names)
    for batch in found.to_batches(_ROWS):
        yield csv_lines([utc_text(each) if pa.types.is_timestamp(each.type) else each for each in batch.columns])
