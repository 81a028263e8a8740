"""What must hold once everything has recovered, counted apart from the product's own numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.recovery.verify import verify
from tests.faults.producer import Ledger
from tests.faults.world import World

_MARKER = re.compile(rb"bad-[0-9]+-[0-9]+-")  # as the producer makes them


def check(world: World, *, again: bool = True, versions: bool = False, old: Collection[str] = ()) -> None:
    """Accepted − (events ∪ rejected) = ∅; no event twice; every object's equation holds; the product's own `verify`
    finds nothing, the objects read again; and with `again`, running once more changes nothing.

    With `versions`, objects may have been written anew under the pipeline (by an erasure that was killed) and read
    twice: the lines of what they were count, too, but cannot be read again. `old` are keys of which a version was
    loaded that the producer booked and wrote over later.
    """
    lake = world.lake()
    try:
        _matches(lake, world.producer.ledger, versions)
        report = verify(world.settings, lake, datetime.now(UTC), objects=True)
        assert report.differences == []
        unread = [each for each in report.unread if not each.reason.startswith("object.gone") or not versions]
        assert sorted(each.key.removeprefix("landing/") for each in unread) == sorted(old)
        if again:
            before = state(lake)
            world.recover()
            assert state(lake) == before, "running again changed something"
    finally:
        lake.close()


def _matches(lake: Lake, accepted: Ledger, versions: bool) -> None:
    with lake.engine.cursor() as cursor:
        ids = [text for (text,) in cursor.execute("SELECT message_id FROM lake.events").fetchall()]
        raws = [bytes(raw) for (raw,) in cursor.execute("SELECT raw FROM lake.rejected").fetchall()]
        uneven = cursor.execute(
            """SELECT key FROM lake.objects WHERE state = 'loaded'
               AND lines <> loaded + duplicate + rejected + expired"""
        ).fetchall()
    assert accepted.events - accepted.gone - set(ids) == set(), "lost"
    assert accepted.gone & set(ids) == set(), "not removed"
    assert set(ids) - accepted.events == set(), "never accepted"
    assert [text for text, times in Counter(ids).items() if times > 1] == [], "twice"
    assert uneven == []
    totals = ledger.totals(lake.snapshot())
    assert totals.balanced
    found = _found(raws, accepted.bad)
    if versions:
        assert found.keys() == accepted.bad.keys(), "rejected lines"
        return
    assert found == accepted.bad, "rejected lines"
    assert (totals.lines, totals.rejected) == (accepted.lines, accepted.bad.total())
    assert totals.loaded + totals.duplicate + totals.expired == totals.lines - totals.rejected
    assert totals.loaded == len(accepted.events)


def _found(raws: list[bytes], bad: Counter[str]) -> Counter[str]:
    """How often each marker is among the rejected lines' raw bytes."""
    others = [marker for marker in bad if not _MARKER.fullmatch(marker.encode())]
    found = Counter[str]()
    for raw in raws:  # there may be 100,000 of both
        found.update({text.decode() for text in _MARKER.findall(raw)} & bad.keys())
        found.update(marker for marker in others if marker.encode() in raw)
    return found


def state(lake: Lake) -> dict[str, Any]:
    """All that a run which has nothing to do must leave as it is."""
    with lake.engine.cursor() as cursor:
        return {
            table: cursor.execute(f"SELECT count(*), bit_xor(hash({table})) FROM lake.{table}").fetchone()  # noqa: S608
            for table in ("events", "objects", "rejected", "batches", "links", "traits", "people", "removed")
        }
