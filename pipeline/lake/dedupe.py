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

from pipeline.lake.schema import ID_NUMBER

# Ids the lake may have near in time: so far as their numbers tell, which are read in a tenth of the ids' time.
_LIKE = f"""
CREATE OR REPLACE TEMP TABLE like_known AS
SELECT DISTINCT id_number FROM lake.events
WHERE occurred_at BETWEEN $1 AND $2 AND id_number IN (SELECT {ID_NUMBER} FROM incoming_ids)
"""  # noqa: S608
# Both sides of the look-up in one statement: ids repeated within the batch, and ids the lake has near in time.
_SUSPECTS = f"""
WITH batch AS (
    SELECT ordinal, event_id::UUID AS event_id, occurred_at, {ID_NUMBER} AS id_number FROM incoming_ids
),
known AS (
    SELECT event_id, list(occurred_at) AS times FROM lake.events
    WHERE occurred_at BETWEEN $1 AND $2 AND event_id IN (
        SELECT event_id FROM batch WHERE id_number IN (FROM like_known)
    ) GROUP BY event_id
),
repeated AS (SELECT event_id FROM batch GROUP BY event_id HAVING count(*) > 1)
SELECT ordinal, batch.event_id::VARCHAR, batch.occurred_at, known.times
FROM batch LEFT JOIN known USING (event_id)
WHERE known.times IS NOT NULL OR batch.event_id IN (SELECT event_id FROM repeated)
ORDER BY ordinal
"""  # noqa: S608
_REPEATED = """
SELECT ordinal, event_id::UUID::VARCHAR, occurred_at, NULL AS times FROM incoming_ids
WHERE event_id::UUID IN (SELECT event_id::UUID FROM incoming_ids GROUP BY ALL HAVING count(*) > 1) ORDER BY ordinal
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
    near = [first - window, last + window]
    con.execute(_LIKE, near)
    like_known = con.execute("SELECT count(*) FROM like_known").fetchone() != (0,)
    suspects = (con.execute(_SUSPECTS, near) if like_known else con.execute(_REPEATED)).fetchall()
    kept: dict[str, list[datetime]] = {}
    for ordinal, event_id, occurred_at, times in suspects:
        stored = kept.setdefault(event_id, list(times or ()))
        if any(abs(occurred_at - time) <= window for time in stored):
            keep[ordinal] = False
        else:
            stored.append(occurred_at)
    return keep
