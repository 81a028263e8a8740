"""Who did what that others may have to answer for: sign-ins, exports, replays, erasures, changes of keys.

Rows are only ever added: the database itself refuses to change or remove one. No customer is named in them, so that an
erasure has nothing to look for here: whoever notes an export notes the values of its filters as `masked` gives them.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Column, Engine, Float, Integer, String, Table, func, select, text
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA, time_at

Act = Literal["sign-in", "export", "replay", "erase", "key made", "key revoked"]

_AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
    Column("act", String, nullable=False),
    Column("about", String, nullable=False),
    Column("rows", Integer),
    Column("once", String, unique=True),
)
_REFUSE = "CREATE TRIGGER IF NOT EXISTS audit_{0} BEFORE {0} ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END"


@dataclass(frozen=True, slots=True)
class Deed:
    """One row: at `at` (UTC), `who` did `act`, about what in words, and of how many rows where it was a file."""

    at: datetime
    who: str
    act: str
    about: str
    rows: int | None


class Audit:
    """The log of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as con:
            for change in ("UPDATE", "DELETE"):
                con.execute(text(_REFUSE.format(change)))

    def note(self, who: str, act: Act, about: str, at: datetime, *, rows: int | None = None, once: str = "") -> None:
        """Add a row; with `once`, only while there is none of that name, such as of a sign-in seen again."""
        row = {"at": at.timestamp(), "who": who, "act": act, "about": about, "rows": rows, "once": once or None}
        with self._engine.begin() as con:
            con.execute(insert(_AUDIT).values(row).on_conflict_do_nothing(index_elements=["once"]))

    def count(self) -> int:
        with self._engine.connect() as con:
            return int(con.execute(select(func.count()).select_from(_AUDIT)).scalar_one())

    def last(self, limit: int, skip: int = 0) -> tuple[Deed, ...]:
        """Newest first."""
        asked = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit).offset(skip)
        with self._engine.connect() as con:
            return tuple(Deed(time_at(row.at), row.who, row.act, row.about, row.rows) for row in con.execute(asked))


def operator() -> str:
    """Who runs a command, as this machine knows them."""
    try:
        return f"{getpass.getuser()}, on the command line"
    except (OSError, KeyError):  # a container's user without a name
        return "somebody, on the command line"
