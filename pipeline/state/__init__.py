"""The state database: what is neither an event nor derived from one, kept apart from the lake.

The pipeline’s heartbeat and lag, the lake’s upkeep, the write keys of those who may send events, saved funnels, whom
not to let in again, which sign-ins were ended, and who did what.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.state.audit import Act, Audit, Deed, operator
from pipeline.state.database import open_database
from pipeline.state.erasures import Erased, Erasures
from pipeline.state.funnels import Funnels, SavedFunnel
from pipeline.state.heartbeat import Freshness, Health, Heartbeat, Poll
from pipeline.state.keys import KINDS, Keys, Kind, NewKey, WriteKey, hash_of, origin_of
from pipeline.state.lags import Lags, Worst
from pipeline.state.loads import Loads
from pipeline.state.signouts import SignOuts
from pipeline.state.upkeep import Run, Upkeep

__all__ = [
    "KINDS",
    "Act",
    "Audit",
    "Deed",
    "Erased",
    "Erasures",
    "Freshness",
    "Funnels",
    "Health",
    "Keys",
    "Kind",
    "Lags",
    "Loads",
    "NewKey",
    "Poll",
    "Run",
    "SavedFunnel",
    "SignOuts",
    "State",
    "Upkeep",
    "Worst",
    "WriteKey",
    "hash_of",
    "operator",
    "origin_of",
]


class State(Heartbeat):
    """The state database of one installation, in `folder`. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        engine = open_database(folder)
        super().__init__(engine)
        self.audit = Audit(engine)
        self.keys = Keys(engine)
        self.funnels = Funnels(engine)
        self.erasures = Erasures(engine)
        self.lags = Lags(engine)
        self.loads = Loads(engine)
        self.upkeep = Upkeep(engine)
        self.sign_outs = SignOuts(engine)
