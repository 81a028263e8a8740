"""The lake's tables, and how an older lake becomes a current one.

`events` derives from `pipeline.event.FIELDS`: a new stored field becomes a new column when the lake is next opened
for writing. Everything else changes by a migration: a function appended to `MIGRATIONS`, never edited once released.
All statements here are fixed text or built from names declared in this package; no value of a user's enters them.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.errors import LakeError
from pipeline.event import STORED, Type
from pipeline.lake.engine import transaction

SQL_TYPE: dict[Type, str] = {
    "string": "VARCHAR",
    "uuid": "UUID",
    "timestamp": "TIMESTAMPTZ",
    "integer": "BIGINT",
    "json": "VARCHAR",  # DuckLake keeps JSON as text; questions read it with the JSON functions
}
EVENT_COLUMNS: dict[str, str] = {field.name: SQL_TYPE[field.type] for field in STORED}

# Texts that single events are looked up by, as numbers read in a tenth of the time, which other texts may share: 30
# bits of an event id's first digits, and of an address's MD5 (docs/design.md). Of numbers with more bits DuckDB 1.5.5
# writes differences that other readers of Parquet do not take.
ID_NUMBER = "(('0x' || left(event_id::VARCHAR, 8))::UINTEGER % 1073741824)::INTEGER"
IP_NUMBER = "(md5_number_lower(ip) % 1073741824)::INTEGER"


# The facts beside the events. Traits and links are append-only; the ledger has one row an object.
# `people` numbers what events and links say of a person: `c:` and the customer id, or `a:` and the anonymous id.
# Funnels read twenty million numbers in a fraction of the time that the texts take (docs/design.md).
_EVENTS = {**EVENT_COLUMNS, "person_number": "INTEGER", "id_number": "INTEGER", "ip_number": "INTEGER"}
# What events of days that are over have once more, to be found by (`pipeline.lake.look_ups`): what lists and profiles
# show of them, by person and by address; and by its id when an event occurred.
SHOWN = (
    *("person_number", "occurred_at", "event_id", "event", "type", "modal", "customer_id", "anonymous_id", "path"),
    *("country", "country_code", "region", "city", "device", "browser", "os", "ip", "id_number", "ip_number"),
)
TABLES: dict[str, dict[str, str]] = {
    "events": _EVENTS,
    "by_person": {name: _EVENTS[name] for name in SHOWN},
    "by_address": {name: _EVENTS[name] for name in SHOWN},
    "by_id": {name: _EVENTS[name] for name in ("id_number", "occurred_at")},
    "sorted_until": {"until": "TIMESTAMPTZ"},  # the latest: before it, all events are there, too
    "people": {"number": "INTEGER", "person": "VARCHAR"},
    "links": {
        "anonymous_id": "VARCHAR",
        "customer_id": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "event_id": "UUID",
        "visitor_number": "INTEGER",
        "customer_number": "INTEGER",
    },
    "traits": {
        "customer_id": "VARCHAR",
        "name": "VARCHAR",
        "email": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "event_id": "UUID",
    },
    "objects": {
        "source": "VARCHAR",
        "key": "VARCHAR",
        "etag": "VARCHAR",
        "state": "VARCHAR",  # loaded, retrying or rejected
        "format": "VARCHAR",
        "bytes": "BIGINT",
        "modified": "TIMESTAMPTZ",
        "lines": "BIGINT",
        "loaded": "BIGINT",
        "duplicate": "BIGINT",
        "rejected": "BIGINT",
        "expired": "BIGINT",
        "attempts": "INTEGER",
        "last_error": "VARCHAR",
        "batch_id": "UUID",
        "seen_at": "TIMESTAMPTZ",
    },
    "batches": {
        "batch_id": "UUID",
        "started_at": "TIMESTAMPTZ",
        "committed_at": "TIMESTAMPTZ",
        "objects": "BIGINT",
        "lines": "BIGINT",
        "loaded": "BIGINT",
        "duplicate": "BIGINT",
        "rejected": "BIGINT",
        "expired": "BIGINT",
        "bytes": "BIGINT",
        "oldest_landed_at": "TIMESTAMPTZ",
    },
    "rejected": {
        "source": "VARCHAR",
        "key": "VARCHAR",
        "etag": "VARCHAR",
        "line": "BIGINT",
        "code": "VARCHAR",
        "reason": "VARCHAR",
        "raw": "BLOB",
        "seen_at": "TIMESTAMPTZ",
        "batch_id": "UUID",
    },
    # What left since, by the object it came from, so that rows = what was loaded - what was removed, always.
    "removed": {
        "removed_at": "TIMESTAMPTZ",
        "kind": "VARCHAR",  # retention or erasure
        "key": "VARCHAR",  # as in events.object_key
        "events": "BIGINT",  # rows of events
        "rejected": "BIGINT",  # rows of rejected
        "lines": "BIGINT",  # lines of the object itself, which is as many shorter
    },
}


# Whom an event or a link names, as `people.person` spells it; null where the id is missing or empty.
CUSTOMER = "'c:' || nullif(customer_id, '')"
VISITOR = "'a:' || nullif(anonymous_id, '')"
PERSON = f"coalesce({CUSTOMER}, {VISITOR})"


def _spelt(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _create(con: duckdb.DuckDBPyConnection) -> None:
    """A lake of the current version. Days of events are partitions, so that retention drops whole files; newest first
    inside them. Version 2 of Parquet is smaller and a fifth quicker to read."""
    con.execute("CALL lake.set_option('parquet_version', '2')")
    for table, columns in TABLES.items():
        con.execute(f"CREATE TABLE lake.{table} ({_spelt(columns)})")
    con.execute("ALTER TABLE lake.events SET PARTITIONED BY (year(occurred_at), month(occurred_at), day(occurred_at))")
    con.execute("ALTER TABLE lake.events SET SORTED BY (occurred_at DESC)")
    con.execute("ALTER TABLE lake.people SET SORTED BY (person ASC)")
    _order(con, _FACTS)
    _order(con, LOOK_UPS)


# Table → how it lies in its files: facts by what the person of one event is looked up by.
_FACTS: dict[str, str] = {"links": "visitor_number ASC", "traits": "customer_id ASC"}
LOOK_UPS: dict[str, str] = {
    "by_person": "person_number ASC, occurred_at DESC",
    "by_address": "ip_number ASC, occurred_at DESC",
    "by_id": "id_number ASC, occurred_at DESC",
}


def _order(con: duckdb.DuckDBPyConnection, orders: dict[str, str]) -> None:
    for table, order in orders.items():
        con.execute(f"ALTER TABLE lake.{table} SET SORTED BY ({order})")


def _write_anew(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Write a table's rows again, in the order that has been set since."""
    con.execute(f"CREATE TEMP TABLE known AS FROM lake.{table}")
    con.execute(f"DELETE FROM lake.{table}")  # noqa: S608 (fixed names)
    con.execute(f"INSERT INTO lake.{table} FROM known")
    con.execute("DROP TABLE known")


