"""What was loaded once by hand, from where and under which name: a rebuild of the lake must not leave it out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Engine, Float, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.settings import SourceSpec
from pipeline.state.database import METADATA

_LOADS = Table(
    "loads",
    METADATA,
    Column("uri", String, primary_key=True),
    Column("format", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("first_at", Float, nullable=False),
)


class Loads:
    """The one-off loads of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember(self, spec: SourceSpec, at: datetime) -> None:
        """Keep it; one that is known stays as it is."""
        row = {"uri": spec.uri, "format": spec.format, "name": spec.name, "first_at": at.timestamp()}
        with self._engine.begin() as con:
            con.execute(insert(_LOADS).values(row).on_conflict_do_nothing())

    def all(self) -> tuple[SourceSpec, ...]:
        """All of them, in the order of their first loads."""
        with self._engine.connect() as con:
            rows = con.execute(select(_LOADS).order_by(_LOADS.c.first_at, _LOADS.c.uri)).all()
        return tuple(SourceSpec(row.uri, row.format, row.name) for row in rows)
