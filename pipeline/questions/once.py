"""What several questions about one version of the lake share: asked once, and kept as long as what is kept of days."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from pipeline.lake.days import Sized
from pipeline.questions.snapshot import Snapshot

Kept = TypeVar("Kept", bound=Sized)


def once(snapshot: Snapshot, question: Hashable, ask: Callable[[], Kept]) -> Kept:
    """What `ask` says, which follows from the lake's version and `question` alone; not to be written to."""
    whole = snapshot.days.whole(snapshot.version)
    known = snapshot.days.recall(whole, question)
    if known is None:
        known = ask()
        snapshot.days.keep(whole, question, known)
    return cast(Kept, known)