def _number_people(con: duckdb.DuckDBPyConnection) -> None:
    """From version 1 to 2. Rewrites every event: a minute for twenty million."""
    con.execute("CALL lake.set_option('parquet_version', '2')")
    con.execute("CREATE TABLE lake.people (number INTEGER, person VARCHAR)")
    con.execute("ALTER TABLE lake.events ADD COLUMN person_number INTEGER")
    con.execute("ALTER TABLE lake.links ADD COLUMN visitor_number INTEGER")
    con.execute("ALTER TABLE lake.links ADD COLUMN customer_number INTEGER")
    con.execute(f"""INSERT INTO lake.people SELECT row_number() OVER (ORDER BY person), person FROM (
        SELECT {PERSON} AS person FROM lake.events
        UNION SELECT unnest([{CUSTOMER}, {VISITOR}]) FROM lake.links) WHERE person IS NOT NULL""")  # noqa: S608
    con.execute(f"""UPDATE lake.links SET visitor_number = visitor.number, customer_number = customer.number
        FROM lake.people visitor, lake.people customer
        WHERE visitor.person = {VISITOR} AND customer.person = {CUSTOMER}""")  # noqa: S608
    con.execute(f"""UPDATE lake.events SET person_number = known.number
        FROM lake.people known WHERE known.person = {PERSON}""")  # noqa: S608


def _count_removals(con: duckdb.DuckDBPyConnection) -> None:
    """From version 2 to 3. Nothing had ever been removed before."""
    con.execute("""CREATE TABLE lake.removed (removed_at TIMESTAMPTZ, kind VARCHAR, key VARCHAR,
        events BIGINT, rejected BIGINT, lines BIGINT)""")


def _number_look_ups(con: duckdb.DuckDBPyConnection) -> None:
    """From version 3 to 4. Rewrites every event, as version 2 did."""
    for name in ("id_number", "ip_number"):
        con.execute(f"ALTER TABLE lake.events ADD COLUMN {name} INTEGER")
    con.execute(f"UPDATE lake.events SET id_number = {ID_NUMBER}, ip_number = {IP_NUMBER}")  # noqa: S608


