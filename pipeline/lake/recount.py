"""Looking up events that were read again from their objects: is each in the lake, or among its rejected lines?"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake.snapshot import Snapshot

# By the rule for events seen twice: near in time, so that only those partitions are read. A line that was rejected then
# and could be read now is not missing: replaying it is somebody's decision.
_MISSING = """
WITH stored AS (SELECT event_id, occurred_at FROM lake.events AT (VERSION => {version})),
refused AS (SELECT source, key, etag, line FROM lake.rejected AT (VERSION => {version})),
known AS (
    SELECT event_id, list(epoch_us(occurred_at)) AS times FROM stored
    WHERE occurred_at BETWEEN $1 AND $2 AND event_id IN (SELECT event_id::UUID FROM read_again) GROUP BY event_id
)
SELECT object, count(*) FROM read_again JOIN read_objects USING (object)
LEFT JOIN known ON known.event_id = read_again.event_id::UUID
WHERE coalesce(len(list_filter(times, lambda us: abs(us - epoch_us(occurred_at)) <= $3)), 0) = 0
AND (source, key, etag, line) NOT IN (SELECT (source, key, etag, line) FROM refused)
GROUP BY object
"""


def missing(snapshot: Snapshot, events: pa.Table, objects: pa.Table, days: int) -> dict[int, int]:
    """How many of `events` (`PARSED_SCHEMA`) are neither in the lake nor among its rejected lines, by their object.

    `objects` says which object has which number: object, source, key, etag. Objects that lack nothing are left out.
    """
    if not len(events):
        return {}
    window = timedelta(days=days)
    first, last = pc.min_max(events["occurred_at"]).as_py().values()
    with snapshot.engine.cursor() as cursor:
        cursor.register("read_again", events.select(["object", "event_id", "occurred_at", "line"]))
        cursor.register("read_objects", objects)
        statement = _MISSING.format(version=int(snapshot.version))  # a whole number of our own
        rows = cursor.execute(statement, [first - window, last + window, window // timedelta(microseconds=1)])
        return {int(number): int(count) for number, count in rows.fetchall()}
