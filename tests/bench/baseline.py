"""The yardstick for loading: DuckDB's own `read_json` straight into the same lake table, without any of the rules."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.lake import Lake
from pipeline.settings import Settings

# The same columns as far as one SELECT gives them: no validation, no enrichment, no de-duplication, no ledger.
_LOAD = """
INSERT INTO lake.events BY NAME
SELECT event, type, CAST("timestamp" AS TIMESTAMPTZ) AS occurred_at, CAST(receivedAt AS TIMESTAMPTZ) AS received_at,
       now() AS ingested_at, userId AS customer_id, anonymousId AS anonymous_id, context.ip AS ip,
       context.page.url AS url, context.page.path AS path, context.page.referrer AS referrer,
       context.page.title AS title, context.campaign.source AS utm_source, context.campaign.medium AS utm_medium,
       md5(messageId)::UUID AS event_id, messageId AS message_id, 'bench' AS source,
       CAST(properties AS VARCHAR) AS properties, filename AS object_key
FROM read_json($1, format = 'newline_delimited', filename = true, columns = {
    'type': 'VARCHAR', 'event': 'VARCHAR', 'messageId': 'VARCHAR', 'anonymousId': 'VARCHAR', 'userId': 'VARCHAR',
    'timestamp': 'VARCHAR', 'receivedAt': 'VARCHAR', 'properties': 'JSON',
    'context': 'STRUCT(ip VARCHAR, userAgent VARCHAR, page STRUCT(url VARCHAR, path VARCHAR, referrer VARCHAR,
                title VARCHAR), campaign STRUCT(source VARCHAR, medium VARCHAR))'})
"""


def load(folder: Path, data: Path) -> tuple[float, int]:
    """Seconds and rows of loading `folder`'s objects into a fresh lake under `data` by `read_json` alone."""
    lake = Lake.open(Settings(data=data, memory_limit_mb=4000))
    with lake.engine.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(_LOAD, [str(folder / "*.gz")])
        seconds = time.perf_counter() - started
        row = cursor.execute("SELECT count(*) FROM lake.events").fetchone()
    lake.close()
    return seconds, row[0] if row else 0