def _keep_by_person(con: duckdb.DuckDBPyConnection) -> None:
    """From version 4 to 5. The events come later, some days at a time (`pipeline.lake.look_ups`)."""
    con.execute(f"CREATE TABLE lake.by_person ({_spelt(TABLES['by_person'])})")
    con.execute("CREATE TABLE lake.by_number (number INTEGER, person_number INTEGER, until TIMESTAMPTZ)")
    con.execute(f"CREATE TABLE lake.sorted_until ({_spelt(TABLES['sorted_until'])})")
    con.execute("ALTER TABLE lake.people SET SORTED BY (person ASC)")
    _write_anew(con, "people")


def _keep_by_address(con: duckdb.DuckDBPyConnection) -> None:
    """From version 5 to 6. What lies by person comes anew together with the others, some days at a time."""
    con.execute("DROP TABLE lake.by_number")
    for table in ("by_address", "by_id"):
        con.execute(f"CREATE TABLE lake.{table} ({_spelt(TABLES[table])})")
    _order(con, LOOK_UPS)
    for table in ("by_person", "sorted_until"):
        con.execute(f"DELETE FROM lake.{table}")  # noqa: S608 (fixed names)


def _sort_facts(con: duckdb.DuckDBPyConnection) -> None:
    """From version 6 to 7. A second for some 400,000 links."""
    _order(con, _FACTS)
    for table in _FACTS:
        _write_anew(con, table)


# Asked of DuckLake's own catalog: `duckdb_tables` and `duckdb_columns` load every table first, in twenty times as long.
TABLE_ID = "SELECT table_id FROM __ducklake_metadata_lake.ducklake_table WHERE table_name = $1 AND end_snapshot IS NULL"
_COLUMNS = f"""SELECT column_name FROM __ducklake_metadata_lake.ducklake_column
    WHERE table_id IN ({TABLE_ID}) AND end_snapshot IS NULL"""  # noqa: S608 (fixed text)

# From version 1 on: the first makes version 2.
MIGRATIONS: tuple[Callable[[duckdb.DuckDBPyConnection], None], ...] = (
    _number_people,
    _count_removals,
    _number_look_ups,
    _keep_by_person,
    _keep_by_address,
    _sort_facts,
)
CURRENT = 1 + len(MIGRATIONS)


# Table → rows that are unpacked together. DuckDB's own 122,880 let more texts of events be dictionaries, which counting
# them is quicker by; but whatever shows some events unpacks a group, and takes twice as long. Of facts one person's are
# looked up (docs/design.md).
_GROUP = {"events": 30_720, "links": 8_192, "traits": 8_192}
_GROUP_IS = f"""SELECT value FROM __ducklake_metadata_lake.ducklake_metadata
    WHERE key = 'parquet_row_group_size' AND scope = 'table' AND scope_id IN ({TABLE_ID})"""  # noqa: S608 (fixed text)


def size_groups(con: duckdb.DuckDBPyConnection) -> None:
    """Have files written from now on in groups of that size. DuckLake does not take it in the transaction that makes
    the table."""
    for table, rows in _GROUP.items():
        if con.execute(_GROUP_IS, [table]).fetchone() != (str(rows),):
            con.execute(f"CALL lake.set_option('parquet_row_group_size', '{rows}', table_name => '{table}')")


def is_current(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing is to be migrated. Raises `LakeError` for a lake of a newer version."""
    version = _version(con)
    if version > CURRENT:
        raise LakeError(
            f"This lake has version {version}; this program knows versions up to {CURRENT}.",
            hint="It was written by a newer release: upgrade.",
        )
    return version == CURRENT and not _missing(con)


def migrate(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the lake to the current version, in one transaction. Raises `LakeError` for a lake of a newer version."""
    if is_current(con):
        return
    version = _version(con)
    with transaction(con):
        if version == 0:
            con.execute("CREATE TABLE lake.migrations (version INTEGER, applied_at TIMESTAMPTZ)")
            _create(con)
        else:
            for name in _missing(con):
                con.execute(f"ALTER TABLE lake.events ADD COLUMN {name} {EVENT_COLUMNS[name]}")
            for step in MIGRATIONS[version - 1 :]:
                step(con)
        if version < CURRENT:
            con.execute("INSERT INTO lake.migrations VALUES ($1, now())", [CURRENT])


def _version(con: duckdb.DuckDBPyConnection) -> int:
    if con.execute(TABLE_ID, ["migrations"]).fetchone() is None:
        return 0
    row = con.execute("SELECT max(version) FROM lake.migrations").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _missing(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The stored fields that the events table has no column for yet."""
    rows = con.execute(_COLUMNS, ["events"]).fetchall()
    return sorted(EVENT_COLUMNS.keys() - {str(name) for (name,) in rows})
