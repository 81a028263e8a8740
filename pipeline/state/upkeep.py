"""What was done to the lake beside loading: merges, expiries, backups, retention, erasures, replays.

A run is noted when it begins, so that one that was killed is seen never to have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Engine, Float, Integer, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.errors import ActivityError
from pipeline.state.database import METADATA, maybe_time, time_at

_KEPT = 500  # runs of a kind

_RUNS = Table(
    "upkeep",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("outcome", String, nullable=False),
    Column("problem", String),
)


# What a page asks the scheduler to do; the pages themselves never write the lake.
_ASKED = Table(
    "upkeep_asked",
    METADATA,
    Column("kind", String, primary_key=True),
    Column("about", String, primary_key=True),
    Column("at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `outcome` says in a sentence what it did, `problem` why it failed; without an end it goes on or died."""

    kind: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    problem: str | None


class Upkeep:
    """The runs of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def running(self, kind: str, clock: Callable[[], datetime]) -> Iterator[Callable[[str], None]]:
        """Note a run of `kind` around what it does, which says its outcome by calling what it is given.

        Whatever it raises is noted and goes on.
        """
        outcome = ""

        def said(text: str) -> None:
            nonlocal outcome
            outcome = text

        number = self._begun(kind, clock())
        try:
            yield said
        except BaseException as error:
            # Of foreign errors only the kind: their texts may quote what a person sent.
            problem = str(error) if isinstance(error, ActivityError) else type(error).__name__
            self._ended(number, clock(), outcome, problem)
            raise
        self._ended(number, clock(), outcome, None)

    def last(self, limit: int = 50, kind: str | None = None) -> tuple[Run, ...]:
        """The newest runs, of one kind if given."""
        wanted = select(_RUNS).order_by(_RUNS.c.id.desc()).limit(limit)
        with self._engine.connect() as con:
            rows = con.execute(wanted if kind is None else wanted.where(_RUNS.c.kind == kind)).all()
        return tuple(
            Run(row.kind, time_at(row.started_at), maybe_time(row.ended_at), row.outcome, row.problem) for row in rows
        )

    def ask(self, kind: str, about: str, at: datetime) -> None:
        """Ask the scheduler for a run of `kind`, about something; asking twice before it is done is asking once."""
        row = {"kind": kind, "about": about, "at": at.timestamp()}
        with self._engine.begin() as con:
            con.execute(insert(_ASKED).values(row).on_conflict_do_nothing())

    def asked(self, kind: str) -> tuple[str, ...]:
        """What runs of `kind` are asked for about, the oldest first."""
        with self._engine.connect() as con:
            return tuple(con.scalars(select(_ASKED.c.about).where(_ASKED.c.kind == kind).order_by(_ASKED.c.at)))

    def answered(self, kind: str, about: str) -> None:
        """The run is over, whatever it came to."""
        with self._engine.begin() as con:
            con.execute(_ASKED.delete().where(_ASKED.c.kind == kind, _ASKED.c.about == about))

    def _begun(self, kind: str, at: datetime) -> int:
        row: dict[str, Any] = {"kind": kind, "started_at": at.timestamp(), "outcome": ""}
        kept = select(_RUNS.c.id).where(_RUNS.c.kind == kind).order_by(_RUNS.c.id.desc()).limit(_KEPT)
        with self._engine.begin() as con:
            number = int(con.execute(_RUNS.insert().values(row).returning(_RUNS.c.id)).scalar_one())
            con.execute(_RUNS.delete().where(_RUNS.c.kind == kind, _RUNS.c.id.not_in(kept)))
        return number

    def _ended(self, number: int, at: datetime, outcome: str, problem: str | None) -> None:
        values = {"ended_at": at.timestamp(), "outcome": outcome, "problem": problem}
        with self._engine.begin() as con:
            con.execute(_RUNS.update().where(_RUNS.c.id == number).values(values))
