"""Sign-ins that were ended before their cookie was: a copy of the cookie is nobody's from then on."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Column, Engine, Float, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA

_KEPT = timedelta(days=31)  # a sign-in's cookie is good for 30

_SIGN_OUTS = Table(
    "sign_outs",
    METADATA,
    Column("session", String, primary_key=True),
    Column("at", Float, nullable=False),
)


class SignOuts:
    """Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, session: str, at: datetime) -> None:
        """End that sign-in; those whose cookies have ended by themselves are forgotten."""
        with self._engine.begin() as con:
            con.execute(delete(_SIGN_OUTS).where(_SIGN_OUTS.c.at < (at - _KEPT).timestamp()))
            con.execute(insert(_SIGN_OUTS).values(session=session, at=at.timestamp()).on_conflict_do_nothing())

    def has(self, session: str) -> bool:
        with self._engine.connect() as con:
            return con.execute(select(_SIGN_OUTS.c.at).where(_SIGN_OUTS.c.session == session)).first() is not None
