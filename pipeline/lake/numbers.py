"""Numbers for people: what an event says of its person, as a number that is quick to read, gather and compare."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipeline.lake.schema import PERSON, VISITOR

# Everybody whom this batch names, with the number the lake knows them by, else the next free one. The visitors of a
# customer's events are named, too, since links are kept in numbers.
_NUMBERS = f"""
CREATE OR REPLACE TEMP TABLE numbers AS
WITH named AS (
    SELECT {PERSON} AS person FROM named_people
    UNION SELECT unnest([{VISITOR}, 'a:' || nullif(linked_anonymous_id, '')]) FROM named_people
    WHERE customer_id IS NOT NULL
)
SELECT person, known.number IS NULL AS fresh, coalesce(known.number,
    (SELECT coalesce(max(number), 0) FROM lake.people)
    + row_number() OVER (PARTITION BY known.number IS NULL ORDER BY person)) AS number
FROM named LEFT JOIN lake.people known USING (person)
WHERE person IS NOT NULL
"""  # noqa: S608
_INSERT = "INSERT INTO lake.people BY NAME SELECT number, person FROM numbers WHERE fresh"


def number_people(con: duckdb.DuckDBPyConnection, events: pa.Table) -> None:
    """Make the table `numbers` (person, number) of everybody in `events`, and keep the new ones in the lake.

    Runs in the caller's transaction; the writer lock keeps two from counting at once.
    """
    # Read by its name, not registered, as in `Transaction._run`.
    named_people = events.select(["customer_id", "anonymous_id", "linked_anonymous_id"])  # noqa: F841
    con.execute(_NUMBERS)
    if con.execute("SELECT bool_or(fresh) FROM numbers").fetchone() == (True,):
        con.execute(_INSERT)
