"""Events seen twice: which rows of a batch the lake, or the batch itself, already holds.

The rule ("Events seen twice" in docs/semantics.md): the key is the event id; the first copy wins; two copies count
once as long as their own times lie within `dedupe_days`, so only those partitions are looked at.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Both sides of the look-up in one statement: ids repeated within the batch, and ids the lake has near in time.
_SUSPECTS = """
WITH batch AS (SELECT ordinal, event_id::UUID AS event_id, occurred_at FROM incoming_ids),
known AS (
    SELECT event_id, list(occurred_at) AS times FROM lake.events
    WHERE occurred_at BETWEEN $1 AND $2 AND event_id IN (SELECT event_id FROM batch) GROUP BY event_id
),
repeated AS (SELECT event_id FROM batch GROUP BY event_id HAVING count(*) > 1)
SELECT ordinal, batch.event_id::VARCHAR, batch.occurred_at, known.times
FROM batch LEFT JOIN known USING (event_id)
WHERE known.times IS NOT NULL OR batch.event_id IN (SELECT event_id FROM repeated)
ORDER BY ordinal
"""


def first_copies(con: duckdb.DuckDBPyConnection, table: pa.Table, days: int) -> np.ndarray:
    """A mask over `table` (bool per row): true for events not stored before. Runs in the caller's transaction."""
    keep = np.ones(len(table), dtype=bool)
    if not len(table):
        return keep
    window = timedelta(days=days)
    first, last = pc.min_max(table["occurred_at"]).as_py().values()
    # Read by its name, not registered, as in `Transaction._run`.
    incoming_ids = pa.table(  # noqa: F841
        {
            "ordinal": pa.array(np.arange(len(table))),
            "event_id": table["event_id"],
            "occurred_at": table["occurred_at"],
        }
    )
    suspects = con.execute(_SUSPECTS, [first - window, last + window]).fetchall()
    kept: dict[str, list[datetime]] = {}
    for ordinal, event_id, occurred_at, times in suspects:
        stored = kept.setdefault(event_id, list(times or ()))
        if any(abs(occurred_at - time) <= window for time in stored):
            keep[ordinal] = False
        else:
            stored.append(occurred_at)
    return keep
